/** A run of the agent: calls, its hello, and cut links. */
import { describe, expect, test } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES, UPLOAD_WINDOW_BYTES } from '../../../protocol/limits.ts'
import { allGone } from '../../harness/processes.ts'
import { verifies } from '../../requirements/verifies.ts'
import { LocalAgent } from './local-agent.ts'
import { keyOf, ScriptedRelay, SHARE, opened, pidOf } from './scripted-relay.ts'
import { scriptServer } from './script-server.ts'
import { stage } from './run-stage.ts'

describe.concurrent('a call', { timeout: 20_000 }, () => {
  test('is answered in one message with others whose answers the child has printed in one piece', async () => {
    await using s = await stage()
    const link = await opened(s.relay)
    for (const id of [1, 2]) link.call('c1', id, `{"jsonrpc":"2.0","id":${id},"method":"silent"}`)
    link.call('c1', 3, '{"jsonrpc":"2.0","id":3,"method":"burst"}')
    const answers = [await link.next('answer'), await link.next('answer'), await link.next('answer')]
    expect(answers.map(({ header }) => [header.key, header.n])).toEqual([1, 2, 3].map((id) => [keyOf(id), id]))
    let at = 0
    for (const { header, body } of answers) expect(header.at).toBe((at += body.length))
    expect(link.sizes.at(-1)).toBe(3)
  })

  test('reaches the child as sent, and its answer comes back with key, number and return address', async () => {
    await using s = await stage()
    const link = await s.relay.link(0)
    const hello = await link.welcome()
    expect(hello).toMatchObject({ join: 'primary', isolation: 'session', held: [], channels: [] })
    expect(link.request.url).toBe(`/agent/${SHARE}`)
    expect(link.request.headers.authorization).toBe(`Bearer ${s.relay.token()}`)
    link.send({ type: 'open', ch: 'c1', ids: 'keep', asks: 'pass' })
    const body = '{"jsonrpc":"2.0","id":1.0,\n"method":"x","params":{"big number":9007199254740993,"e":1e2}}'
    const key = link.call('c1', 1, body)
    const answer = await link.next('answer')
    expect(answer.header).toMatchObject({ ch: 'c1', n: 1, key, ra: 'ra1', failed: false, size: answer.body.length, at: answer.body.length })
    expect(JSON.parse(answer.text())).toEqual({ jsonrpc: '2.0', id: 1, result: body.replace('\n', ' ') })
    await s.agent.logged(/"event":"ready"/)
  })

  test('of 4 MiB arrives in chunks within the credit, and its answer of 9 MiB within the window', async () => {
    verifies('promise.10.chunks')
    await using s = await stage()
    const link = await opened(s.relay)
    const body = Buffer.from(
      `{"jsonrpc":"2.0","id":1,"params":{"big":${9 * 1024 * 1024},"fill":"${'é'.repeat(2 * 1024 * 1024)}"},"method":"x"}`,
    )
    const header = { type: 'call', ch: 'c1', key: keyOf(1), method: 'x', id: [22, 23], ra: 'r', tag: 't', size: body.length } as const
    link.send(header, body.subarray(0, CHUNK_BYTES))
    let upto = UPLOAD_WINDOW_BYTES
    for (let at = CHUNK_BYTES; at < body.length; at += CHUNK_BYTES) {
      while (at + CHUNK_BYTES > upto && upto < body.length) upto = (await link.next('upload_credit')).header.upto
      link.send({ type: 'upload', ch: 'c1', key: header.key, offset: at }, body.subarray(at, at + CHUNK_BYTES))
    }
    const first = await link.next('answer')
    const parts = [first.body]
    for (;;) {
      const chunk = await link.next('chunk')
      expect(chunk.header).toMatchObject({ n: 1, ra: 'r', offset: parts.reduce((sum, part) => sum + part.length, 0) })
      parts.push(chunk.body)
      if (chunk.header.ack) link.send({ type: 'credit', ch: 'c1', upto: chunk.header.at + CHANNEL_WINDOW_BYTES })
      if (chunk.header.last) break
    }
    const answer = Buffer.concat(parts)
    expect(answer.length).toBe(first.header.size)
    expect(JSON.parse(answer.toString())).toEqual({ jsonrpc: '2.0', id: 1, result: '漢'.repeat(3 * 1024 * 1024) })
  })
})

