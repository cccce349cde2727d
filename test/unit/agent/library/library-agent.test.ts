import { Server as Server1 } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer } from '@modelcontextprotocol/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAgent } from '../../../../agent/index.ts'
import type { Agent, AgentFault, AgentOptions } from '../../../../agent/library/agent-types.ts'
import { CLOSE } from '../../../../protocol/handshake.ts'
import { SERVER } from '../run-stage.ts'
import { ScriptedRelay, SHARE } from '../scripted-relay.ts'
import { LoopbackServer } from '../server/http/loopback-server.ts'
import { answerJson } from '../../../fixtures/http-vices.ts'
import { verifies } from '../../../requirements/verifies.ts'

let stack: AsyncDisposableStack
let relay: ScriptedRelay
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  relay = stack.use(await ScriptedRelay.start())
})
afterEach(() => stack.disposeAsync())

const [command = '', ...args] = SERVER

function agentOf(server: AgentOptions['server'], more: Partial<AgentOptions> = {}): Agent {
  const agent = createAgent({ token: relay.token(), server, era: 'legacy', reconnectDelayMs: 10, ...more })
  stack.defer(() => agent.stop())
  return agent
}

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
})

test('createAgent() serves from start to stop, says so, and can be started again', async () => {
  verifies('promise.library.serves')
  const agent = agentOf({ command, args, env: { KEY: 'the-secret-value' } })
  const told: unknown[] = []
  agent.on('ended', ({ fault }) => void told.push(fault))
  const quiet = agent.on('ready', () => void told.push('never'))
  quiet()
  agent.on('ready', (facts) => void told.push(facts.share))
  expect(agent.isRunning).toBe(false)
  for (const index of [0, 1]) {
    const starting = agent.start()
    await (await relay.link(index)).welcome()
    expect(await starting).toMatchObject({ share: SHARE })
    expect(agent.isRunning).toBe(true)
    await agent.stop()
    expect(agent.isRunning).toBe(false)
  }
  expect(told).toEqual([SHARE, undefined, SHARE, undefined])
})

test('createAgent() tells of calls, and of what is logged, secrets masked', async () => {
  verifies('promise.library.serves')
  const agent = agentOf({ command, args, env: { KEY: 'the-secret-value' } })
  const called = Promise.withResolvers<unknown>()
  agent.on('call', called.resolve)
  const logged: string[] = []
  agent.on('log', (entry) => void logged.push(JSON.stringify(entry)))
  void agent.start()
  const link = await relay.link(0)
  await link.welcome()
  link.send({ type: 'open', ch: 'c', ids: 'keep', asks: 'pass' })
  link.call('c', 1, '{"jsonrpc":"2.0","id":1,"method":"pid"}')
  expect(await called.promise).toMatchObject({ event: 'call', method: 'pid', outcome: 'ok' })
  expect(logged.join('\n')).toContain('channel.open')
  expect(logged.join('\n')).not.toMatch(/the-secret-value|eyJ/)
})

test('createAgent() says why it cannot go on, to who waits for the start and to who listens', async () => {
  verifies('promise.library.serves')
  const missing = agentOf({ command: '/no/such/command' })
  await expect(missing.start()).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  const agent = agentOf({ command, args })
  const ended = Promise.withResolvers<AgentFault | undefined>()
  agent.on('ended', ({ fault }) => ended.resolve(fault))
  void agent.start()
  const link = await relay.link(0)
  await link.welcome()
  link.socket.close(CLOSE.SHARE_GONE, 'gone')
  expect(await ended.promise).toMatchObject({ code: 'SHARE_GONE' })
  expect(agent.isRunning).toBe(false)
  const waiting = agentOf({ command, args })
  const starting = waiting.start()
  await waiting.stop()
  await expect(starting).rejects.toMatchObject({ code: 'STOPPED' })
})

test.each<[string, AgentOptions['server']]>([
  ['McpServer of SDK 2', () => new McpServer({ name: 'mine', version: '2' })],
  ['Server of SDK 1', () => Promise.resolve(new Server1({ name: 'mine', version: '1' }, { capabilities: {} }))],
])('createAgent() serves a %s of this process, a new one for each session', async (_name, server) => {
  verifies('promise.library.in-process', 'promise.library.typed')
  const agent = agentOf(server)
  void agent.start()
  const link = await relay.link(0)
  await link.welcome()
  for (const ch of ['c', 'd']) {
    link.send({ type: 'open', ch, ids: 'keep', asks: 'pass' })
    link.call(ch, ch === 'c' ? 1 : 2, INITIALIZE)
    const answer = await link.next('answer', (header) => header.ch === ch)
    expect(JSON.parse(answer.text())).toMatchObject({ id: 1, result: { serverInfo: { name: 'mine' } } })
  }
})

test('createAgent() serves a server that speaks HTTP', async () => {
  verifies('promise.library.serves')
  const server = stack.use(await LoopbackServer.start((asked) => answerJson(asked, { key: asked.request.headers['x-key'] })))
  const agent = agentOf({ url: server.url, headers: { 'X-Key': 'short' } })
  void agent.start()
  const link = await relay.link(0)
  await link.welcome()
  link.send({ type: 'open', ch: 'c', ids: 'keep', asks: 'pass' })
  link.call('c', 1, INITIALIZE)
  expect(JSON.parse((await link.next('answer')).text())).toMatchObject({ result: { key: 'short' } })
})

test.each<[string, Partial<AgentOptions>, RegExp]>([
  ['a token that is none', { token: 'x' }, /no agent token/],
  ['no children', { maxChildren: 0 }, /--max-children/],
  ['no calls', { maxCalls: 0 }, /--max-calls/],
  ['a variable of the agent', { server: { command: 'x', env: { MCP_EDGE_X: '1' } } }, /MCP_EDGE_X/],
  ['an address that is none', { server: { url: 'nowhere' } }, /--url/],
])('createAgent() refuses %s at once', (_what, more, message) => {
  expect(() => createAgent({ token: relay.token(), server: { command, args }, ...more })).toThrow(message)
})

test('createAgent() says which Node it needs where that is older, before anything else', () => {
  const { node } = process.versions
  Object.defineProperty(process.versions, 'node', { value: '20.19.5', configurable: true })
  try {
    expect(() => createAgent({ token: '', server: { command: '' } })).toThrow(expect.objectContaining({ code: 'NODE_TOO_OLD' }))
  } finally {
    Object.defineProperty(process.versions, 'node', { value: node, configurable: true })
  }
})
