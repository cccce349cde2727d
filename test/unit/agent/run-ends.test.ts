/** A run of the agent: streams, children that end, and its own end. */
import { describe, expect, test } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { isAlive } from '../../harness/processes.ts'
import { verifies } from '../../requirements/verifies.ts'
import { LocalAgent } from './local-agent.ts'
import { keyOf, ScriptedRelay, opened, pidOf } from './scripted-relay.ts'
import { scriptServer } from './script-server.ts'
import { SERVER, FAST, stage } from './run-stage.ts'

describe.concurrent('streams', { timeout: 20_000 }, () => {
  test('that are not open make the agent hold messages until one is', async () => {
    await using s = await stage()
    const link = await opened(s.relay, 'assign')
    const server = await pidOf(link)
    expect(server).toBeGreaterThan(0)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"x","params":{"note":1}}')
    const { n } = (await link.next('notification')).header
    link.send({ type: 'hold', ch: 'c1', n })
    await link.next('answer', ({ key }) => key === keyOf(1))
    link.send({ type: 'receipt', ch: 'c1', n: n + 1 })
    link.send({ type: 'resume', ch: 'c1' })
    expect((await link.next('notification')).header.n).toBe(n)
    link.send({ type: 'replay', ch: 'c1', after: n })
    expect((await link.next('answer', (header) => header.n === n + 1)).header.key).toBe(keyOf(1))
  })
})

describe.concurrent('a child', { timeout: 20_000 }, () => {
  test('that dies mid-call: the call fails with its last words, then the channel is reported dead', async () => {
    verifies('promise.3.died')
    await using s = await stage()
    const link = await opened(s.relay)
    await pidOf(link)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"die"}')
    expect((await link.next('failed')).header).toMatchObject({ code: 'CHILD_DIED', executed: 'unknown', exitCode: 7 })
    expect((await link.next('died')).header).toMatchObject({ ch: 'c1', reason: 'exit', exitCode: 7 })
  })

  test('that dies at start: the call fails with exit code, and with masked stderr where that is told', async () => {
    verifies('promise.9.stderr')
    const server = [process.execPath, '-e', `console.error('cannot log in with ' + process.env.PASSWORD); process.exit(3)`]
    for (const options of [[], ['--tell-stderr']]) {
      await using s = await stage([...options, '--env', 'PASSWORD=correct-horse'], server)
      const link = await opened(s.relay)
      link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"initialize"}')
      const { header } = await link.next('failed')
      expect(header).toMatchObject({ code: 'CHILD_START_FAILED', exitCode: 3 })
      expect(header.stderr).toBe(options.length === 0 ? undefined : 'cannot log in with [secret]')
      expect((await link.next('died')).header.reason).toBe('start')
      await s.agent.logged(/cannot log in with \[secret\]/)
      expect(s.agent.log).not.toContain('correct-horse')
    }
  })

  test('that writes to stderr has that logged, and its calls answered', async () => {
    verifies('stdio.stderr')
    const server = scriptServer(`on = (message) => (console.error('FATAL: no error at all'), result(message.id, 'fine'))`)
    await using s = await stage(FAST, server)
    const link = await opened(s.relay)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"m"}')
    expect((await link.next('answer')).header.failed).toBe(false)
    await s.agent.logged(/no error at all/)
    link.call('c1', 2, '{"jsonrpc":"2.0","id":2,"method":"m"}')
    expect((await link.next('answer', ({ key }) => key === keyOf(2))).header.failed).toBe(false)
    expect(link.got.filter(({ header }) => header.type === 'failed' || header.type === 'died')).toEqual([])
  })

  test('of revision 2026-07-28 that writes requests does not hang: a ping is answered, any other is refused', async () => {
    const server = scriptServer(`
      let call
      const got = {}
      on = ({ id, method, result: answer, error }) => {
        if (method === undefined) {
          got[id] = answer ?? error.code
          return Object.keys(got).length === 2 && result(call, got)
        }
        call = id
        send({ jsonrpc: '2.0', id: 'r', method: 'roots/list' })
        send({ jsonrpc: '2.0', id: 'p', method: 'ping' })
      }`)
    await using s = await stage(['--reconnect-delay', '10ms', '--era', 'modern'], server)
    const link = await s.relay.link(0)
    await link.welcome()
    link.send({ type: 'open', ch: 'c1', ids: 'assign', asks: 'refuse' })
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"m"}')
    expect(JSON.parse((await link.next('answer')).text())).toMatchObject({ result: { r: -32601, p: {} } })
    expect(link.got.filter(({ header }) => header.type === 'ask')).toEqual([])
  })

  test('that closes its stdin and lives on is ended, and its calls fail as not executed', async () => {
    await using s = await stage(FAST, [process.execPath, '-e', `require('node:fs').closeSync(0); setInterval(() => {}, 1e6)`])
    const link = await opened(s.relay)
    await s.agent.logged(/channel.open/)
    const fill = 'x'.repeat(200_000)
    link.call('c1', 1, `{"jsonrpc":"2.0","id":1,"method":"m","params":"${fill}"}`)
    expect((await link.next('failed')).header).toMatchObject({ code: 'CHILD_START_FAILED', executed: 'no' })
  })
})

