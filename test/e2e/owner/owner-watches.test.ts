/** The owner's command line against a real relay: whom it lets sign in, whom it sees there, what they do, and how it ends that. */
import { Client } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { NODE, Program, run } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { fixture, Selfhost, StateFolder } from '../../harness/selfhost.ts'
import { type Keychain, signIn, transportTo } from '../../harness/sign-in/sdk-sign-in.ts'
import { CLIENT_INFO } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const PROGRAM = ['agent/cli.ts']
const stack = new AsyncDisposableStack()
let folder = ''
let relay: Selfhost
let env: Readonly<Record<string, string | undefined>>

function start(...args: readonly string[]): Promise<Selfhost> {
  return Selfhost.start([...args, '--data', folder, '--', ...fixture('annotated', 'ran')])
}

beforeAll(async () => {
  folder = stack.use(await StateFolder.create()).path
  relay = stack.use(await start('--port', '0'))
  const { origin } = new URL(relay.line.relay)
  env = { XDG_CONFIG_HOME: '/nowhere', MCP_EDGE_RELAY: origin, MCP_EDGE_OWNER_TOKEN: relay.line.ownerToken }
})
afterAll(() => stack.disposeAsync())

/** What a command about the share prints. */
async function ok(command: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(NODE, [...PROGRAM, ...command.split(' '), relay.line.share, ...args], { env })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code} ${stderr}`)
  return stdout
}

async function connect(url: string, keychain: Keychain): Promise<Client> {
  const client = new Client(CLIENT_INFO)
  await client.connect(transportTo(url, keychain))
  return client
}

test('a person who was invited signs in, is seen with what they do, is disconnected, and is removed', async () => {
  verifies('promise.9.owner-line', 'promise.9.sign-in')
  const invited = await ok('people add', 'Ann', '--access', 'admin', '--expires', '2d')
  const [url = '', code = ''] = [...invited.matchAll(/^ {2}(\S+)$/gm)].map(([, text]) => text)
  expect(await ok('people list')).toMatch(/^[0-9a-f]{24} {2}Ann +pending +admin +\d/m)
  const keychain = await signIn(url, code)
  const ann = await connect(url, keychain)
  expect(toolText(await ann.callTool({ name: 'pay', arguments: {} }))).toBe('ran')
  expect(await ok('people list')).toMatch(/^[0-9a-f]{24} {2}Ann +active /m)
  expect(await ok('sessions list')).toMatch(/^\S+ +Ann +/m)
  expect(await ok('logs')).toMatch(/ ok +\d+ +Ann +pay$/m)

  expect(await ok('sessions disconnect', 'Ann')).toMatch(/^Session \S+ of Ann has ended/)
  expect(await ok('sessions list')).toBe('No clients.')
  await ann.close().catch(() => undefined)
  const again = await connect(url, keychain)
  expect(toolText(await again.callTool({ name: 'look', arguments: {} }))).toBe('ran')
  expect(await ok('people remove', 'Ann')).toContain('has no access to')
  await expect(again.callTool({ name: 'look', arguments: {} })).rejects.toThrow()
  expect(await ok('people list')).toMatch(/^[0-9a-f]{24} {2}Ann +revoked /m)
  await again.close().catch(() => undefined)
})

test('what is followed goes on over a restart of the relay, and tells each call once', async () => {
  verifies('promise.9.audit')
  await using log = new Program(NODE, [...PROGRAM, 'logs', relay.line.share, '--follow', '--last', '0', '--json'], { env })
  const lines = (): JsonObject[] => log.stdout.lines.map((line) => asObject(JSON.parse(line)))
  const told = (tool: string): Promise<string> =>
    log.stdout.find((line) => (line.includes(`"tool":"${tool}"`) ? line : undefined), tool, 40_000)
  await log.stdout.find((line) => (line.startsWith('{"next":') ? line : undefined), 'where it begins')
  const client = new RawClient(relay.line.shareUrl)
  await client.initialize()
  await client.callTool('look')
  await told('look')
  expect(await relay.program.stop('SIGTERM')).toHaveProperty('code', 0)
  await log.stderr.find((line) => (line.includes('It is asked again.') ? line : undefined), 'that it is asked again', 40_000)
  relay = stack.use(await start())
  await client.callTool('set')
  await told('set')
  expect(lines().flatMap(({ tool }) => (typeof tool === 'string' ? [tool] : []))).toEqual(['look', 'set'])
}, 120_000)

test('a share that slides says so, and what is followed of it ends with it', async () => {
  const order = (...args: readonly string[]) => run(NODE, [...PROGRAM, ...args], { env })
  expect(await order('share', 'create', '--name', 'other')).toHaveProperty('code', 0)
  expect((await order('share', 'update', 'other', '--sliding')).stdout).toMatch(/^ends .*, and later while it is used$/m)
  await using log = new Program(NODE, [...PROGRAM, 'logs', 'other', '--follow'], { env })
  await log.stdout.find((line) => (line.startsWith('TIME') ? line : undefined), 'its first line')
  expect(await order('share', 'revoke', 'other')).toHaveProperty('code', 0)
  expect(await log.exited).toMatchObject({ code: 7 })
  expect(log.stderr.tail()).toMatch(/No such share\./)
})
