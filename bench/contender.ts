/** What the bench asks of each contender: to start with a given child, to say where it answers, and to end. */
import { Program } from '../test/e2e/program.ts'
import { type Endpoint } from './http-client.ts'
import { argumentsOf, endTrees, trees } from './process-tree.ts'
import { join } from 'node:path'

export const CHILD_FILE = join(import.meta.dirname, 'child.ts')

export interface StartOptions {
  /** The child speaks revision 2026-07-28. */
  readonly modern?: boolean
  /** Sessions that must be possible at once. */
  readonly maxSessions?: number
  /** How long a session's child may be idle. */
  readonly idleMs?: number
}

export interface Contender {
  /** As `--peer` takes it. */
  readonly name: string
  /** As tables show it. */
  readonly title: string
  /** Whether all its sessions share one child. */
  readonly isShared: boolean
  readonly start: (options: StartOptions) => Promise<Running>
}

/** A contender that runs. */
export class Running implements AsyncDisposable {
  readonly endpoint: Endpoint
  /** The commands that ran, with the machine's paths cut off. */
  readonly commands: readonly string[]
  /** The process on the server's machine: agent, tunnel client or bridge. */
  readonly serverSide: Program
  readonly #programs: readonly Program[]
  readonly #cleanUp: () => Promise<void>

  constructor(endpoint: Endpoint, programs: readonly Launched[], serverSide: Program, cleanUp = async (): Promise<void> => {}) {
    this.endpoint = endpoint
    this.commands = programs.map(({ command }) => command)
    this.#programs = programs.map(({ program }) => program)
    this.serverSide = serverSide
    this.#cleanUp = cleanUp
  }

  /** Ids of all processes, the children among them. */
  processes(): number[] {
    return trees(this.#programs.map(({ pid }) => pid))
  }

  /** Ids of the MCP servers. */
  children(): number[] {
    return this.processes().filter((pid) => argumentsOf(pid)[1] === CHILD_FILE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTrees(this.#programs.filter(({ running }) => running).map(({ pid }) => pid))
    for (const program of this.#programs) live.delete(program)
    await this.#cleanUp()
  }
}

export interface Launched {
  readonly program: Program
  readonly command: string
}

const live = new Set<Program>()

/** Starts a program of a contender. It ends with the bench, however the bench is ended by a signal. */
export function launch(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Launched {
  const program = new Program(command, args, { env })
  live.add(program)
  const variables = Object.entries(env).filter(([name]) => !name.includes('TOKEN'))
  const words = [...variables.map(([name, value]) => `${name}=${value}`), command, ...args]
  return { program, command: words.map(withoutPath).join(' ') }
}

/** Ends what runs still. */
export async function endAll(): Promise<void> {
  await endTrees([...live].filter(({ running }) => running).map(({ pid }) => pid))
}

/** Paths of this machine say nothing to a reader. */
function withoutPath(word: string): string {
  return word.replaceAll(/(?:\/[\w.@+-]+)+\/(node_modules\/|bench\/|agent\/|selfhost\/)/g, '$1').replaceAll(/node_modules\/\.bin\//g, '')
}
