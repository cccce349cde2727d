/** The owner's command line against a real relay, from the claim to the last order, and a client that uses what it hands out. */
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject, textField, toolText } from '../../harness/json.ts'
import { knock } from '../../harness/knock.ts'
import { NODE, Program, ROOT, run } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { fixture, Selfhost, StateFolder } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const PROGRAM = ['agent/cli.ts']
const stack = new AsyncDisposableStack()
let relay: Selfhost
let home = ''
let env: Readonly<Record<string, string | undefined>>

beforeAll(async () => {
  const folder = stack.use(await StateFolder.create()).path
  relay = stack.use(await Selfhost.start(['--open-claim', '--port', '0', '--data', join(folder, 'relay')]))
  home = join(folder, 'config')
  await mkdir(home)
  env = { XDG_CONFIG_HOME: home, MCP_EDGE_RELAY: undefined, MCP_EDGE_OWNER_TOKEN: undefined, MCP_EDGE_TOKEN: undefined }
})
afterAll(() => stack.disposeAsync())

/** What a command prints. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(NODE, [...PROGRAM, ...args], { env })
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`)
  return stdout
}

async function json(...args: readonly string[]): Promise<JsonObject> {
  return asObject(JSON.parse(await ok(...args, '--json')))
}

/** Exit code and the line of a command that fails. */
async function refused(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(NODE, [...PROGRAM, ...args], { env })
  expect(stdout).toBe('')
  return `${code} ${stderr}`
}

