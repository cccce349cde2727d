/** The agent's options as its user meets them: where the token comes from, what the child sees, who may join a share. */
import { realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import {
  Agent,
  createServedShare,
  createShare,
  fixture,
  type Relay,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
} from '../../harness/selfhost.ts'
import { asArray, toolText } from '../../harness/json.ts'
import { NODE, Program, run } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function connect(share: Share): Promise<RawClient> {
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  return client
}

async function toolAnswer(client: RawClient, name: string, args: Record<string, string> = {}): Promise<string> {
  return toolText((await client.callTool(name, args)).last['result'])
}

describe('the child', () => {
  test('sees an allow-listed environment, --env on top, and none of our variables', async () => {
    verifies('promise.9.environment')
    const share = await createShare(relay)
    const args = ['--env', 'GIVEN=a value', '--env', 'INHERITED']
    const env = { INHERITED: 'from the shell', NOT_LISTED: 'secret', AWS_SECRET_ACCESS_KEY: 'secret' }
    stack.use(await startAgent(share, { command: fixture('echo'), args, env }))
    const client = await connect(share)
    expect(await toolAnswer(client, 'env', { name: 'GIVEN' })).toBe('a value')
    expect(await toolAnswer(client, 'env', { name: 'INHERITED' })).toBe('from the shell')
    const names = asArray(JSON.parse(await toolAnswer(client, 'environment'))).map(String)
    expect(names).toContain('PATH')
    for (const hidden of ['NOT_LISTED', 'AWS_SECRET_ACCESS_KEY']) expect(names).not.toContain(hidden)
    expect(names.filter((name) => name.startsWith('MCP_EDGE_'))).toEqual([])
  })

  test('runs in --cwd', async () => {
    const share = await createShare(relay)
    const cwd = await realpath(stack.use(await StateFolder.create()).path)
    stack.use(await startAgent(share, { command: fixture('echo'), args: ['--cwd', cwd] }))
    expect(await toolAnswer(await connect(share), 'cwd')).toBe(cwd)
  })

  test('is not started by a shell: arguments arrive as they are', async () => {
    verifies('promise.9.no-shell')
    const share = await createShare(relay)
    const code = 'const fs=require("fs");fs.writeFileSync(2,"arg "+process.argv[1]+"\\n")'
    const agent = stack.use(await startAgent(share, { command: [NODE, '-e', code, '$HOME; `id` "q"'] }))
    await new RawClient(share.shareUrl).initialize().catch(() => {})
    await agent.program.stderr.find((line) => (line.includes('$HOME; `id`') ? line : undefined), 'the argument')
  })
})

describe('the token', () => {
  test('is enough: it says where the relay is', async () => {
    const share = await createShare(relay)
    const program = stack.use(new Program(NODE, ['agent/cli.ts', '--json', '--token', share.agentToken, '--', ...fixture('echo')]))
    await program.stderr.find((line) => (line.includes('"ready"') ? line : undefined), 'ready')
  })

  test('comes from --token-file too', async () => {
    const share = await createShare(relay)
    const file = join(stack.use(await StateFolder.create()).path, 'token')
    await writeFile(file, `${share.agentToken}\n`, { mode: 0o600 })
    const program = stack.use(new Program(NODE, ['agent/cli.ts', '--json', '--token-file', file, '--', ...fixture('echo')]))
    await program.stderr.find((line) => (line.includes('"ready"') ? line : undefined), 'ready')
  })

  test('that is refused ends the agent with an exit code of its own, and is not printed', async () => {
    verifies('promise.9.not-in-logs')
    const share = await createShare(relay)
    const refused = await run(NODE, [
      'agent/cli.ts',
      '--json',
      '--relay',
      relay.origin,
      '--token',
      share.clientToken,
      '--',
      ...fixture('echo'),
    ])
    expect(refused.code).toBeGreaterThan(0)
    expect(refused.stdout + refused.stderr).not.toContain(share.clientToken)
    const usage = await run(NODE, ['agent/cli.ts', '--json'])
    expect(usage.code).toBeGreaterThan(0)
    expect(usage.code).not.toBe(refused.code)
  })
})

describe('a second agent', () => {
  test('of another name is refused, joins with --replica, takes over with --replace', async () => {
    const share = await createShare(relay)
    const first = stack.use(await startAgent(share, { command: fixture('echo'), args: ['--name', 'first'] }))
    const refused = new Agent(share, { command: fixture('echo'), args: ['--name', 'second'] })
    expect((await refused.program.exited).code).toBeGreaterThan(0)
    stack.use(await startAgent(share, { command: fixture('echo'), args: ['--name', 'third', '--replica'] }))
    expect(first.program.running).toBe(true)
    stack.use(await startAgent(share, { command: fixture('echo'), args: ['--name', 'fourth', '--replace'] }))
    expect((await first.program.exited).code).toBeGreaterThan(0)
    expect(await toolAnswer(await connect(share), 'echo', { text: 'by the fourth' })).toBe('by the fourth')
  })

  test('of the same name replaces the first, and sessions go on', async () => {
    verifies('promise.4.id-lives')
    const share = await createShare(relay)
    const args = ['--name', 'same']
    const first = stack.use(await startAgent(share, { command: fixture('echo'), args }))
    const client = await connect(share)
    expect(await toolAnswer(client, 'count')).toBe('1')
    stack.use(await startAgent(share, { command: fixture('echo'), args }))
    expect((await first.program.exited).code).toBeGreaterThan(0)
    expect(await toolAnswer(client, 'echo', { text: 'the session lives' })).toBe('the session lives')
  })
})

test('--max-retries: an agent without a relay gives up with an exit code', async () => {
  const args = [
    'agent/cli.ts',
    '--json',
    '--relay',
    'http://127.0.0.1:9',
    '--token',
    'x.y.z',
    '--max-retries',
    '2',
    '--reconnect-delay',
    '0.1',
  ]
  const exit = await run(NODE, [...args, '--', ...fixture('echo')])
  expect(exit.code).toBeGreaterThan(0)
})

describe('--max-children 1', () => {
  let share: Share
  beforeAll(async () => {
    share = await createServedShare(stack, relay, { command: fixture('echo'), args: ['--max-children', '1'] })
  })

  test('a busy child keeps its place: one more session is TOO_MANY_CHILDREN', async () => {
    verifies('promise.10.children')
    const busy = await connect(share)
    const waiting = busy.callTool('wait', { key: 'busy' })
    await busy.callTool('waiting', { key: 'busy' })
    await expect(new RawClient(share.shareUrl).initialize()).rejects.toThrow(/TOO_MANY_CHILDREN/)
    await busy.callTool('open', { key: 'busy' })
    expect(toolText((await waiting).last['result'])).toBe('opened busy')
    await busy.raw('DELETE')
  })

  test('an idle child makes room, and its session goes on with a new one', async () => {
    verifies('promise.10.children')
    const idle = await connect(share)
    const other = await connect(share)
    for (const client of [idle, other, idle]) expect(await toolAnswer(client, 'echo', { text: 'here' })).toBe('here')
  })
})

test('a command that does not exist ends the agent with an exit code and a named error', async () => {
  const share = await createShare(relay)
  const args = ['agent/cli.ts', '--json', '--token', share.agentToken, '--', '/nowhere/no-such-server']
  const exit = await run(NODE, args)
  expect(exit.code).toBe(5)
  expect(exit.stderr).toContain('COMMAND_NOT_FOUND')
})
