/** Speaks to the owner's API of one relay: every failure becomes one plain line and an exit code. */
import { AgentExit, EXIT, type ExitCode } from '../exit.ts'
import { OWNER_ANSWER_CHARS, OWNER_CALL_MS, OWNER_SILENCE_MS } from '../limits.ts'
import type { Account } from './account.ts'
import { plain } from './table.ts'

export type Answer = Readonly<Record<string, unknown>>

interface Problem {
  readonly code: string
  readonly title: string
  readonly detail: string
}

/** Problems that end with another exit code than `REFUSED`. */
const EXITS: Readonly<Record<string, ExitCode>> = {
  OWNER_KEY_NEEDED: EXIT.AUTH,
  INSUFFICIENT_PERMISSIONS: EXIT.AUTH,
  SHARE_NOT_FOUND: EXIT.NOT_FOUND,
  TOKEN_NOT_FOUND: EXIT.NOT_FOUND,
  OWNER_NOT_FOUND: EXIT.NOT_FOUND,
  PERSON_NOT_FOUND: EXIT.NOT_FOUND,
  SESSION_NOT_FOUND: EXIT.NOT_FOUND,
  APPROVAL_NOT_FOUND: EXIT.NOT_FOUND,
  SERVER_NOT_FOUND: EXIT.NOT_FOUND,
  LANES_UNREACHED: EXIT.UNFINISHED,
}

export class OwnerApi {
  readonly relay: string
  /** How the user calls this program, for advice. */
  readonly program: string
  readonly #token: string | undefined

  constructor({ relay, token }: Pick<Account, 'relay'> & { readonly token?: string }, program: string) {
    this.relay = relay
    this.#token = token
    this.program = program
  }

  /**
   * The JSON object that the relay answers; an empty one for 204.
   *
   * @throws {AgentExit} when it cannot be reached, is none, or refuses.
   */
  async request(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: Answer | readonly Answer[]): Promise<Answer> {
    const response = await this.#fetch(method, path, body, AbortSignal.timeout(OWNER_CALL_MS))
    if (response.status === 204) return {}
    const answer = await this.#read(response)
    if (response.ok) return answer
    throw this.#problemIn(response, answer)
  }

  /**
   * The JSON objects that the relay tells one by one, a line each (NDJSON), until it ends the stream or `leave` is aborted.
   *
   * @throws {AgentExit} as `request`, and when no sign of the relay has come for a minute.
   */
  async *lines(path: string, leave: AbortSignal): AsyncGenerator<Answer> {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), OWNER_SILENCE_MS)
    try {
      const response = await this.#fetch('GET', path, undefined, AbortSignal.any([leave, silence.signal]))
      if (!response.ok) throw this.#problemIn(response, await this.#read(response))
      const decoder = new TextDecoder()
      let text = ''
      for await (const chunk of response.body ?? []) {
        timer.refresh()
        const lines = (text + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n')
        text = lines.pop() ?? ''
        if (text.length > OWNER_ANSWER_CHARS) throw this.#noRelay(response)
        // Nothing to tell is an empty line.
        for (const line of lines) if (line !== '') yield this.#parse(line, response)
      }
    } catch (error) {
      if (leave.aborted) return
      throw error instanceof AgentExit ? error : this.#unreachable(silence.signal.aborted ? new Error('it fell silent') : error)
    } finally {
      clearTimeout(timer)
    }
  }

  async #fetch(method: string, path: string, body: Answer | readonly Answer[] | undefined, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${this.relay}/api/${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // The owner token is for this relay, and not for where it may point.
        redirect: 'manual',
        signal,
      })
    } catch (error) {
      throw this.#unreachable(error)
    }
  }

  async #read(response: Response): Promise<Answer> {
    let text = ''
    try {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true })
        if (text.length > OWNER_ANSWER_CHARS) throw this.#noRelay(response)
      }
    } catch (error) {
      throw error instanceof AgentExit ? error : this.#unreachable(error)
    }
    return this.#parse(text, response)
  }

  #parse(text: string, response: Response): Answer {
    try {
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
    } catch {
      // Said below, with the status.
    }
    throw this.#noRelay(response)
  }

  #unreachable(error: unknown): AgentExit {
    return new AgentExit(
      EXIT.UNREACHABLE,
      'RELAY_UNREACHABLE',
      `${this.relay} could not be reached: ${reasonOf(error)}. Compare the address, and see whether the relay runs.`,
    )
  }

  #noRelay({ status, headers }: Response): AgentExit {
    const type = plain(headers.get('content-type') ?? 'without a content type').slice(0, 60)
    return new AgentExit(
      EXIT.UNREACHABLE,
      'NO_RELAY',
      `${this.relay} answers ${status} (${type}), which no relay would. Compare the address with the one that the relay was deployed to.`,
    )
  }

  #problemIn(response: Response, answer: Answer): AgentExit {
    const problem = readProblem(answer)
    return problem === undefined ? this.#noRelay(response) : this.#refused(problem)
  }

  #refused({ code, title, detail }: Problem): AgentExit {
    return new AgentExit(EXITS[code] ?? EXIT.REFUSED, code, `${title} ${this.#advice(code) ?? detail}`.trim())
  }

  /** In place of what the API tells programs. */
  #advice(code: string): string | undefined {
    switch (code) {
      case 'OWNER_KEY_NEEDED':
        return `${this.relay} does not take this one: it has ended, was removed, or belongs to another relay. Log in anew: ${this.program} login ${this.relay}`
      case 'RELAY_UNCLAIMED':
        return `Claim it: ${this.program} login ${this.relay}`
      case 'SHARE_EXPIRED':
        return `Lengthen it first: ${this.program} share extend <share>`
      default:
        return undefined
    }
  }
}

function readProblem({ code, title, detail }: Answer): Problem | undefined {
  if (typeof code !== 'string' || typeof title !== 'string') return undefined
  return { code: plain(code), title: plain(title), detail: typeof detail === 'string' ? plain(detail) : '' }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${OWNER_CALL_MS / 1000} s`
  const { cause } = error
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
  return error.message
}