/** The Friday of next week, or the one after, as a date. */
function friday(): string {
  const day = new Date()
  day.setDate(day.getDate() + ((5 - day.getDay() + 7) % 7) + 7)
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`
}

test('login claims a fresh relay with the code of its log, and keeps the token where only its user reads it', async () => {
  verifies('promise.9.owner-line')
  expect(await refused('share', 'list')).toMatch(/^3 mcp-edge-agent: You are not logged in\. Run: /)
  const { origin } = new URL(relay.line.relay)
  await using login = new Program(NODE, [...PROGRAM, 'login', origin], { env, input: true })
  const codeIn = (line: string) => /claim code: (\S+)/.exec(line)?.[1]
  const code = await Promise.any([relay.program.stdout.find(codeIn, 'the claim code'), relay.program.stderr.find(codeIn, 'the claim code')])
  login.writeLine(code)
  expect(await login.exited).toMatchObject({ code: 0 })
  const file = join(home, 'mcp-edge/owner.json')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const token = /mcpe_owner_[\w-]+/.exec(await readFile(file, 'utf8'))?.[0] ?? 'none'
  expect([...login.stdout.lines, ...login.stderr.lines, ...relay.program.stderr.lines].join('\n')).not.toContain(token)
  expect(await ok('share', 'list')).toMatch(/^No shares yet\./)
})

test('a link that only reads is handed out until Friday, used, paused, rotated and revoked', async () => {
  verifies('promise.9.owner-line')
  const made = await ok('share', 'create', '--name', 'docs', '--expires', '30d')
  const token = /MCP_EDGE_TOKEN=(\S+)/.exec(made)?.[1]
  const own = /^ {2}(http\S+)$/m.exec(made)?.[1] ?? ''
  // As the text says, with a server of ours.
  await using agent = new Program(NODE, [...PROGRAM, '--', ...fixture('annotated', 'ran')], { env: { ...env, MCP_EDGE_TOKEN: token } })
  await agent.stderr.find((line) => (/\bready\b/.test(line) ? line : undefined), 'ready', 30_000)

  const day = friday()
  const handed = await ok('token', 'create', 'docs', '--read-only', '--name', 'Ann', '--expires', day)
  expect(handed).toContain(`may only read, until ${day} 23:59.`)
  const url = /^ {2}(http\S+)$/m.exec(handed)?.[1] ?? ''
  {
    await using ann = await connectSdk2Http(url)
    expect(await ann.listTools()).toEqual(['look'])
    expect(toolText(await ann.callTool('look', {}))).toBe('ran')
    await expect(ann.callTool('pay', {})).rejects.toThrow(/does not offer/)
  }
  const listed = await ok('token', 'list', 'docs')
  expect(listed).toMatch(new RegExp(`^[0-9a-f]{24}  Ann    key     read   ${day} 23:59$`, 'm'))
  expect(listed).not.toContain(url.split('/k/')[1]?.split('/')[0] ?? 'no key')
  expect(await ok('share', 'show', 'docs')).toMatch(/\nAGENT .*\n\S+ .* session /)

  expect(await ok('share', 'pause', 'docs')).toMatch(/^state +paused$/m)
  expect(await knock(url)).toBe('503 SHARE_PAUSED')
  expect(await ok('share', 'resume', 'docs')).toMatch(/^state +active$/m)
  expect(await json('token', 'update', 'docs', 'Ann', '--access', 'admin', '--allow', 'pay', '--expires', '2d')).toMatchObject({
    policy: { access: 'admin', tools: { allow: ['pay'] } },
  })
  {
    await using ann = await connectSdk1Http(url)
    expect(await ann.listTools()).toEqual(['pay'])
  }
  // Ann hands hers on, without the relay; its owner sees it and ends it with hers.
  const { stdout } = await run(NODE, [...PROGRAM, 'token', 'narrow', url, '--allow', 'look', '--name', 'Bob'], { env })
  const narrowed = /^ {2}(http\S+)$/m.exec(stdout)?.[1] ?? ''
  {
    await using bob = await connectSdk1Http(narrowed)
    expect(await bob.listTools()).toEqual([])
  }
  expect(await ok('token', 'list', 'docs')).toMatch(/^[0-9a-f]{24} {2}Bob +of Ann /m)
  await ok('token', 'revoke', 'docs', 'Ann')
  expect(await knock(narrowed)).toBe('410 LINK_REVOKED')
  expect([await knock(url), await refused('token', 'revoke', 'docs', 'Ann')]).toEqual([
    '410 LINK_REVOKED',
    expect.stringMatching(/^7 mcp-edge-agent: There is no token Ann\./),
  ])

  const rotated = await json('share', 'rotate', 'docs')
  expect(await knock(own)).toBe('410 LINK_REVOKED')
  {
    await using owner = await connectSdk2Http(textField(rotated, 'url'), textField(rotated, 'client_token'))
    expect(await owner.listTools()).toEqual(['look', 'set', 'pay'])
  }
  expect(await refused('share', 'extend', 'docs')).toMatch(/^1 .* which is later\./)
  expect(await ok('share', 'revoke', 'docs')).toMatch(/^Share docs .* has ended/)
  expect(await agent.exited).toMatchObject({ code: 6 })
  expect(await knock(textField(rotated, 'share_url'))).toBe('404 SHARE_NOT_FOUND')
})

test('another owner is made, works by variables alone, and is refused once removed', async () => {
  verifies('promise.9.owner-line')
  const ann = await json('owner', 'create', 'Ann', '--expires', '90d')
  const asAnn = async (...args: readonly string[]) =>
    await run(NODE, [...PROGRAM, ...args], {
      env: { ...env, XDG_CONFIG_HOME: '/nowhere', MCP_EDGE_RELAY: relay.line.relay, MCP_EDGE_OWNER_TOKEN: textField(ann, 'owner_token') },
    })
  expect(await asAnn('share', 'create', '--name', 'of Ann')).toMatchObject({ code: 0, stderr: '' })
  expect(await ok('share', 'list')).not.toContain('of Ann')
  expect((await asAnn('owner', 'list')).code).toBe(3)
  expect(await ok('owner', 'revoke', 'Ann')).toContain('is removed')
  const after = await asAnn('share', 'list', '--json')
  expect([after.code, after.stdout]).toEqual([3, ''])
  expect(JSON.parse(after.stderr)).toMatchObject({ event: 'error', code: 'OWNER_KEY_NEEDED', exit: 3 })
  expect(await ok('share', 'list')).toMatch(/ of Ann .* paused$/m)
  expect(await ok('logout')).toMatch(/^Logged out/)
  expect(await refused('share', 'list')).toMatch(/^3 /)
})

test('a server that has the name of an owner’s command is served behind --', async () => {
  const { code, stderr } = await run(NODE, [...PROGRAM, '--token', 'x', '--', 'share'], { env, cwd: ROOT })
  expect([code, stderr]).toEqual([1, expect.stringContaining('This is no agent token')])
})
