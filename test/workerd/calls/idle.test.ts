/** A share that costs nothing: agents, listening clients and waiting calls are all asleep at once, and each hears what is its own. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { FIRST_ANSWER_MS, MOVE_AFTER_MS } from '../../../worker/limits.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare, EventReader, factsOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

const AGENTS = 4
const STREAMS = 500
const LISTENS = 500
const CALLS = 20
/** Requests made side by side while all is set up. */
const AT_ONCE = 50
const SERVER =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"}}'
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'

/** Answers handshakes and the relay's own requests; keeps the tool calls. */
class Fleet {
  readonly agents: readonly ScriptedAgent[]
  /** By the channel that it serves. */
  readonly agentOf = new Map<string, ScriptedAgent>()
  readonly calls = new Map<string, Call>()
  #wake = Promise.withResolvers<void>()

  private constructor(agents: readonly ScriptedAgent[]) {
    this.agents = agents
    for (const agent of agents) void this.#serve(agent)
  }

  static async connect(share: TestShare): Promise<Fleet> {
    const names = Array.from({ length: AGENTS }, (_, at) => `agent-${at}`)
    return new Fleet(await Promise.all(names.map((agent) => ScriptedAgent.connect(share, { agent, join: 'replica', era: 'legacy' }))))
  }

  /** Resolves when the relay has said enough for this to hold. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#wake.promise
  }

  async #serve(agent: ScriptedAgent): Promise<void> {
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'open') this.agentOf.set(header.ch, agent)
      if (header.type === 'notify') agent.send({ type: 'receipts', keys: [header.key] })
      if (header.type === 'call') {
        const text = bodyText(frame)
        const name = /"name":"(call-\d+)"/.exec(text)?.[1]
        if (name !== undefined) this.calls.set(name, header)
        else agent.answer(header, text.slice(...header.id), header.method === 'initialize' ? SERVER : '{"tools":[]}')
      }
      this.#wake.resolve()
      this.#wake = Promise.withResolvers<void>()
    }
  }
}

interface Sleeper {
  /** Has the agent tell this one, and nobody else. */
  readonly tell: (mark: string) => void
  /** The mark of the next thing it hears, or what else that is. */
  readonly hear: () => Promise<string>
}

interface Told {
  readonly id?: number
  readonly params?: { readonly data?: string; readonly uri?: string; readonly _meta?: Readonly<Record<string, unknown>> }
  readonly result?: { readonly mark?: string }
}

async function next(events: EventReader): Promise<Told> {
  return JSON.parse((await events.next()) ?? '{}') as Told
}

/** A session with its GET stream. */
async function openStream(fleet: Fleet, client: TestClient): Promise<Sleeper> {
  await client.initialize()
  const events = new EventReader(await client.listen())
  const ch = `${client.session ?? ''}.1`
  const agent = fleet.agentOf.get(ch)
  return {
    tell: (mark) => void agent?.notify(ch, `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${mark}"}}`),
    hear: async () => (await next(events)).params?.data ?? 'something else',
  }
}

/** A listen of a client of 2026-07-28 for a resource of its own. */
async function openListen(fleet: Fleet, share: TestShare, at: number): Promise<Sleeper> {
  const uri = `x:${at}`
  const notifications = { resourceSubscriptions: [uri] }
  const events = new EventReader(await postModern(share, 'subscriptions/listen', { notifications }, { id: at }))
  expect((await next(events)).params?._meta?.[SUBSCRIPTION_ID]).toBe(at)
  return {
    tell: () => {
      for (const [ch, agent] of fleet.agentOf)
        if (ch.startsWith('b-'))
          agent.notify(ch, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}`, { uri })
    },
    hear: async () => {
      const { params } = await next(events)
      return params?._meta?.[SUBSCRIPTION_ID] === at ? (params.uri ?? 'something else') : 'what is for another'
    },
  }
}

/** A call whose answer is a while in coming. */
async function openCall(fleet: Fleet, client: TestClient, at: number): Promise<Sleeper> {
  const name = `call-${at}`
  const response = client.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${name}"}}`)
  await fleet.until(() => fleet.calls.has(name))
  return {
    tell: (mark) => {
      const call = fleet.calls.get(name)
      if (call !== undefined) fleet.agentOf.get(call.ch)?.answer(call, '7', `{"mark":"${mark}"}`)
    },
    hear: async () => (await next(new EventReader(await response))).result?.mark ?? 'something else',
  }
}

/** Makes so many of something, a few at a time. */
async function many<T>(count: number, make: (at: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  while (made.length < count) {
    const group = Array.from({ length: Math.min(AT_ONCE, count - made.length) }, (_, index) => make(made.length + index))
    made.push(...(await Promise.all(group)))
  }
  return made
}

function socketCount(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.getWebSockets().length)
}

afterEach(() => {
  vi.restoreAllMocks()
})

test(`${AGENTS} agents, ${STREAMS} GET streams, ${LISTENS} listens and ${CALLS} calls that wait sleep at once, and each hears its own`, async () => {
  verifies('promise.6.hibernates', 'promise.6.wakes-right')
  const share = await createShare()
  const fleet = await Fleet.connect(share)
  const clients = Array.from({ length: STREAMS }, () => new TestClient(share))
  const streams = await many(STREAMS, (at) => openStream(fleet, clients[at] ?? new TestClient(share)))
  const listens = await many(LISTENS, (at) => openListen(fleet, share, at))
  shortTimers(FIRST_ANSWER_MS, MOVE_AFTER_MS)
  const calls = await many(CALLS, (at) => openCall(fleet, clients[at] ?? new TestClient(share), at))
  await vi.waitFor(async () => expect(await socketCount(share)).toBe(AGENTS + STREAMS + LISTENS + CALLS), { timeout: 10_000 })

  const lives = new Set([(await factsOf(share)).counters.incarnation])
  for (const [sleeper, mark] of [
    [streams[123], 'wake'],
    [listens[321], 'x:321'],
    [calls[12], 'answered'],
  ] as const) {
    // Times out when anything holds the object in memory.
    await evictDurableObject(stubOf(share))
    sleeper?.tell(mark)
    expect(await sleeper?.hear()).toBe(mark)
    lives.add((await factsOf(share)).counters.incarnation)
  }
  expect(lives.size).toBe(4)

  // What woke one is not the next thing that any other hears.
  await evictDurableObject(stubOf(share))
  const waiting = calls.filter((_, at) => at !== 12)
  const named = [...streams, ...waiting].map((sleeper, at) => ({ sleeper, mark: `mark ${at}` }))
  const all = [...named, ...listens.map((sleeper, at) => ({ sleeper, mark: `x:${at}` }))]
  for (const { sleeper, mark } of all) sleeper.tell(mark)
  expect(await Promise.all(all.map(({ sleeper }) => sleeper.hear()))).toEqual(all.map(({ mark }) => mark))
  expect((await factsOf(share)).counters.incarnation).not.toBe([...lives].at(-1))
}, 120_000)
