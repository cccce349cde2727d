/** Owns the real parts that an end-to-end test is made of: a relay in workerd, shares on it, agents with their servers. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asObject, type JsonObject, textField } from './json.ts'
import { NODE, Program, ROOT } from './program.ts'

/** workerd, the relay's first request and a server from npm, all cold, on a busy machine. */
const START_MS = 60_000

function parseLine(line: string): JsonObject | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return asObject(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** A command as the agent's `-- command args…`. */
export type Command = readonly [string, ...string[]]

/** Runs one of test/fixtures. */
export function fixture(name: string, ...args: readonly string[]): Command {
  return [NODE, join(ROOT, 'test/fixtures', `${name}.ts`), ...args]
}

/** Which revisions a server serves: those with a handshake, 2026-07-28, or whichever its client begins with. */
export type ServerEra = 'legacy' | 'modern' | 'both'

/** The server of test/conformance that serves an era. */
export function conformanceServer(era: ServerEra): Command {
  return [NODE, join(ROOT, 'test/conformance', `${era}-server.ts`)]
}

/** A server that asks its client in tools, prompts, resources and behind answers; `byTimer`: soon after the handshake, too. */
export function askingServer(era: ServerEra, byTimer?: 'elicitation' | 'roots'): Command {
  return [NODE, join(ROOT, 'test/conformance/asking-server.ts'), era, ...(byTimer === undefined ? [] : [byTimer])]
}

/** A server of apps, skills and a vendor's own methods. */
export function extensionsServer(era: ServerEra): Command {
  return [NODE, join(ROOT, 'test/conformance/extensions-server.ts'), era]
}

/** A server whose tools run as tasks of its era. */
export function tasksServer(era: 'legacy' | 'modern'): Command {
  return [NODE, join(ROOT, 'test/conformance', era === 'legacy' ? 'legacy-tasks-server.ts' : 'tasks-server.ts')]
}

/** A server from npm, by the name of its package. */
export function npmServer(name: 'server-everything' | 'server-filesystem', ...args: readonly string[]): Command {
  return [NODE, join(ROOT, 'node_modules/@modelcontextprotocol', name, 'dist/index.js'), ...args]
}

/** A word that no other process has among its arguments, by which a child is found again. */
export function uniqueMark(): string {
  return `--mark-${randomUUID()}`
}

export class StateFolder implements AsyncDisposable {
  /** Those of this process that are still there. */
  static readonly open = new Set<StateFolder>()
  readonly path: string

  constructor(path: string) {
    this.path = path
    StateFolder.open.add(this)
  }

  static async create(): Promise<StateFolder> {
    return new StateFolder(await mkdtemp(join(tmpdir(), 'mcp-edge-test-')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 10 })
    StateFolder.open.delete(this)
  }
}

/** What `npm start -- --json` prints when all is ready. */
export interface StartLine {
  readonly relay: string
  readonly ownerToken: string
  readonly shareUrl: string
  readonly clientToken: string
  readonly agentToken: string
  readonly share: string
  /** Empty where no web app is shared. */
  readonly webUrl: string
}

export class Selfhost implements AsyncDisposable {
  readonly program: Program
  readonly line: StartLine

  constructor(program: Program, line: StartLine) {
    this.program = program
    this.line = line
  }

  /** Starts a checkout's `selfhost/start.ts` with the given arguments and waits for its line. */
  static async start(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}, checkout = ROOT): Promise<Selfhost> {
    const program = new Program(NODE, ['selfhost/start.ts', '--json', ...args], { env, cwd: checkout })
    try {
      const line = await program.stdout.find(parseLine, 'the line of npm start', START_MS)
      return new Selfhost(program, {
        relay: textField(line, 'relay'),
        ownerToken: textField(line, 'owner_token', ''),
        shareUrl: textField(line, 'share_url', ''),
        clientToken: textField(line, 'client_token', ''),
        agentToken: textField(line, 'agent_token', ''),
        share: textField(line, 'share', ''),
        webUrl: textField(line, 'web_url', ''),
      })
    } catch (error) {
      await program.kill9()
      throw new Error(`${String(error)}\n${program.stderr.tail()}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
  }
}

export class Relay implements AsyncDisposable {
  readonly origin: string
  readonly ownerToken: string
  readonly program: Program
  readonly #folder: StateFolder

  constructor(selfhost: Selfhost, folder: StateFolder) {
    this.origin = new URL(selfhost.line.relay).origin
    this.ownerToken = selfhost.line.ownerToken
    this.program = selfhost.program
    this.#folder = folder
  }

  /** A request to the owner's API. `token` of null sends none. */
  async api(method: string, path: string, body?: JsonObject, token: string | null = this.ownerToken): Promise<Response> {
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
    if (body) headers['content-type'] = 'application/json'
    return await fetch(`${this.origin}/api/${path}`, { method, headers, body: body ? JSON.stringify(body) : null })
  }

  /** The owner's view of a share. */
  async describe(share: Share): Promise<JsonObject> {
    const response = await this.api('GET', `shares/${share.id}`)
    if (response.status !== 200) throw new Error(`describe: ${response.status} ${await response.text()}`)
    return asObject(await response.json())
  }

  /** A number among the share's counters. */
  async counter(share: Share, name: string): Promise<number> {
    const value = asObject((await this.describe(share))['counters'])[name]
    if (typeof value !== 'number') throw new Error(`the share has no counter ${name}`)
    return value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
    await this.#folder[Symbol.asyncDispose]()
  }
}

/** A relay of its own for one test file, with a fresh state folder. */
export async function startRelay(args: readonly string[] = [], env: Readonly<Record<string, string | undefined>> = {}): Promise<Relay> {
  const folder = await StateFolder.create()
  try {
    return new Relay(await Selfhost.start(['--relay-only', '--port', '0', '--data', folder.path, ...args], env), folder)
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw error
  }
}

export interface Share {
  readonly relay: Relay
  readonly id: string
  readonly shareUrl: string
  readonly url: string
  readonly sseUrl: string
  readonly clientToken: string
  readonly agentToken: string
}

export async function createShare(relay: Relay, body: JsonObject = {}): Promise<Share> {
  const response = await relay.api('POST', 'shares', body)
  if (response.status !== 201) throw new Error(`createShare: ${response.status} ${await response.text()}`)
  const made = asObject(await response.json())
  return {
    relay,
    id: textField(made, 'share'),
    shareUrl: textField(made, 'share_url'),
    url: textField(made, 'url'),
    sseUrl: textField(made, 'sse_url', ''),
    clientToken: textField(made, 'client_token'),
    agentToken: textField(made, 'agent_token', ''),
  }
}

/** Another token of a share. */
export async function createToken(share: Share, kind: 'client' | 'agent'): Promise<string> {
  const response = await share.relay.api('POST', `shares/${share.id}/tokens`, {
    kind,
    ...(kind === 'agent' ? {} : { policy: { access: 'admin' } }),
  })
  if (response.status !== 201) throw new Error(`createToken: ${response.status} ${await response.text()}`)
  return textField(asObject(await response.json()), 'token')
}

export interface AgentOptions {
  /** Undefined where an option names the server, and for an agent that shares a web app alone. */
  readonly command?: Command | undefined
  /** Options of the agent itself. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Whose agent it is, when it is not this checkout's. */
  readonly checkout?: string
}

export class Agent implements AsyncDisposable {
  readonly program: Program

  constructor(share: Share, { command, args = [], env = {}, checkout = ROOT }: AgentOptions) {
    const own = ['agent/cli.ts', '--relay', share.relay.origin, '--json', ...args, ...(command === undefined ? [] : ['--', ...command])]
    this.program = new Program(NODE, own, { env: { MCP_EDGE_TOKEN: share.agentToken, ...env }, cwd: checkout })
  }

  /** Waits for an event that the agent reports on stderr. */
  async event(name: string, boundMs?: number): Promise<JsonObject> {
    const match = (line: string): JsonObject | undefined => {
      const event = parseLine(line)
      return event?.['event'] === name ? event : undefined
    }
    return await this.program.stderr.find(match, `the agent's event ${name}`, boundMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
  }
}

/** Starts an agent and waits until the relay has welcomed it. */
export async function startAgent(share: Share, options: AgentOptions): Promise<Agent> {
  const agent = new Agent(share, options)
  try {
    await agent.event('ready')
    return agent
  } catch (error) {
    await agent.program.kill9()
    throw error
  }
}

/** Waits until the server of a share was listed and pinned, which writes rows. */
export async function untilPinned({ relay, id }: Share): Promise<void> {
  for (;;) {
    const response = await relay.api('GET', `shares/${id}/tools`)
    if (asObject(await response.json())['unpinned'] !== undefined) return
  }
}

/** A share with an agent that serves it for as long as the stack lives. */
export async function createServedShare(stack: AsyncDisposableStack, relay: Relay, options: AgentOptions): Promise<Share> {
  const share = await createShare(relay)
  stack.use(await startAgent(share, options))
  return share
}
