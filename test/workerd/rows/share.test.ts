/** Calls, sessions, streams and agents of one Share, in the real runtime. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createClientToken, createShare, EventReader, stubOf, TestClient } from '../harness/relay.ts'
import { bodyText, connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

const CALL_WITH_TOKEN = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"t"}}'

const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

describe('a call', () => {
  test('reaches the agent byte for byte and comes back byte for byte', async () => {
    verifies('promise.1.ids-kept', 'promise.1.bodies-untouched', 'link.messages-kept')
    const { agent, client } = await connected()
    const request = '{"id":1.0,"jsonrpc":"2.0", "params":{"b":9007199254740993,"a":1e2,"name":"\\u00fc ü"},"method":"tools/call"}'
    const response = client.post(request)
    const call = await agent.expect('call')
    expect(bodyText(call)).toBe(request)
    agent.answer(call.header, '1.0', '{"z":9007199254740993,"a":[1.0,1e2],"t":"\\u00fc ü"}')
    expect(await (await response).text()).toBe('{"jsonrpc":"2.0","id":1.0,"result":{"z":9007199254740993,"a":[1.0,1e2],"t":"\\u00fc ü"}}')
  })

  test('answered by a notification first becomes a stream, and its result comes last', async () => {
    verifies('http.stream.response', 'http.stream.ends')
    const { agent, client, ch } = await connected()
    const response = client.post(CALL_WITH_TOKEN)
    const { header } = await agent.expect('call')
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}', {
      ra: header.ra,
      sure: true,
    })
    const events = new EventReader(await response)
    expect(await events.next()).toContain('"progress":1')
    agent.answer(header, '7', '{}')
    expect(await events.next()).toBe('{"jsonrpc":"2.0","id":7,"result":{}}')
    expect(await events.next()).toBeUndefined()
  })

  test('gets progress that never falls, whatever the child reports', async () => {
    verifies('promise.8.progress-rises')
    const { agent, client, ch } = await connected()
    const response = client.post(CALL_WITH_TOKEN)
    const { header } = await agent.expect('call')
    for (const progress of ['5', '3', '5', '6.5']) {
      agent.notify(ch, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":${progress}}}`, {
        ra: header.ra,
        sure: true,
      })
    }
    agent.answer(header, '7', '{}')
    const events = new EventReader(await response)
    const values: number[] = []
    for (let data = await events.next(); data?.includes('progress'); data = await events.next())
      values.push(Number(/"progress":([\d.e-]+)/.exec(data)?.[1]))
    expect(values).toHaveLength(4)
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(new Set(values).size).toBe(4)
    expect(values[3]).toBe(6.5)
  })

  test('with a late, repeated or invented answer delivers nothing to anyone', async () => {
    verifies('promise.1.stray-answers', 'cancel.late-response')
    const { agent, client } = await connected()
    const first = client.post(CALL)
    const { header } = await agent.expect('call')
    agent.answer(header, '7', '{"first":true}')
    expect(await (await first).text()).toContain('first')
    agent.answer(header, '7', '{"again":true}')
    agent.answer({ ...header, key: '0'.repeat(32), ra: `c${'0'.repeat(32)}` }, '7', '{"invented":true}')
    agent.answer({ ...header, ra: 'nonsense' }, '7', '{"nonsense":true}')
    const second = client.post(CALL)
    const next = await agent.expect('call')
    agent.answer(next.header, '7', '{"second":true}')
    expect(await (await second).text()).toContain('second')
  })
})

describe('a session', () => {
  test('of another principal is exactly 404, for POST, GET and DELETE', async () => {
    verifies('promise.4.unknown-404', 'http.post.refused')
    const { share, agent, client } = await connected()
    const stranger = new TestClient(share, await createClientToken(share))
    stranger.session = client.session
    expect((await stranger.post(CALL)).status).toBe(404)
    expect((await stranger.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')).status).toBe(404)
    expect((await stranger.listen()).status).toBe(404)
    expect((await stranger.leave()).status).toBe(404)
    expect(agent.waiting).toEqual([])
  })

  test('goes on with a new child: the handshake is replayed before the next call, in one burst', async () => {
    verifies('promise.4.id-lives', 'promise.4.handshake-replayed', 'promise.4.restarted-mark', 'lifecycle.initialized.sent')
    const { agent, client, ch } = await connected()
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    const response = client.post(CALL)
    const open = await agent.expect('open')
    expect(open.header.ch).not.toBe(ch)
    const replay = await agent.expect('call')
    expect(replay.header).toMatchObject({ method: 'initialize', gate: true, ch: open.header.ch })
    expect((await agent.expect('notify')).header.method).toBe('notifications/initialized')
    const call = await agent.expect('call')
    expect(bodyText(call)).toBe(CALL)
    agent.answer(replay.header, '0', '{}')
    agent.answer(call.header, '7', '{"reborn":true}')
    expect(await (await response).json()).toEqual({
      jsonrpc: '2.0',
      id: 7,
      result: { _meta: { 'mcp-edge/restarted': true }, reborn: true },
    })
  })

  test('that asked for more than its child can give stays answerable: initialize refused leaves no session', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    agent.send({
      type: 'failed',
      ch: header.ch,
      key: header.key,
      ra: header.ra,
      code: 'CHILD_START_FAILED',
      executed: 'no',
      exitCode: 3,
      stderr: 'boom',
    })
    const refused = await response
    expect(refused.headers.get('mcp-session-id')).toBeNull()
    expect(await refused.json()).toMatchObject({ id: 0, error: { data: { code: 'CHILD_START_FAILED', exitCode: 3, stderr: 'boom' } } })
    expect((await stubOf(share).admin({ op: 'describe' }))?.sessions).toBe(0)
  })
})

describe('a GET stream', () => {
  test('is replaced by the newest, which gets what comes next', async () => {
    const { agent, client, ch } = await connected()
    const older = new EventReader(await client.listen())
    const newer = new EventReader(await client.listen())
    expect(await older.next()).toBeUndefined()
    agent.notify(ch, LIST_CHANGED)
    expect(await newer.next()).toBe(LIST_CHANGED)
    await newer.cancel()
  })
})

describe('an agent', () => {
  test('that comes back as a new instance proves the old one dead: its calls fail at once', async () => {
    verifies('promise.3.new-instance')
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    await agent.expect('call')
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect((await agent.closed).code).toBe(4001)
  })

  test('that comes back as the same instance without the call gets it again, with the same key', async () => {
    verifies('promise.2.same-key', 'promise.3.cut-waits')
    const { share, agent, client, ch } = await connected()
    const response = client.post(CALL)
    const lost = await agent.expect('call')
    const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
    const again = await back.expect('call')
    expect(again.header.key).toBe(lost.header.key)
    back.answer(again.header, '7', '{"once":true}')
    expect(await (await response).text()).toContain('once')
  })

  test('of another name is refused unless it comes as a replica or to replace', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const refused = await ScriptedAgent.dial(share, { agent: 'other' })
    expect((await refused.closed).code).toBe(4002)
    await ScriptedAgent.connect(share, { agent: 'third', join: 'replica' })
    await ScriptedAgent.connect(share, { agent: 'fourth', join: 'replace' })
    expect((await agent.closed).code).toBe(4001)
  })

  test('that sends several frames in one message is heard as if each had come alone', async () => {
    const { agent, client } = await connected()
    const responses = ['8', '9'].map((id) => client.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`))
    const calls = [await agent.expect('call'), await agent.expect('call')]
    const idOf = (call: (typeof calls)[number]): string => bodyText(call).slice(call.header.id[0], call.header.id[1])
    agent.together(() => {
      for (const call of calls) agent.answer(call.header, idOf(call), `"for ${call.header.key}"`, true)
    })
    const receipts: number[] = []
    const credits: number[] = []
    for (const _ of calls) {
      receipts.push((await agent.expect('receipt')).header.n)
      credits.push((await agent.expect('credit')).header.upto)
    }
    expect(receipts).toEqual([2, 3])
    expect((credits[1] ?? 0) - (credits[0] ?? 0)).toBe(`{"jsonrpc":"2.0","id":9,"result":"for ${'k'.repeat(32)}"}`.length)
    for (const [at, response] of responses.entries()) {
      const id = ['8', '9'][at] ?? ''
      const key = calls.find((call) => idOf(call) === id)?.header.key
      expect(await (await response).text()).toBe(`{"jsonrpc":"2.0","id":${id},"result":"for ${key}"}`)
    }
  })

  test.each([
    ['cut short', Uint8Array.of(0, 0, 0, 0, 9, 0x7b), 'bad_bundle'],
    ['with a frame that is none', Uint8Array.of(0, 0, 0, 0, 3, 0x7b, 0x7d, 0x0a), 'unknown_type'],
  ])('that sends a bundle %s is closed with 4004', async (_, message, reason) => {
    const { agent } = await connected()
    agent.sendBytes(message)
    expect(await agent.closed).toEqual({ code: 4004, reason })
  })

  test('that breaks the protocol is closed with 4004', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    agent.send({ type: 'nonsense' } as never)
    expect((await agent.closed).code).toBe(4004)
  })
})
