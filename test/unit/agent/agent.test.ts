import { expect, test } from 'vitest'
import { keyOf, ScriptedRelay } from './scripted-relay.ts'
import { scriptServer, TestAgent } from './test-agent.ts'

const ECHO = scriptServer(`on = (message, line) => message.id !== undefined && result(message.id, line)`)

test('agent: a call reaches the child as sent and its answer comes back with key, number and return address', async () => {
  await using relay = await ScriptedRelay.start()
  await using agent = new TestAgent(['--', ...ECHO], { MCP_EDGE_TOKEN: relay.token() })
  const link = await relay.link(0)
  const hello = await link.welcome()
  expect(hello).toMatchObject({ join: 'primary', isolation: 'session', held: [], channels: [] })
  expect(link.request.url).toBe('/agent/abcdefghijklmnopqrstuvwxyz234567')
  expect(link.request.headers.authorization).toBe(`Bearer ${relay.token()}`)
  link.send({ type: 'open', ch: 'c1', ids: 'keep', asks: 'pass' })
  const body = '{"jsonrpc":"2.0","id":1.0,\n"method":"x","params":{"big":9007199254740993,"e":1e2}}'
  const key = link.call('c1', 1, body)
  const answer = await link.next('answer')
  expect(answer.header).toMatchObject({ ch: 'c1', n: 1, key, ra: 'ra1', failed: false, size: answer.body.length, at: answer.body.length })
  expect(JSON.parse(answer.text())).toEqual({ jsonrpc: '2.0', id: 1, result: body.replace('\n', ' ') })
  await agent.logged(/ready/)
  agent.process.kill('SIGTERM')
  expect((await link.next('died')).header).toMatchObject({ ch: 'c1', reason: 'closed' })
  expect((await link.closed).code).toBe(4005)
  expect(await agent.ended).toMatchObject({ code: 0 })
  expect(keyOf(1)).toBe(key)
})
