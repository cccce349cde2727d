/** Shares that several objects carry, in the real runtime: who is served by which, and what the owner's orders reach. */
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RelayFrame } from '../../protocol/frame.ts'
import { CLOSE } from '../../protocol/handshake.ts'
import { Registry } from '../../worker/registry/registry.ts'
import type { AdminCommand } from '../../worker/contract/share-rpc.ts'
import { Share } from '../../worker/share/share.ts'
import { verifies } from '../requirements/verifies.ts'
import { callTool, postModern } from './harness/handshake-child.ts'
import { askAsOwner, createShare, EventReader, fetchRelay, revokeShare, stubOf, TestClient, type TestShare } from './harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from './harness/scripted-agent.ts'
import { SseClient } from './harness/sse-client.ts'

const LANES = 8
/** Frames by which the relay only tends a channel. */
const TENDING: readonly string[] = ['resume', 'hold', 'receipt', 'credit']

afterEach(() => {
  vi.restoreAllMocks()
})

async function connectAll(share: TestShare, hello: Parameters<typeof ScriptedAgent.connect>[1] = {}): Promise<ScriptedAgent[]> {
  return Promise.all(
    Array.from({ length: LANES }, (_, lane) => ScriptedAgent.connect(share, lane === 0 ? hello : { ...hello, join: 'replica' }, lane)),
  )
}

/** The next frame of whichever lane has one, and that lane. */
async function nextOf(
  agents: readonly ScriptedAgent[],
): Promise<{ readonly lane: number; readonly frame: Awaited<ReturnType<ScriptedAgent['next']>> }> {
  for (;;) {
    const lane = agents.findIndex(({ waiting }) => waiting.length > 0)
    const agent = agents[lane]
    if (agent !== undefined) return { lane, frame: await agent.next() }
    await Promise.race(agents.map((one) => one.hasFrame()))
  }
}

/** The next frame of this type, past those by which the relay only tends a channel. */
async function take<T extends RelayFrame['type']>(agent: ScriptedAgent, type: T): ReturnType<typeof agent.expect<T>> {
  for (;;) {
    const { header, body } = await agent.next()
    if (header.type === type) return { header, body } as Awaited<ReturnType<typeof agent.expect<T>>>
    if (!TENDING.includes(header.type)) throw new Error(`expected ${type}, and ${JSON.stringify(header)} came`)
  }
}

/** The lane on which a channel is opened next. */
async function opened(agents: readonly ScriptedAgent[]): Promise<{ readonly lane: number; readonly agent: ScriptedAgent }> {
  for (;;) {
    const { lane, frame } = await nextOf(agents)
    const agent = agents[lane]
    if (frame.header.type === 'open' && agent !== undefined) return { lane, agent }
  }
}

interface Seat {
  readonly client: TestClient
  readonly lane: number
  readonly agent: ScriptedAgent
}

/** A session, and the lane that it was given. */
async function seat(share: TestShare, agents: readonly ScriptedAgent[]): Promise<Seat> {
  const client = new TestClient(share)
  const response = client.initialize()
  const { lane, agent } = await opened(agents)
  agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
  expect((await response).status).toBe(200)
  return { client, lane, agent }
}

async function describeShare(share: TestShare): Promise<Record<string, unknown>> {
  const response = await askAsOwner('GET', `/api/shares/${share.id}`)
  expect(response.status).toBe(200)
  return response.json()
}

