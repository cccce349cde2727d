/** Owns the runs of a vendor's command line in a home of its own: nothing of the user's settings is read or written. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NODE } from '../../harness/program.ts'
import type { CommandLine, ServerAddress, Terminal } from './command-line.ts'
import { programOf } from './installed.ts'
import { ProgramTree } from './program-tree.ts'

/** A command that connects and ends; the vendors' own patience with a server is 30 s and more. */
const RUN_MS = 90_000

export class Home implements Terminal, AsyncDisposable {
  readonly home: string
  readonly #folder: string
  readonly #program: string
  readonly #env: Readonly<Record<string, string>>

  private constructor(folder: string, program: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder
    this.home = join(folder, 'home')
    this.#program = program
    this.#env = env
  }

  static async create(commandLine: CommandLine, address: ServerAddress, modelUrl: string): Promise<Home> {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-edge-vendor-'))
    const home = new Home(folder, programOf(commandLine), commandLine.environment(modelUrl, address))
    for (const name of ['home', 'work']) await mkdir(join(folder, name))
    const { addServer } = commandLine.signIn
    if (address.signsIn === true && addServer !== undefined) await addServer(home, address.url, modelUrl)
    else await commandLine.addServer(home, address, modelUrl)
    return home
  }

  start(args: readonly string[], input?: true): ProgramTree {
    const env = { ...this.#env, HOME: this.home }
    return new ProgramTree(NODE, [this.#program, ...args], { env, cwd: join(this.#folder, 'work'), ...(input && { input }) })
  }

  /** Starts it as a person does, in a terminal. */
  startInTerminal(args: readonly string[], env: Readonly<Record<string, string>>): ProgramTree {
    const command = [NODE, this.#program, ...args].map((word) => `'${word}'`).join(' ')
    const all = { ...this.#env, HOME: this.home, TERM: 'xterm', ...env }
    return new ProgramTree('script', ['-qec', command, '/dev/null'], { env: all, cwd: join(this.#folder, 'work'), input: true })
  }

  async run(args: readonly string[]): Promise<string> {
    await using program = this.start(args)
    return await program.output(RUN_MS)
  }

  async ask(args: readonly string[], lines: readonly string[], pattern: RegExp): Promise<string> {
    await using program = this.start(args, true)
    for (const line of lines) program.writeLine(line)
    return await program.stdout.find((line) => (pattern.test(line) ? line : undefined), `the answer of ${args.join(' ')}`, RUN_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
