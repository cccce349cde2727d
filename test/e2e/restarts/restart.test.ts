/** `npm start`, stopped and started again: the same share, tokens, port and sessions; a clean end by either signal. */
import { afterAll, expect, test } from 'vitest'
import { decodeAgentToken } from '../../../agent/config/token.ts'
import { verifies } from '../../requirements/verifies.ts'
import { fixture, Selfhost, StateFolder } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { allGone, descendants } from '../../harness/processes.ts'
import { NODE } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

test('npm start keeps its share, tokens, port and sessions over a restart', async () => {
  verifies('promise.4.id-lives', 'promise.4.state-replayed')
  const folder = stack.use(await StateFolder.create())
  const command = ['--', ...fixture('echo')]
  const first = await Selfhost.start(['--port', '0', '--data', folder.path, ...command])
  stack.use(first)
  const byKey = new RawClient(first.line.shareUrl)
  const byToken = new RawClient(`${first.line.relay}/s/${first.line.share}/mcp`, first.line.clientToken)
  for (const client of [byKey, byToken]) await client.initialize()
  await byKey.request('logging/setLevel', { level: 'warning' })
  await byKey.request('resources/subscribe', { uri: 'echo://resource/1' })
  expect(toolText((await byKey.callTool('count')).last['result'])).toBe('1')
  expect(await first.program.stop('SIGTERM')).toHaveProperty('code', 0)

  const second = await Selfhost.start(['--data', folder.path, ...command])
  stack.use(second)
  expect(second.line).toEqual(first.line)
  const answer = await byKey.callTool('log-level')
  expect(asObject(asObject(answer.last['result'])['_meta'])['mcp-edge/restarted']).toBe(true)
  expect(toolText(answer.last['result'])).toBe('warning')
  const again = await byKey.callTool('update', { uri: 'echo://resource/1' })
  expect(asObject(again.last['result'])).not.toHaveProperty('_meta')
  expect(toolText(again.last['result'])).toBe('echo://resource/1 subscribed: true')
  expect(toolText((await byToken.callTool('echo', { text: 'same token' })).last['result'])).toBe('same token')
}, 120_000)

test.each(['SIGINT', 'SIGTERM'] as const)(
  'npm start ends cleanly by %s and leaves no process',
  async (signal) => {
    const folder = stack.use(await StateFolder.create())
    const started = await Selfhost.start(['--port', '0', '--data', folder.path, '--', ...fixture('life/ignores-sigterm')])
    stack.use(started)
    await new RawClient(started.line.shareUrl).initialize()
    const below = descendants(started.program.pid)
    expect(below.length).toBeGreaterThanOrEqual(3)
    expect(await started.program.stop(signal)).toHaveProperty('code', 0)
    await allGone(below)
  },
  120_000,
)

test('npm start leaves no process when it is killed', async () => {
  const folder = stack.use(await StateFolder.create())
  const started = await Selfhost.start(['--port', '0', '--data', folder.path, '--', ...fixture('life/ignores-sigterm')])
  await new RawClient(started.line.shareUrl).initialize()
  const below = descendants(started.program.pid)
  await started.program.kill9()
  await allGone(below)
}, 120_000)

test('npm start says what it waits for by the first signal, ends at once by a second, and leaves no process', async () => {
  const folder = stack.use(await StateFolder.create())
  const started = await Selfhost.start(['--port', '0', '--data', folder.path, '--verbose', '--', ...fixture('life/never-answers')])
  stack.use(started)
  const client = new RawClient(started.line.shareUrl)
  await client.initialize()
  const hanging = client.callTool('hang').catch((error: unknown) => error)
  await started.program.stderr.find((line) => (/"call\.begin".*"tools\/call"/.test(line) ? true : undefined), 'the call at the agent')
  const below = descendants(started.program.pid)
  started.program.signal('SIGINT')
  await started.program.stderr.find((line) => (line.startsWith('Ending: calls that run') ? true : undefined), 'what is waited for')
  // One that comes with the first, as npm and a terminal send it, is the same.
  const again = setInterval(() => started.program.signal('SIGINT'), 100)
  expect(await started.program.exited).toHaveProperty('code', 130)
  clearInterval(again)
  await allGone(below)
  await hanging
}, 120_000)

