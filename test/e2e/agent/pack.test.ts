/** The agent as its users get it: packed, installed into an empty folder, run. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toolText } from '../../harness/json.ts'
import { NODE, Program, ROOT } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { createShare, startRelay } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const AGENT = fileURLToPath(new URL('../../../agent', import.meta.url))
/** The Node that runs this test comes first, whatever else the machine has. */
const ENV = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }
const NPM_MS = 120_000

const execute = promisify(execFile)

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

let folder = ''
let packed: Packed

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await execute(command, args, { cwd, env: ENV, timeout: NPM_MS })
  return stdout
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-edge-pack-'))
  // Behind the build's own lines comes the list, as JSON.
  const output = await run('npm', ['pack', '--json', '--pack-destination', folder], AGENT)
  const [first] = JSON.parse(output.slice(output.search(/^\[/m))) as Packed[]
  if (first === undefined) throw new Error('npm pack made nothing')
  packed = first
  await run('npm', ['init', '--yes'], folder)
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, packed.filename)], folder)
}, 2 * NPM_MS)

afterAll(() => rm(folder, { recursive: true, force: true }))

test('the package holds the program, its licence and its readme, and nothing of this machine', async () => {
  expect(packed.files.map(({ path }) => path).toSorted()).toEqual([
    'LICENSE',
    'README.md',
    'dist/cli.js',
    'dist/index.js',
    'dist/types/agent/index.d.ts',
    'dist/types/agent/library/agent-types.d.ts',
    'mcp-edge.schema.json',
    'package.json',
  ])
  for (const { path } of packed.files)
    expect(await readFile(join(folder, 'node_modules/mcp-edge-agent', path), 'utf8')).not.toContain(dirname(AGENT))
})

test('the installed agent says its version and its options', async () => {
  const manifest = JSON.parse(await readFile(join(AGENT, 'package.json'), 'utf8')) as { version: string }
  const program = join(folder, 'node_modules/.bin/mcp-edge-agent')
  expect(await run(program, ['--version'], folder)).toBe(`${manifest.version}\n`)
  expect(await run(program, ['--help'], folder)).toMatch(/^Usage: mcp-edge-agent \[options\] -- command/)
})

test('the installed agent ends with a plain line and exit code 1 when it has no token', async () => {
  const program = join(folder, 'node_modules/.bin/mcp-edge-agent')
  const { MCP_EDGE_TOKEN: _, ...env } = ENV as Record<string, string>
  const failed = execute(program, ['--', 'cat'], { cwd: folder, env })
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: 'mcp-edge-agent: A token is needed: set MCP_EDGE_TOKEN, or give --token-file or --token.\n',
  })
})

test('the installed agent dials the relay that its token names', async () => {
  const program = join(folder, 'node_modules/.bin/mcp-edge-agent')
  const claims = { aud: 'mcp-edge/agent', share: 'a'.repeat(32), iss: 'http://127.0.0.1:9' }
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
  const failed = execute(program, ['--max-retries', '1', '--reconnect-delay', '1ms', '--', 'cat'], {
    cwd: folder,
    env: { ...ENV, MCP_EDGE_TOKEN: token },
  })
  await expect(failed).rejects.toMatchObject({
    code: 4,
    stderr: expect.stringContaining('could not be reached in 2 attempts: connect ECONNREFUSED') as string,
  })
})

test('the installed program is the owner’s command line, too', async () => {
  const program = join(folder, 'node_modules/.bin/mcp-edge-agent')
  expect(await run(program, ['token', 'create', '--help'], folder)).toMatch(/^Usage: mcp-edge-agent token create \[options\] <share>/)
  const env = { ...ENV, XDG_CONFIG_HOME: folder, APPDATA: folder, npm_command: 'none', MCP_EDGE_RELAY: '', MCP_EDGE_OWNER_TOKEN: '' }
  await expect(execute(program, ['share', 'list'], { cwd: folder, env })).rejects.toMatchObject({
    code: 3,
    stderr: 'mcp-edge-agent: You are not logged in. Run: mcp-edge-agent login <URL of the relay>\n',
  })
  const away = { ...env, MCP_EDGE_RELAY: 'http://127.0.0.1:9', MCP_EDGE_OWNER_TOKEN: 'secret-of-the-owner' }
  await expect(execute(program, ['share', 'list', '--json'], { cwd: folder, env: away })).rejects.toMatchObject({
    code: 4,
    stdout: '',
    stderr: expect.stringMatching(/^\{.*"code":"RELAY_UNREACHABLE","exit":4.*\}\n$/) as string,
  })
})

test('the package passes publint', async () => {
  const publint = fileURLToPath(new URL('../../../node_modules/publint/src/cli.js', import.meta.url))
  expect(await run(process.execPath, [publint, '--strict', AGENT], folder)).toContain('All good!')
})

const SDK = pathToFileURL(join(ROOT, 'node_modules/@modelcontextprotocol/server/dist/index.mjs')).href
const EXAMPLE = `
import { createAgent, type AgentReady } from 'mcp-edge-agent'
import { McpServer } from '${SDK}'

const agent = createAgent({
  token: process.env.MCP_EDGE_TOKEN ?? '',
  server: () => {
    const server = new McpServer({ name: 'mine', version: '1' })
    server.registerTool('hello', { description: 'Greets' }, () => ({ content: [{ type: 'text', text: 'hello from ' + process.pid }] }))
    return server
  },
})
agent.on('call', ({ method, outcome }) => console.log('call', method, outcome))
const ready: AgentReady = await agent.start()
console.log('serving', ready.share, agent.isRunning)
process.stdin.once('data', async () => {
  await agent.stop()
  console.log('stopped', agent.isRunning)
  process.exit(0)
})
`

test('a program that has installed the package serves a server of its own with createAgent()', async () => {
  verifies('promise.library.typed', 'promise.library.in-process', 'promise.library.serves')
  await using relay = await startRelay()
  const share = await createShare(relay)
  const path = join(folder, 'mine.mts')
  await writeFile(path, EXAMPLE)
  // Node takes the types out; no file of ours is compiled here.
  await using program = new Program(NODE, [path], { cwd: folder, input: true, env: { MCP_EDGE_TOKEN: share.agentToken } })
  await program.stdout.find((line) => (line === `serving ${share.id} true` ? line : undefined), 'the agent')
  await using client = await connectSdk1Http(share.shareUrl)
  expect(toolText(await client.callTool('hello'))).toBe(`hello from ${program.pid}`)
  await program.stdout.find((line) => (line === 'call tools/call ok' ? line : undefined), 'the call')
  program.writeLine('')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(program.stdout.lines).toContain('stopped false')
})

test('the types of the package are enough for a program that is checked strictly', async () => {
  verifies('promise.library.typed')
  const right = `import { createAgent } from 'mcp-edge-agent'
const agent = createAgent({ token: 't', server: { command: 'x' } })
agent.on('ended', ({ fault }) => fault?.code.length)
export const running: boolean = agent.isRunning
`
  await writeFile(join(folder, 'typed.mts'), right)
  await writeFile(join(folder, 'wrong.mts'), `${right}createAgent({ token: 't', server: { command: 7 } })\n`)
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2024', '--types', '']
  const check = (file: string): Promise<string> => run(join(ROOT, 'node_modules/.bin/tsc'), [...options, file], folder)
  await check('typed.mts')
  await expect(check('wrong.mts')).rejects.toMatchObject({ stdout: expect.stringMatching(/wrong\.mts.*TS2322/) })
})
