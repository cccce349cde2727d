/** A share that several objects carry: each serves its own sessions and groups, and no other. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RelayFrame } from '../../../protocol/frame.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, postModern } from '../harness/handshake-child.ts'
import { createShare, EventReader, fetchRelay, stubOf, type TestClient } from '../harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { LANES, connectAll, nextOf, opened, seat } from '../harness/all-lanes.ts'

/** Frames by which the relay only tends a channel. */
const TENDING: readonly string[] = ['resume', 'hold', 'receipt', 'credit']

/** The next frame of this type, past those by which the relay only tends a channel. */
async function take<T extends RelayFrame['type']>(agent: ScriptedAgent, type: T): ReturnType<typeof agent.expect<T>> {
  for (;;) {
    const { header, body } = await agent.next()
    if (header.type === type) return { header, body } as Awaited<ReturnType<typeof agent.expect<T>>>
    if (!TENDING.includes(header.type)) throw new Error(`expected ${type}, and ${JSON.stringify(header)} came`)
  }
}

function wait(client: TestClient, id: number): Promise<Response> {
  return client.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`)
}

afterEach(() => {
  vi.restoreAllMocks()
})

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