describe.concurrent('the hello of an agent', { timeout: 20_000 }, () => {
  /** Speaks 2026-07-28, and says in each answer which process gave it. */
  const MODERN = scriptServer(`
    on = ({ id, method }) =>
      id !== undefined && result(id, method === 'server/discover' ? { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' } : { pid: process.pid, method })`)
  const DIES_OF_IT = scriptServer(`
    on = ({ id, method }) => (method === 'initialize' ? result(id, { pid: process.pid }) : process.exit(1))`)

  async function helloOf(server: readonly string[], args: readonly string[] = []): Promise<Hello> {
    await using relay = await ScriptedRelay.start()
    await using _agent = new LocalAgent(relay.token(), [...args, '--', ...server])
    return await (await relay.link(0)).welcome()
  }

  test('says modern for a server that answers server/discover', async () => {
    expect(await helloOf(MODERN)).toMatchObject({ era: 'modern', channels: [] })
  })

  test('says the same on the next link, without asking again', async () => {
    verifies('stdio.probe.cached')
    const server = scriptServer(`
      process.stderr.write('asked\\n')
      on = ({ id }) => id !== undefined && result(id, { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' })`)
    await using relay = await ScriptedRelay.start()
    await using agent = new LocalAgent(relay.token(), ['--verbose', '--reconnect-delay', '10ms', '--', ...server])
    const first = await relay.link(0)
    expect(await first.welcome()).toMatchObject({ era: 'modern' })
    await agent.logged(/"event":"ready"/)
    first.socket.terminate()
    expect(await (await relay.link(1)).welcome()).toMatchObject({ era: 'modern' })
    // One process for each question: server/discover, and initialize once that was answered.
    expect(agent.log.match(/"event":"era\.stderr","line":"asked/g)).toHaveLength(2)
  })

  test('says that a modern server takes initialize too, unless --era says that it is modern', async () => {
    const both = scriptServer(`
      on = ({ id, method }) => {
        if (id === undefined) return
        result(id, method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: {} } : { supportedVersions: ['2026-07-28'], capabilities: {} })
      }`)
    expect(await helloOf(both)).toMatchObject({ era: 'modern', initializes: true })
    expect(await helloOf(both, ['--era', 'modern'])).not.toHaveProperty('initializes')
  })

  test('says what --era says, whatever the server speaks', async () => {
    expect(await helloOf(MODERN, ['--era', 'legacy'])).toMatchObject({ era: 'legacy' })
    expect(await helloOf(DIES_OF_IT, ['--era', 'modern'])).toMatchObject({ era: 'modern' })
    expect(await helloOf(DIES_OF_IT, ['--era', 'both'])).toMatchObject({ era: 'modern', initializes: true })
  })

  test('says legacy for a server that dies of the question, and then serves it with a process that never heard it', async () => {
    verifies('lifecycle.initialize.first', 'stdio.probe.any-error')
    await using relay = await ScriptedRelay.start()
    await using _agent = new LocalAgent(relay.token(), ['--', ...DIES_OF_IT])
    const link = await relay.link(0)
    expect(await link.welcome()).toMatchObject({ era: 'legacy' })
    link.send({ type: 'open', ch: 'c', ids: 'keep', asks: 'pass' })
    link.call('c', 1, '{"jsonrpc":"2.0","id":0,"method":"initialize"}')
    expect((await link.next('answer')).header).toMatchObject({ failed: false })
    expect(link.got.filter(({ header }) => header.type === 'died')).toEqual([])
  })
})

describe.concurrent('a cut link', { timeout: 20_000 }, () => {
  test('is dialled again; the call goes on, and what was not receipted comes again with its number', async () => {
    verifies('promise.2.receipts', 'promise.3.cut-waits')
    await using s = await stage()
    const first = await opened(s.relay)
    const key = first.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"x","params":{"note":2}}')
    await first.next('answer')
    first.send({ type: 'receipt', ch: 'c1', n: 1 })
    first.call('c1', 2, '{"jsonrpc":"2.0","id":2,"method":"later"}')
    const pid = await pidOf(first)
    first.socket.terminate()
    const second = await s.relay.link(1)
    const hello = await second.welcome()
    expect(hello.held).toEqual(expect.arrayContaining([key, keyOf(2)]))
    expect(hello.channels).toEqual([{ ch: 'c1', n: 4 }])
    expect(first.got[0]?.header).toMatchObject({ type: 'hello', agent: hello.agent, instance: hello.instance })
    expect((await second.next('notification')).header.n).toBe(2)
    expect((await second.next('answer')).header).toMatchObject({ n: 3, key })
    process.kill(pid, 'SIGUSR2')
    expect((await second.next('answer', ({ n }) => n === 5)).header.key).toBe(keyOf(2))
  })

  test('ends the channels that the relay wants no more', async () => {
    await using s = await stage()
    const first = await opened(s.relay)
    const pid = await pidOf(first)
    first.socket.terminate()
    await (await s.relay.link(1)).welcome(['c1'])
    await allGone([pid])
  })

  test('after an unknown frame is closed by the agent with 4004', async () => {
    await using s = await stage()
    const link = await opened(s.relay)
    link.socket.send(Buffer.from('{"type":"surprise"}\n'))
    expect(await link.closed).toEqual({ code: CLOSE.PROTOCOL_ERROR, reason: 'unknown_type' })
    await (await s.relay.link(1)).welcome()
  })

  test('by a relay that drains is left when the calls are answered, and dialled again', async () => {
    await using s = await stage()
    const link = await opened(s.relay)
    const pid = await pidOf(link)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"later"}')
    await link.next('receipts')
    link.send({ type: 'drain' })
    await s.agent.logged(/link.draining/)
    process.kill(pid, 'SIGUSR2')
    expect((await link.next('answer', ({ key }) => key === keyOf(1))).header.n).toBe(2)
    expect((await link.closed).code).toBe(CLOSE.GOING_AWAY)
    expect((await (await s.relay.link(1)).welcome()).channels).toEqual([{ ch: 'c1', n: 2 }])
  })
})

describe.concurrent('whoever reads the log', { timeout: 20_000 }, () => {
  test('is told what of the server is held back, and by which command its owner accepts it', async () => {
    await using s = await stage()
    const link = await s.relay.link(0)
    expect(await link.welcome()).toMatchObject({ hearsUnaccepted: true })
    link.send({ type: 'unaccepted', count: 2 })
    const [line] = await s.agent.logged(/.*"event":"tools.held".*/)
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      entries: 2,
      meaning: expect.stringContaining(`tools accept ${SHARE} --all`) as string,
    })
  })

  test('is told at the start that nobody listens where the web app is to be, and the agent goes on', async () => {
    await using relay = await ScriptedRelay.start()
    await using agent = new LocalAgent(relay.token(), ['--reconnect-delay', '10ms', '--http', 'http://127.0.0.1:1'])
    const [line] = await agent.logged(/.*"event":"app.unreachable".*/)
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', app: 'http://127.0.0.1:1', reason: 'ECONNREFUSED' })
    await (await relay.link(0)).welcome()
    await agent.logged(/"event":"ready"/)
  })
})
