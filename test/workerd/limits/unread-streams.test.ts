/** More than thirty clients that open streams and never read them, each behind a server that floods: what the object holds of it stays bounded, and nobody else notices. */
import { expect, test, vi } from 'vitest'
import { MAX_BUFFERED_BYTES } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createClientToken, createShare, EventReader, factsOf, TestClient, type TestShare } from '../harness/relay.ts'
import { type Place, ServingAgent } from '../harness/serving-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const OF_EACH_KIND = 8
const MIB = 1024 * 1024
const PAD = 'x'.repeat(250_000)
/** What an agent may send of a channel before it needs credit is 4 MiB. */
const MESSAGES = Math.floor((3.75 * MIB) / PAD.length)
const ENDLESS = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"endless"}}'

interface Opened extends Place {
  readonly events: EventReader
}

/** A session's GET stream. */
async function openStream(agent: ServingAgent, client: TestClient): Promise<Opened> {
  const ch = await agent.channelOf(() => client.initialize())
  return { ch, events: new EventReader(await client.listen()) }
}

/** An HTTP+SSE session, which is its stream. */
async function openSession(agent: ServingAgent, share: TestShare): Promise<Opened> {
  const client = await SseClient.connect(share)
  return { ch: await agent.channelOf(() => client.initialize()), events: client.events }
}

/** A listen of 2026-07-28, of a principal of its own. */
async function openListen(agent: ServingAgent, share: TestShare, mark: string): Promise<Opened> {
  const token = await createClientToken(share)
  const notifications = { resourceSubscriptions: [`x:${mark}`] }
  let response: Response | undefined
  const ch = await agent.channelOf(async () => (response = await postModern(share, 'subscriptions/listen', { notifications }, { token })))
  if (response === undefined) throw new Error('the listen was not answered')
  return { ch, events: new EventReader(response) }
}

/** A call whose response becomes a stream with the first that its server says. */
async function openCall(agent: ServingAgent, client: TestClient): Promise<Opened> {
  const ch = await agent.channelOf(() => client.initialize())
  let response: Promise<Response> | undefined
  const { ra } = await agent.callOf(() => (response = client.postForEvents(ENDLESS)))
  agent.say({ ch, ra }, 'begins')
  if (response === undefined) throw new Error('the call was not made')
  return { ch, ra, events: new EventReader(await response) }
}

async function bufferedBytes(share: TestShare): Promise<number> {
  return (await factsOf(share)).counters.buffered_bytes
}

test(`${4 * OF_EACH_KIND} clients that never read, each with a flood: the object holds at most MAX_BUFFERED_BYTES, and neighbours of every kind go on`, async () => {
  verifies('promise.10.object-32mib', 'promise.10.fair')
  const share = await createShare()
  const agent = await ServingAgent.connect(share, ['tools/call'])
  const neverReads: Opened[] = []
  for (let at = 0; at < OF_EACH_KIND; at++) {
    neverReads.push(await openStream(agent, new TestClient(share)))
    neverReads.push(await openListen(agent, share, 'flood'))
    neverReads.push(await openSession(agent, share))
    neverReads.push(await openCall(agent, new TestClient(share)))
  }
  expect(new Set(neverReads.map(({ ch }) => ch)).size).toBe(4 * OF_EACH_KIND)
  const neighbour = new TestClient(share)
  const stream = await openStream(agent, neighbour)
  const listen = await openListen(agent, share, 'neighbour')
  const session = await openSession(agent, share)
  await listen.events.next()
  await session.events.next()

  let most = 0
  for (const place of neverReads) {
    for (let n = 1; n <= MESSAGES; n++) agent.say(place, 'flood', PAD)
    const response = await neighbour.post('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"tools":[]')])
    for (const own of [stream, listen, session]) {
      agent.say(own, 'neighbour')
      expect(await own.events.next()).toContain('neighbour')
    }
    most = Math.max(most, await bufferedBytes(share))
  }
  expect(most).toBeGreaterThan(MAX_BUFFERED_BYTES / 2)
  expect(most).toBeLessThanOrEqual(MAX_BUFFERED_BYTES)
  await Promise.all([...neverReads, stream, listen, session].map(({ events }) => events.cancel()))
  await vi.waitFor(async () => expect(await bufferedBytes(share)).toBe(0))
}, 60_000)
