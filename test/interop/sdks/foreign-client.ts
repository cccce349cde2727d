/**
 * Owns a client program that is not ours: it reads commands from stdin, one a line, and answers each with one JSON line.
 *
 * Its environment has MCP_URL, MCP_TRANSPORT (`http` or `sse`) and perhaps MCP_BEARER. The commands are `connect`, `list`,
 * `call {"name":…,"arguments":…}`, `ask` and `close`; the answers `{"ok":true,"value":…}` and `{"ok":false,"error":"…"}`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ERRORS } from '../../../protocol/error-table.ts'
import { asArray, asObject, type JsonObject, textField } from '../../harness/json.ts'
import { Program } from '../../harness/program.ts'
import type { Command, Share } from '../../harness/selfhost.ts'

/** Covers what the relay itself may wait for, and the patience of the client's own retries. */
const ANSWER_MS = 60_000
/** Between one refusal that may be tried again and the next try, and how often. */
const AGAIN_MS = 500
const MAX_TRIES = 20

export interface Way {
  readonly transport: 'http' | 'sse'
  /** How the client says who it is: by a link with a key, or by a header. */
  readonly by: 'key' | 'bearer'
}

/** How a client program is started. */
export interface ForeignProgram {
  readonly command: Command
  readonly env?: Readonly<Record<string, string>>
}

/** The program said that a command failed. */
class ForeignError extends Error {
  /** Whether the relay said that the same may be tried again, or has not run; libraries that hide its data leave its sentence. */
  get isRetryable(): boolean {
    if (/retryable\W{1,4}true|executed\W{1,5}no\b/i.test(this.message)) return true
    return Object.values(ERRORS).some(({ retryable, message }) => retryable && this.message.includes(message))
  }
}

function isJson(line: string): string | undefined {
  return line.startsWith('{') ? line : undefined
}

export class ForeignClient implements AsyncDisposable {
  /** How often a call was refused and tried again. */
  retries = 0
  readonly #program: Program
  #answered = 0

  constructor(share: Share, { command: [name, ...args], env }: ForeignProgram, { transport, by }: Way) {
    const keyUrl = transport === 'sse' ? share.shareUrl.replace(/\/mcp$/, '/sse') : share.shareUrl
    const url = transport === 'sse' ? share.sseUrl : share.url
    this.#program = new Program(name, args, {
      input: true,
      env: {
        ...env,
        MCP_TRANSPORT: transport,
        MCP_URL: by === 'key' ? keyUrl : url,
        MCP_BEARER: by === 'key' ? undefined : share.clientToken,
      },
    })
  }

  /** @throws Error with what the program printed, when it ends or hangs. */
  async #command(line: string): Promise<unknown> {
    this.#program.writeLine(line)
    let seen = 0
    const next = (text: string): string | undefined => (isJson(text) !== undefined && ++seen > this.#answered ? text : undefined)
    const answer = await this.#program.stdout.find(next, `the answer to ${line.slice(0, 100)}`, ANSWER_MS).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#program.stderr.tail()}`, { cause: error })
    })
    this.#answered++
    const { ok, value, error } = asObject(JSON.parse(answer))
    if (ok !== true) throw new ForeignError(`${line.slice(0, 100)}: ${String(error)}`)
    return value
  }

  /** Tries again while the relay says that this may help, and counts how often. */
  async #patiently(line: string): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#command(line)
      } catch (error) {
        if (!(error instanceof ForeignError) || !error.isRetryable || tries === MAX_TRIES) throw error
        this.retries++
        await delay(AGAIN_MS)
      }
    }
  }

  async connect(): Promise<string> {
    return String(await this.#command('connect'))
  }

  async list(): Promise<string[]> {
    return asArray(await this.#patiently('list')).map(String)
  }

  /** The text of the result's first content. */
  async call(name: string, args: JsonObject = {}): Promise<string> {
    return textField({ text: await this.#patiently(`call ${JSON.stringify({ name, arguments: args })}`) }, 'text')
  }

  /** What the server said after its asks were answered. */
  async ask(): Promise<string> {
    return String(await this.#patiently('ask'))
  }

  /** Whether the program goes by itself is its own affair; it is stopped. */
  async close(): Promise<void> {
    await this.#command('close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill9()
  }
}