describe.concurrent('the end of an agent', { timeout: 20_000 }, () => {
  test.each([
    [CLOSE.REPLACED, 6, 'REPLACED'],
    [CLOSE.NAME_REFUSED, 6, 'NAME_REFUSED'],
    [CLOSE.SHARE_GONE, 6, 'SHARE_GONE'],
    [CLOSE.TOKEN_REVOKED, 3, 'TOKEN_REFUSED'],
  ])('close %d ends it with %d %s, without dialling again and without an orphan', async (close, exit, code) => {
    await using s = await stage()
    const link = await opened(s.relay)
    const pid = await pidOf(link)
    link.socket.close(close)
    expect(await s.agent.ended).toMatchObject({ exit, code })
    expect(s.relay.attempts).toBe(1)
    expect(isAlive(pid)).toBe(false)
  })

  test.each([
    [401, 3, 'TOKEN_REFUSED', 'UNAUTHORIZED'],
    [403, 3, 'TOKEN_REFUSED', 'HOST_REFUSED'],
    [404, 6, 'SHARE_GONE', 'SHARE_NOT_FOUND'],
    [426, 4, 'VERSION_MISMATCH', 'LINK_VERSION_REFUSED'],
  ])('HTTP %d of the relay before the upgrade ends it with %d %s, and passes on what it says', async (status, exit, code, problem) => {
    await using relay = await ScriptedRelay.start()
    const headers = { 'content-type': 'application/problem+json' }
    relay.refuse = { status, headers, body: `{"code":"${problem}","detail":"the reason"}` }
    await using agent = new LocalAgent(relay.token(), ['--', ...SERVER])
    expect(await agent.ended).toMatchObject({ exit, code, message: expect.stringContaining('the reason') as string })
    expect(relay.attempts).toBe(1)
  })

  test.each([
    ['503', { status: 503 }],
    ['403 of a bot challenge', { status: 403, headers: { 'content-type': 'text/html', server: 'wall' }, body: '<html>Just a moment' }],
    ['404 of a foreign host', { status: 404, headers: { 'content-type': 'application/json' }, body: '{"code":"SHARE_NOT_FOUND"}' }],
    ['407 of a proxy', { status: 407 }],
  ])('HTTP %s is tried again', async (_, refuse) => {
    verifies('promise.4.foreign-refusals')
    await using relay = await ScriptedRelay.start()
    relay.refuse = refuse
    await using agent = new LocalAgent(relay.token(), [...FAST, '--', ...SERVER])
    await relay.attempted(3)
    relay.refuse = undefined
    await (await relay.link(0)).welcome()
    await agent.logged(/ready/)
  })
})