test('npm start keeps its share URL when it starts right after it was killed', async () => {
  verifies('promise.4.id-lives')
  const folder = stack.use(await StateFolder.create())
  const args = ['--data', folder.path, '--', ...fixture('echo')]
  const first = await Selfhost.start(['--port', '0', ...args])
  await first.program.kill9()
  const second = await Selfhost.start(args)
  stack.use(second)
  expect(second.line).toEqual(first.line)
}, 120_000)

test('npm start says who has its port, takes another for one run, and goes back to its own', async () => {
  verifies('promise.4.id-lives')
  const [folder, foreignFolder] = [stack.use(await StateFolder.create()), stack.use(await StateFolder.create())]
  const args = ['--data', folder.path, '--', ...fixture('echo')]
  const first = await Selfhost.start(['--port', '0', ...args])
  stack.use(first)
  const { port } = new URL(first.line.relay)
  await first.program.stop('SIGTERM')

  const foreign = await Selfhost.start(['--relay-only', '--port', port, '--data', foreignFolder.path])
  stack.use(foreign)
  const second = await Selfhost.start(args)
  stack.use(second)
  const taken = new URL(second.line.relay).port
  expect(taken).not.toBe(port)
  const told = await second.program.stderr.find((line) => (line.includes('is in use') ? line : undefined), 'that the port is in use')
  expect(told).toMatch(
    new RegExp(`^mcp-edge: port ${port} is in use .*listens on port ${taken} instead.*--port.*--relay ${first.line.relay} `),
  )
  expect(new URL(second.line.shareUrl).pathname).toBe(new URL(first.line.shareUrl).pathname)
  expect(decodeAgentToken(second.line.agentToken).issuer).toBe(second.line.relay)
  await second.program.stop('SIGTERM')

  await expect(Selfhost.start(['--port', port, ...args])).rejects.toThrow(`port ${port} is in use`)
  await expect(Selfhost.start(['--public-url', 'https://mcp.example.com', ...args])).rejects.toThrow(`port ${port} is in use`)
  await foreign.program.stop('SIGTERM')
  const third = await Selfhost.start(args)
  stack.use(third)
  expect(third.line).toEqual(first.line)
}, 120_000)

test('npm start says at once that a server fails, and takes the options of the agent', async () => {
  verifies('promise.8.failing-start')
  const folder = stack.use(await StateFolder.create())
  const started = await Selfhost.start([
    '--port',
    '0',
    '--data',
    folder.path,
    '--env',
    'FIXTURE_SECRET=told-by-option',
    ...fixture('life/dies-at-start'),
  ])
  stack.use(started)
  expect(started.program.stderr.tail()).toMatch(/database is unreachable[^]*"server.fails","exitCode":3/)
  expect(started.program.stderr.tail()).not.toContain('told-by-option')
}, 120_000)

test('npm start with its sample server can be initialised with curl-like requests', async () => {
  const folder = stack.use(await StateFolder.create())
  const started = await Selfhost.start(['--port', '0', '--data', folder.path])
  stack.use(started)
  const answer = await new RawClient(started.line.shareUrl).initialize()
  expect(asObject(asObject(answer.last['result'])['serverInfo'])['name']).toBe('mcp-servers/everything')
  expect(started.program.stdout.lines).toHaveLength(1)
}, 120_000)

test('npm start reports a server that cannot start to its caller, and goes on', async () => {
  const folder = stack.use(await StateFolder.create())
  const started = await Selfhost.start(['--port', '0', '--data', folder.path, '--', NODE, '-e', 'process.exit(9)'])
  stack.use(started)
  await expect(new RawClient(started.line.shareUrl).initialize()).rejects.toThrow(/CHILD_START_FAILED/)
  expect(started.program.running).toBe(true)
}, 120_000)
