/**
 * One link of an agent of cpp-mcp, which takes one request with each poll, works on one at a time, and polls again when it has answered. Texts pass as
 * they are: what they mean is known to their dialect in the Share. Nothing is given twice, since such an agent would do it twice.
 */
import { FOREIGN_CALL_MS } from '../foreign-limits.ts'
import { log } from '../log.ts'
import { MAX_UNPOLLED_BYTES } from './limits.ts'
import { PollWaiter } from './poll-waiter.ts'

const NORMAL_CLOSURE = 1000
/** RFC 6455 §7.4.1. */
const TOO_BIG = 1009

/** What a poll is given, and what takes back what was not given yet (`cpp-mcp.ts`). */
const NAMED = /^\{"request_id":"([0-9a-f]{16})"/
const CANCELLING = /^\{"cancels":"([0-9a-f]{16})",/

export class SerialLink {
  readonly #socket: WebSocket
  readonly #waiter: PollWaiter
  readonly #over: () => void
  #queue: string[] = []
  /** In UTF-16 units. */
  #queued = 0
  /** Requests that were given and not answered, and since when, in milliseconds since 1970. */
  readonly #given = new Map<string, number>()
  #isClosed = false

  /** `socket`: of the Share, not accepted yet. `registration`: what the agent has said of itself. `over`: nothing comes of this link any more. */
  constructor(socket: WebSocket, registration: string, over: () => void) {
    this.#socket = socket
    this.#over = over
    this.#waiter = new PollWaiter(() => this.#stopped())
    socket.addEventListener('message', ({ data }) => this.#receive(String(data)))
    socket.addEventListener('close', () => this.end(''))
    socket.addEventListener('error', () => this.end(''))
    socket.accept()
    socket.send(registration)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The next request, as the agent is told it; undefined when none comes in `maxMs`, or the link ends. */
  async poll(name: string, maxMs: number): Promise<string | undefined> {
    if (this.#queue.length > 0) this.#waiter.heard()
    else if (this.#isClosed || !(await this.#waiter.wait(name, maxMs))) return undefined
    const next = this.#queue.shift()
    if (next === undefined) return undefined
    this.#queued -= next.length
    const [, id = ''] = NAMED.exec(next) ?? []
    this.#given.set(id, Date.now())
    return next
  }

  /** Passes an answer on; it says of the agent that it lives. */
  respond(id: string, text: string): void {
    this.#given.delete(id)
    this.#waiter.heard()
    try {
      this.#socket.send(text)
    } catch {
      // Closed meanwhile: the call has failed.
    }
  }

  /** An answer was longer than may be read: which call it was for cannot be told, so all of them fail. */
  tooLarge(): void {
    this.end('messages may have 1 MiB', TOO_BIG)
  }

  left(name: string): void {
    this.#waiter.left(name)
  }

  end(reason: string, code = NORMAL_CLOSURE): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#queue = []
    try {
      this.#socket.close(code, reason)
    } catch {
      // Closed already.
    }
    this.#waiter.end()
    this.#over()
  }

  #receive(text: string): void {
    if (this.#isClosed) return
    const [taken, cancelled] = CANCELLING.exec(text) ?? []
    if (taken === undefined) return this.#push(text)
    const at = this.#queue.findIndex((queued) => NAMED.exec(queued)?.[1] === cancelled)
    const [unseen] = at === -1 ? [] : this.#queue.splice(at, 1)
    if (unseen !== undefined) this.#queued -= unseen.length
    else if (cancelled !== undefined && this.#given.has(cancelled)) this.#push(`{${text.slice(taken.length)}`)
  }

  #push(text: string): void {
    this.#queue.push(text)
    this.#queued += text.length
    if (this.#queued <= MAX_UNPOLLED_BYTES) return this.#waiter.wake()
    log('poll.full', { code: 'POLL_BACKLOG_FULL' })
    this.end('POLL_BACKLOG_FULL')
  }

  /** An agent that works on a request polls for no other. */
  #stopped(): void {
    const nowMs = Date.now()
    if ([...this.#given.values()].some((sinceMs) => nowMs - sinceMs < FOREIGN_CALL_MS)) this.#waiter.heard()
    else this.end('the agent polls no more')
  }
}
