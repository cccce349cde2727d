/** One run of an owner's command: whom it speaks to, and how it shows what came of it, to people or (`--json`) to programs. */
import type { Command } from 'commander'
import { shownJson } from '../../protocol/policy/shown-json.ts'
import { signedIn } from './account.ts'
import { type Answer, OwnerApi } from './api-client.ts'
import type { Terminal } from './terminal.ts'

/** Options that every command has. */
interface CommonOptions {
  readonly json?: true
  readonly relay?: string
}

export class OwnerRun {
  readonly terminal: Terminal
  readonly relay: string | undefined
  readonly #json: boolean
  #api: OwnerApi | undefined

  constructor(terminal: Terminal, command: Command) {
    const { json, relay } = command.optsWithGlobals<CommonOptions>()
    this.terminal = terminal
    this.relay = relay
    this.#json = json === true
  }

  /** @throws {AgentExit} when nobody is logged in. */
  get api(): OwnerApi {
    this.#api ??= new OwnerApi(signedIn(this.relay, this.terminal), this.terminal.program)
    return this.#api
  }

  /** How the program is called. */
  get program(): string {
    return this.terminal.program
  }

  /** Whether a program reads what is shown. */
  get isForPrograms(): boolean {
    return this.#json
  }

  /** The relay's own words as one line of JSON, or `text`, which ends with a line feed. */
  show(answer: Answer, text: () => string): void {
    this.terminal.write(this.#json ? jsonLine(answer) : text())
  }

  /** A remark beside the result; programs get it too, on stderr. */
  remark(text: string): void {
    this.terminal.note(`mcp-edge-agent: ${text}\n`)
  }
}

/** One line of JSON in which nothing would be obeyed by a terminal: programs read the same from it. */
export function jsonLine(answer: Answer): string {
  return `${shownJson(JSON.stringify(answer))}\n`
}

/** What a group of commands makes its runs with. */
export type StartRun = (command: Command) => OwnerRun