function wait(client: TestClient, id: number): Promise<Response> {
  return client.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`)
}

describe('a session', () => {
  test('has all that it sends, and all its streams, on the lane that its id names', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    const used = new Set<number>()
    for (let round = 0; round < 12; round++) {
      const { client, lane, agent } = await seat(share, agents)
      used.add(lane)
      const events = new EventReader(await client.listen())
      const answered = wait(client, 5)
      const call = await take(agent, 'call')
      agent.notify(call.header.ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
      expect(await events.next()).toContain('list_changed')
      agent.answer(call.header, '5', '{"round":1}')
      expect(await (await answered).text()).toContain('"round":1')
      const sent = client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')
      const note = await take(agent, 'notify')
      agent.send({ type: 'receipts', keys: [note.header.key] })
      expect((await sent).status).toBe(202)
      expect((await client.leave()).status).toBe(204)
      await take(agent, 'close')
      await events.cancel()
      for (const other of agents) if (other !== agent) expect(other.waiting.filter(({ type }) => !TENDING.includes(type))).toEqual([])
    }
    expect(used.size).toBeGreaterThan(2)
  })

  test('is found again by Last-Event-ID on its lane, after that has slept', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    const { client, lane, agent } = await seat(share, agents)
    const response = client.postForEvents(
      '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":1}}}',
    )
    const { header } = await take(agent, 'call')
    agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}', { ra: header.ra, sure: true })
    const events = new EventReader(await response)
    const id = (await events.nextEvent())?.id ?? ''
    await events.cancel()
    await evictDurableObject(stubOf(share, lane))
    const again = client.resume(id)
    const replay = await take(agent, 'replay')
    expect(replay.header.key).toBe(header.key)
    await (await again).body?.cancel()
  })

  test('sees nothing of another session of the same principal on another lane, whose ids are the same', async () => {
    verifies('promise.1.sessions-apart')
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    const one = await seat(share, agents)
    let two = await seat(share, agents)
    while (two.lane === one.lane) two = await seat(share, agents)
    const events = new EventReader(await one.client.listen())
    const answers = [wait(one.client, 7), wait(two.client, 7)] as const
    const calls = [await take(one.agent, 'call'), await take(two.agent, 'call')] as const
    two.agent.notify(calls[1].header.ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    two.agent.answer(calls[1].header, '7', '"two"')
    one.agent.answer(calls[0].header, '7', '"one"')
    expect(await Promise.all(answers.map(async (answer) => (await answer).json()))).toMatchObject([{ result: 'one' }, { result: 'two' }])
    one.agent.notify(calls[0].header.ch, '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}')
    expect(await events.next()).toContain('prompts')
    await events.cancel()
  })

  test('over HTTP+SSE has its posts and its stream on one lane', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    for (let round = 0; round < 4; round++) {
      const client = await SseClient.connect(share)
      await client.initialize()
      const { agent } = await opened(agents)
      agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
      expect(await client.next()).toMatchObject({ id: 0 })
      await client.events.cancel()
    }
  })
})

describe('calls without sessions', () => {
  test('go by principal and set of capabilities, and each lane’s tools are remembered by themselves', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share, { era: 'modern' })
    const laneBySet = new Map<string, number>()
    for (let round = 0; round < 3; round++)
      for (const capabilities of [{}, { sampling: {} }, { elicitation: {} }, { roots: {} }, { sampling: {}, roots: {} }]) {
        const name = JSON.stringify(capabilities)
        const response = postModern(share, 'tools/call', { name: 'a', arguments: {} }, { capabilities })
        const methods: string[] = []
        let lane = -1
        for (let isOver = false; !isOver;) {
          const next = await nextOf(agents)
          lane = next.lane
          const { header } = next.frame
          if (header.type !== 'call') continue
          methods.push(header.method)
          isOver = header.method === 'tools/call'
          agents[lane]?.answer(
            header,
            isOver ? '1' : '0',
            isOver ? '{"resultType":"complete","content":[]}' : '{"resultType":"complete","tools":[]}',
          )
        }
        expect((await response).status).toBe(200)
        expect(lane).toBe(laneBySet.get(name) ?? lane)
        laneBySet.set(name, lane)
        // The tools are looked at once for a lane, and not again because another lane counts their states otherwise.
        if (round > 0) expect(methods).toEqual(['tools/call'])
      }
    expect(new Set(laneBySet.values()).size).toBeGreaterThan(1)
  })

  test('that wait for their client go on where they were parked', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share, { era: 'modern' })
    const params = { name: 'a', arguments: {} }
    const state = { requestState: 's', inputResponses: {} }
    const lanes: number[] = []
    for (const more of [params, { ...params, ...state }]) {
      const response = callTool(share, 'a', { input: more, capabilities: { elicitation: {} } })
      for (let isOver = false; !isOver;) {
        const { lane, frame } = await nextOf(agents)
        if (frame.header.type !== 'call') continue
        isOver = frame.header.method === 'tools/call'
        if (isOver) lanes.push(lane)
        agents[lane]?.answer(
          frame.header,
          isOver ? '1' : '0',
          isOver ? '{"resultType":"complete","content":[]}' : '{"resultType":"complete","tools":[]}',
        )
      }
      expect((await response).status).toBe(200)
    }
    expect(lanes[0]).toBe(lanes[1])
  })
})

describe('the owner of a share with lanes', () => {
  test('sees its agents once, and its sessions and counters of all lanes', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    for (let round = 0; round < 5; round++) await seat(share, agents)
    const facts = await describeShare(share)
    const lanes = Array.from({ length: LANES }, (_, lane) => lane)
    expect(facts).toMatchObject({ lanes: LANES, sessions: 5, agents: [{ name: 'scripted', lanes }] })
    expect(facts).not.toHaveProperty('unreached_lanes')
    const byLane = (facts['counters'] as { by_lane: { sessions: number }[] }).by_lane
    expect(byLane.map(({ sessions }) => sessions).reduce((sum, count) => sum + count)).toBe(5)
  })

  test('ends it on every lane', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    expect((await revokeShare(share)).status).toBe(204)
    for (const agent of agents) expect(await agent.closed).toMatchObject({ code: CLOSE.SHARE_GONE })
    for (let lane = 0; lane < LANES; lane++) {
      await expect(ScriptedAgent.dial(share, {}, lane)).rejects.toThrow('404')
      expect(await stubOf(share, lane).admin({ op: 'describe' })).toBeUndefined()
    }
    expect((await new TestClient(share).initialize()).status).toBe(404)
  })

  test('hears which lanes have not ended, and can say it again until all have', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    const admin = Object.getOwnPropertyDescriptor(Share.prototype, 'admin')?.value as (order: AdminCommand) => Promise<undefined>
    const broken = vi.spyOn(Share.prototype, 'admin').mockImplementation(function (
      this: Share & { ctx: DurableObjectState },
      order: AdminCommand,
    ) {
      if (this.ctx.id.name?.endsWith('.3') === true) throw new Error('out of order')
      return Reflect.apply(admin, this, [order])
    })
    const refused = await revokeShare(share)
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { code: 'LANES_UNREACHED', detail: expect.stringContaining('3 of 8') as string },
    ])
    expect(await describeShare(share)).toMatchObject({ ending: true, unreached_lanes: [3] })
    broken.mockRestore()
    expect((await agents[0]?.closed)?.code).toBe(CLOSE.SHARE_GONE)
    expect((await revokeShare(share)).status).toBe(204)
    expect((await agents[3]?.closed)?.code).toBe(CLOSE.SHARE_GONE)
    expect((await revokeShare(share)).status).toBe(404)
  })

  test('need not be there when it expires: every lane ends by itself', async () => {
    const share = await createShare({ lanes: LANES, expires_in: 60 })
    const agents = await connectAll(share)
    const laterMs = Date.now() + 61_000
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    for (let lane = 0; lane < LANES; lane++) expect(await runDurableObjectAlarm(stubOf(share, lane))).toBe(true)
    for (const agent of agents) expect(await agent.closed).toMatchObject({ code: CLOSE.SHARE_GONE })
  })

  test.each([0, 3, 65, 128, 1.5, '8', null])('cannot have %j lanes', async (lanes) => {
    const made = await askAsOwner('POST', '/api/shares', { lanes })
    expect([made.status, await made.json()]).toMatchObject([
      400,
      { code: 'BODY_INVALID', detail: expect.stringContaining('1, 2, 4, 8, 16, 32, 64') as string },
    ])
  })

  test('can ask for a jurisdiction where the platform has such, and is told where it has not', async () => {
    const made = await askAsOwner('POST', '/api/shares', { jurisdiction: 'eu' })
    expect([made.status, await made.json()]).toMatchObject([409, { code: 'JURISDICTION_UNAVAILABLE' }])
  })
})

describe('an agent', () => {
  test('is told how many lanes there are, on each of them', async () => {
    const share = await createShare({ lanes: LANES })
    for (const lane of [0, 5]) {
      const agent = await ScriptedAgent.dial(share, { join: 'replica' }, lane)
      expect((await agent.expect('welcome')).header).toMatchObject({ share: share.id, lanes: LANES })
    }
  })

  test('is told nothing of lanes where there is one', async () => {
    const agent = await ScriptedAgent.dial(await createShare())
    expect((await agent.expect('welcome')).header).not.toHaveProperty('lanes')
  })

  test.each(['8', '-1', 'x', '1.5'])('is refused at lane %s of 8', async (lane) => {
    const share = await createShare({ lanes: LANES })
    const response = await fetchRelay(`/agent/${share.id}?lane=${lane}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}`, 'sec-websocket-protocol': 'mcp-edge.v1' },
    })
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'LANE_UNKNOWN' }])
  })
})

describe('the objects of a share', () => {
  const idsOf = async (): Promise<string[]> => (await listDurableObjectIds(env.SHARE)).map(String)

  test('come to be when they are first asked for, and not because their owner looks', async () => {
    const before = await idsOf()
    const share = await createShare({ lanes: LANES })
    await describeShare(share)
    expect(await idsOf()).toEqual(before)
    expect((await revokeShare(share)).status).toBe(204)
    expect(await idsOf()).toEqual(before)
    await expect(ScriptedAgent.dial(share)).rejects.toThrow('404')
  })

  test('are one of the share’s own name for a share of one lane', async () => {
    const before = new Set(await idsOf())
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
    await response
    await describeShare(share)
    expect((await idsOf()).filter((id) => !before.has(id))).toEqual([env.SHARE.idFromName(share.id).toString()])
  })

  test('come to be at once where a location was asked for', async () => {
    const before = new Set(await idsOf())
    const share = await createShare({ lanes: 2, location: 'weur' })
    const made = (await idsOf()).filter((id) => !before.has(id))
    expect(new Set(made)).toEqual(new Set([share.id, `${share.id}.1`].map((name) => env.SHARE.idFromName(name).toString())))
    expect(await describeShare(share)).toMatchObject({ location: 'weur', lanes: 2 })
  })

  test('learn what they must know once: awake again, they neither ask nor write', async () => {
    const share = await createShare({ name: 'files' })
    const stub = stubOf(share)
    expect(await stub.admin({ op: 'describe' })).toMatchObject({ id: share.id, name: 'files' })
    await evictDurableObject(stub)
    const asked = vi.spyOn(Registry.prototype, 'adopt')
    expect(await stub.admin({ op: 'describe' })).toMatchObject({ name: 'files', counters: { total_changes: 0 } })
    expect(asked).not.toHaveBeenCalled()
  })
})
