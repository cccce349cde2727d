/** The agent as a program: arguments, variables and signals in, exit codes and plain lines out. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { allGone, isAlive } from '../../harness/processes.ts'
import { verifies } from '../../requirements/verifies.ts'
import { keyOf, ScriptedRelay, opened, pidOf } from './scripted-relay.ts'
import { scriptServer } from './script-server.ts'
import { TestAgent } from './test-agent.ts'

/** Answers with its process id; `later` when it gets SIGUSR2. */
const SERVER = scriptServer(`
  on = (message) => {
    if (message.method === 'later') return void process.once('SIGUSR2', () => result(message.id, 'later'))
    result(message.id, process.pid)
  }`)

/** What the server speaks is said, so that no process but those of the channels runs. */
const FAST = ['--reconnect-delay', '10ms', '--era', 'legacy']

interface Stage extends AsyncDisposable {
  readonly relay: ScriptedRelay
  readonly agent: TestAgent
}

async function stage(args: readonly string[] = FAST, server = SERVER): Promise<Stage> {
  const relay = await ScriptedRelay.start()
  const agent = new TestAgent([...args, '--json', '--', ...server], { MCP_EDGE_TOKEN: relay.token() })
  return {
    relay,
    agent,
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      await relay[Symbol.asyncDispose]()
    },
  }
}

