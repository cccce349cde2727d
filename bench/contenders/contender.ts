/** What a contender is: something that puts a stdio server behind a Streamable HTTP URL, and can be started and looked into. */
import { connect, createServer } from 'node:net'
import { until } from '../../test/harness/deadline.ts'
import { Program } from '../../test/harness/program.ts'
import { type Endpoint, HttpClient } from '../cases/http-client.ts'
import { argumentsOf, endTrees, trees } from '../process-tree.ts'

export interface StartOptions {
  /** The server, as a program and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** The server speaks revision 2026-07-28 only. */
  readonly modern?: boolean
  /** One server process for all sessions, where that can be chosen. */
  readonly shared?: boolean
  /** After which a session that nobody uses is ended. */
  readonly idleMs?: number
  /** Relay and agent apart from each other, so that the one can die without the other. */
  readonly apart?: boolean
}

export interface Running extends AsyncDisposable {
  readonly endpoint: Endpoint
  /** What a person would type to start the same. */
  readonly commands: readonly string[]
  /** Processes of which everything that belongs to the contender descends. */
  readonly roots: readonly number[]
  /** The process that stands beside the server and talks to the world. */
  readonly agentPid: number
  /** Starts that process again, where something would. */
  readonly restart?: () => Promise<void>
}

export interface Contender {
  readonly name: string
  readonly title: string
  /** @throws {StartFailure} when it does not come up. */
  readonly start: (options: StartOptions) => Promise<Running>
}

/** A contender that did not come up, and what was typed to start it. */
export class StartFailure extends Error {
  readonly commands: readonly string[]

  constructor(commands: readonly string[], cause: unknown) {
    super(`did not start: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.commands = commands
  }
}

/** A port of the loopback address that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Waits until something listens on a loopback port. */
export async function portOpen(port: number): Promise<void> {
  const tryOnce = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
  await until(tryOnce, `port ${port} to be open`)
}

/** How long one look at an endpoint may take that may not be up yet. */
const LOOK_MS = 2000

/** Waits until an MCP endpoint refuses an empty message as MCP servers do: then all on the way to it is up. */
export async function endpointUp(endpoint: Endpoint): Promise<void> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const tryOnce = async (): Promise<boolean> => {
    using client = new HttpClient(endpoint)
    try {
      return (await client.send('POST', headers, '{}', LOOK_MS)).status === 400
    } catch {
      return false
    }
  }
  await until(tryOnce, `an MCP endpoint on port ${endpoint.port}`)
}

/** Programs that are one contender together. */
export class Processes implements AsyncDisposable {
  readonly commands: string[] = []
  readonly #programs: Program[] = []

  start(program: string, args: readonly string[], shown: string): Program {
    this.commands.push(shown)
    const started = new Program(program, args)
    this.#programs.push(started)
    return started
  }

  get roots(): number[] {
    return this.#programs.filter((program) => program.running).map((program) => program.pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTrees(this.roots)
  }
}

/** The processes of a contender: its own, and those of the server with the shells that started them. */
export function census({ roots }: Running, childFile: string): { readonly own: readonly number[]; readonly children: readonly number[] } {
  const all = trees(roots)
  const isChild = (pid: number): boolean => {
    const [program = '', first = '', second = ''] = argumentsOf(pid)
    return first === childFile || (/(^|\/)(ba|da)?sh$/.test(program) && first === '-c' && second.includes(childFile))
  }
  return { own: all.filter((pid) => !isChild(pid)), children: all.filter(isChild) }
}