describe.concurrent('leaving', { timeout: 20_000 }, () => {
  test('by SIGTERM says so, answers what runs, ends the children, closes with 4005 and exits with 0', async () => {
    await using s = await stage()
    const link = await opened(s.relay)
    const pid = await pidOf(link)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"later"}')
    await link.next('receipts')
    s.agent.process.kill('SIGTERM')
    await link.next('drain')
    process.kill(pid, 'SIGUSR2')
    await link.next('answer', ({ key }) => key === keyOf(1))
    expect(s.agent.stderr).toMatch(/"leaving\.waits","calls":1,"atMostMs":10000/)
    expect(s.agent.stderr).toMatch(/"event":"call","ch":"c1","method":"later","ms":\d+,"outcome":"ok"/)
    expect((await link.next('died')).header).toMatchObject({ ch: 'c1', reason: 'closed' })
    expect((await link.closed).code).toBe(CLOSE.GOING_AWAY)
    expect(await s.agent.ended).toMatchObject({ code: 0, signal: null })
    expect(isAlive(pid)).toBe(false)
    expect(s.relay.attempts).toBe(1)
  })

  test('by a second signal is at once, with exit code 130 and no orphan', async () => {
    await using s = await stage(
      FAST,
      scriptServer(
        `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); on = (message) => message.method === 'pid' && result(message.id, process.pid)`,
      ),
    )
    const link = await opened(s.relay)
    const pid = await pidOf(link)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"never"}')
    s.agent.process.kill('SIGINT')
    await link.next('drain')
    s.agent.process.kill('SIGINT')
    expect(await s.agent.ended).toMatchObject({ code: 130 })
    await allGone([pid])
  })

  test('by SIGKILL leaves no orphan, even of a child that ignores stdin and SIGTERM', async () => {
    await using s = await stage(
      FAST,
      scriptServer(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); on = (message) => result(message.id, process.pid)`),
    )
    const pid = await pidOf(await opened(s.relay))
    s.agent.process.kill('SIGKILL')
    await s.agent.ended
    await allGone([pid])
  })

  test('while the relay is away takes no time', async () => {
    await using s = await stage()
    s.relay.refuse = { status: 503 }
    await s.relay.attempted(1)
    s.agent.process.kill('SIGTERM')
    expect(await s.agent.ended).toMatchObject({ code: 0 })
  })
})

test('tells what is held back with an order that can be copied where the agent runs', async () => {
  await using s = await stage()
  const link = await s.relay.link(0)
  await link.welcome()
  link.send({ type: 'unaccepted', count: 2 })
  const [line] = await s.agent.logged(/.*"event":"tools.held".*/)
  expect(JSON.parse(line)).toMatchObject({
    meaning: expect.stringMatching(/ \S*node\S* \S*agent\/cli\.ts tools accept \S+ --all$/) as string,
  })
}, 20_000)

describe.concurrent('exit codes', { timeout: 20_000 }, () => {
  test('a mistyped command of owners exits with 1, and the command that was most likely meant', async () => {
    await using agent = new TestAgent(['shares', 'list'])
    const { code, stderr } = await agent.ended
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("Did you mean the owner's command share list? See: mcp-edge-agent share list --help"),
    ])
    await using other = new TestAgent(['node', 'server.js'])
    expect((await other.ended).stderr).not.toContain('Did you mean')
  })

  test('close 4003 exits with 6, and with --json one JSON line says why', async () => {
    await using s = await stage()
    const link = await opened(s.relay)
    const pid = await pidOf(link)
    link.socket.close(CLOSE.SHARE_GONE)
    expect(await s.agent.ended).toMatchObject({ code: 6 })
    expect(JSON.parse(s.agent.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ event: 'error', code: 'SHARE_GONE', exit: 6 })
    expect(isAlive(pid)).toBe(false)
  })

  test('--max-retries failures in a row exit with 4', async () => {
    await using relay = await ScriptedRelay.start()
    relay.refuse = { status: 500 }
    await using agent = new TestAgent([...FAST, '--max-retries', '2', '--', ...SERVER], { MCP_EDGE_TOKEN: relay.token() })
    expect(await agent.ended).toMatchObject({ code: 4 })
    expect(relay.attempts).toBe(3)
    expect(agent.stderr).toMatch(/mcp-edge-agent: The relay could not be reached in 3 attempts: HTTP 500\.\n$/)
  })

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['no token', ['--', 'cat'], {}, 1, /MCP_EDGE_TOKEN/],
    ['no command', ['--token', 'x'], {}, 1, /after --/],
    ['an unknown option', ['--bogus', '--', 'cat'], {}, 1, /unknown option '--bogus'/],
    ['a bad choice', ['--isolate', 'none', '--', 'cat'], {}, 1, /--isolate/],
    ['no token at all in the token', ['--', 'cat'], { MCP_EDGE_TOKEN: 'agent-token' }, 1, /no agent token/],
    ['the owner key as the token', ['--', 'cat'], { MCP_EDGE_TOKEN: 'mcpe_owner_x' }, 3, /the owner key of the relay.*Keep it from agents/],
    ['a variable of ours for the child', ['--env', 'MCP_EDGE_TOKEN', '--', 'cat'], { MCP_EDGE_TOKEN: 'x' }, 1, /--env MCP_EDGE_TOKEN/],
  ])('%s exits with a plain line', async (_, args, env, exit, text) => {
    await using agent = new TestAgent(args, env)
    const end = await agent.ended
    expect(end.code).toBe(exit)
    expect(end.stderr).toMatch(text)
    expect(end.stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('a client token exits with 3, a command that is not there with 5', async () => {
    await using relay = await ScriptedRelay.start()
    await using client = new TestAgent(['--', 'cat'], { MCP_EDGE_TOKEN: relay.token({ aud: 'mcp-edge/client' }) })
    expect(await client.ended).toMatchObject({ code: 3 })
    await using missing = new TestAgent(['--', 'no-such-command-anywhere'], { MCP_EDGE_TOKEN: relay.token() })
    expect(await missing.ended).toMatchObject({ code: 5 })
    expect(missing.stderr).toBe('mcp-edge-agent: The command no-such-command-anywhere was not found in PATH, or may not be run.\n')
    await using quoted = new TestAgent(['--', 'npx -y server'], { MCP_EDGE_TOKEN: relay.token() })
    expect(await quoted.ended).toMatchObject({ code: 5 })
    expect(quoted.stderr).toContain('It came as one word: leave the quotation marks out, as in -- npx -y server')
    expect(relay.attempts).toBe(0)
  })
})

describe.concurrent('the program', { timeout: 20_000 }, () => {
  test('never shows its token: not in the log, not in the process list', async () => {
    verifies('promise.9.not-in-logs')
    await using relay = await ScriptedRelay.start()
    const token = relay.token()
    await using agent = new TestAgent(['--verbose', '--token', token, '--', ...SERVER])
    const link = await opened(relay)
    await pidOf(link)
    expect(readFileSync(`/proc/${agent.process.pid}/cmdline`, 'utf8')).not.toContain(token.slice(0, 40))
    expect(agent.stderr).not.toContain(token)
  })

  test('gives its server the allow-listed environment and none of ours', async () => {
    verifies('promise.9.environment')
    const server = scriptServer(`on = (message) => result(message.id, process.env)`)
    await using relay = await ScriptedRelay.start()
    await using agent = new TestAgent(['--env', 'GIVEN=1', '--env', 'PASSED', '--', ...server], {
      MCP_EDGE_TOKEN: relay.token(),
      PASSED: '2',
      SECRET: '3',
    })
    const link = await opened(relay)
    link.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"env"}')
    const { result } = JSON.parse((await link.next('answer')).text()) as { result: Record<string, string> }
    expect(result).toMatchObject({ GIVEN: '1', PASSED: '2' })
    expect(Object.keys(result).filter((name) => name === 'SECRET' || name.startsWith('MCP_EDGE'))).toEqual([])
    expect(agent.process.pid).toBeGreaterThan(0)
  })
})
