/**
 * A session with an HTTP server in place of a server process: keeps the order of what must not overtake, passes on what the
 * server says, and ends once, when what ran has been answered or time is up.
 */
import { type ErrorCode, errorResponse, type Failure } from '../../../protocol/errors.ts'
import { type MessageFacts, scanMessage } from '../../../protocol/json/json-scan.ts'
import { HTTP_CALL_BYTES, HTTP_CALLS, HTTP_DRAIN_MS, HTTP_INITIALIZED_MS } from '../../limits.ts'
import type { Child, ChildHandlers } from '../child.ts'
import type { LineMask } from '../masking/line-mask.ts'
import { Flow } from './flow.ts'
import type { HttpServer } from './http-server.ts'

/** A message for the server. */
export interface Outgoing {
  readonly bytes: Uint8Array
  readonly facts: MessageFacts
  /** The server may have got it. */
  readonly taken: () => void
  /** What its client has shown for the server with it, as header fields. */
  readonly credentials: Readonly<Record<string, string>>
}

/** Why a session is over, for its owner; `code` is what its first call fails with, where it never had an answer. */
export interface RemoteEnd {
  readonly words: string
  readonly code: ErrorCode
  readonly challenge?: string
}

/** One way to speak to an HTTP server. */
export interface Wire {
  /** Whether calls run that may still be answered. */
  readonly isBusy: boolean
  /** Resolves when the server has accepted it, and answered a call that it answers at once, or never will. Never rejects. */
  send(message: Outgoing): Promise<void>
  /** Its client shows something else for the server from now on. */
  authorized?(): void
  /** Ends all connections; nothing is passed on any more. */
  cut(): void
  /** Tells the server that the session is over. Never rejects, and is bounded. */
  leave(): Promise<void>
}

/** What a wire sees of its session. */
export interface RemotePort {
  readonly server: HttpServer
  readonly flow: Flow
  /** What its client has shown last for the server, as header fields. */
  readonly credentials: Readonly<Record<string, string>>
  /** Whether the server has answered a call. */
  readonly hasAnswered: boolean
  /** A message of the server; `of` the raw id of the call on whose stream it came. */
  heard(line: Uint8Array, of?: string): void
  tooLong(head: Uint8Array, tail: Uint8Array, size: number): void
  /** The server refuses a call, by its raw id, for whom it comes from. */
  refused(rawId: string, failure: Failure): void
  /** A call is answered. */
  answered(): void
  /** The session is over; `untaken` is the raw id of a call of which the server has said that it did not take it. */
  over(end: RemoteEnd, untaken?: string): void
  /** A call has ended: whoever waits for the last looks again. */
  settled(): void
}

export class RemoteChild implements Child {
  readonly pid = undefined
  readonly #handlers: ChildHandlers
  readonly #wire: Wire
  readonly #flow = new Flow()
  readonly #gone = Promise.withResolvers<void>()
  readonly #untaken: string[] = []
  #held: Outgoing[] | undefined
  #end: RemoteEnd | undefined
  #drainTimer: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined
  #underWay = 0
  #bytesUnderWay = 0
  #isOver = false
  #hasAnswered = false
  readonly #passesAuth: boolean
  #credentials: Readonly<Record<string, string>> = {}

  constructor(server: HttpServer, handlers: ChildHandlers, lineMask: LineMask | undefined, wireFor: (port: RemotePort) => Wire) {
    this.#handlers = handlers
    this.#passesAuth = server.passesAuth
    const hasAnswered = (): boolean => this.#hasAnswered
    const credentials = (): Readonly<Record<string, string>> => this.#credentials
    this.#wire = wireFor({
      server,
      flow: this.#flow,
      get hasAnswered() {
        return hasAnswered()
      },
      get credentials() {
        return credentials()
      },
      heard: (line, of) => {
        if (!this.#isOver) handlers.line(lineMask === undefined ? line : lineMask.apply(line), of)
      },
      tooLong: (head, tail, size) => {
        if (!this.#isOver) handlers.tooLong(head, tail, size)
      },
      refused: (rawId, failure) => {
        if (!this.#isOver) handlers.refused?.(rawId, masked(failure, lineMask))
      },
      answered: () => void (this.#hasAnswered = true),
      over: (end, untaken) => this.#overSoon(end, untaken),
      settled: () => this.#look(),
    })
  }

  unfinished(): undefined {}

  write(bytes: Uint8Array, done: (taken: boolean) => void, authorization?: string): void {
    // Nothing is told of it then: who asks finds out when the end is told, and that it was not taken.
    if (this.#end !== undefined || this.#isOver || this.#stopping !== undefined) return
    const scanned = scanMessage(bytes)
    if (!scanned.ok) return done(true)
    let isTaken = false
    const taken = (): void => {
      if (!isTaken) done(true)
      isTaken = true
    }
    // A view would keep nothing else alive, but the line end is not part of the message.
    const line = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
    const credentials = authorization !== undefined && this.#passesAuth ? { authorization } : this.#credentials
    const message = { bytes: line, facts: scanned.value, taken, credentials }
    if (this.#held !== undefined) this.#held.push(message)
    else this.#send(message)
  }

  authorize(authorization: string): void {
    if (!this.#passesAuth || this.#credentials['authorization'] === authorization) return
    this.#credentials = { authorization }
    this.#wire.authorized?.()
  }

  pause(): void {
    this.#flow.pause()
  }

  resume(): void {
    this.#flow.resume()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  kill(): void {
    this.#finish()
  }

  async #stop(): Promise<void> {
    if (!this.#isOver) {
      this.#wire.cut()
      if (this.#end === undefined) await this.#wire.leave()
    }
    this.#finish()
    await this.#gone.promise
  }

  /** Servers refuse what comes before `notifications/initialized`, and requests of their own can overtake each other. */
  #send(message: Outgoing): void {
    const { facts, bytes, taken } = message
    const rawId = facts.kind === 'request' ? facts.id?.raw : undefined
    if (rawId !== undefined && (this.#underWay >= HTTP_CALLS || this.#bytesUnderWay + bytes.length > HTTP_CALL_BYTES)) {
      taken()
      // An answer comes after its request.
      setImmediate(() => {
        if (!this.#isOver) this.#handlers.line(Buffer.from(errorResponse(rawId, { code: 'BACKLOG_FULL', executed: 'no' })))
      })
      return
    }
    this.#underWay++
    this.#bytesUnderWay += bytes.length
    const accepted = this.#wire.send(message)
    void accepted.then(() => {
      this.#underWay--
      this.#bytesUnderWay -= bytes.length
    })
    if (message.facts.method !== 'notifications/initialized') return
    this.#held = []
    const release = (): void => {
      clearTimeout(timer)
      const held = this.#held ?? []
      this.#held = undefined
      if (this.#end === undefined && !this.#isOver) for (const next of held) this.#send(next)
    }
    const timer = setTimeout(release, HTTP_INITIALIZED_MS)
    void accepted.then(release)
  }

  #overSoon(end: RemoteEnd, untaken: string | undefined): void {
    if (untaken !== undefined) this.#untaken.push(untaken)
    if (this.#isOver || this.#end !== undefined) return
    this.#end = end
    this.#drainTimer = setTimeout(() => this.#finish(), HTTP_DRAIN_MS)
    // Whoever tells of it may have a call of its own to take back yet.
    setImmediate(() => this.#look())
  }

  #look(): void {
    if (this.#end !== undefined && !this.#wire.isBusy) this.#finish()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#drainTimer)
    this.#wire.cut()
    this.#flow.resume()
    const { words, code, challenge } = this.#end ?? {}
    // Never from within a call of ours.
    setImmediate(() => {
      this.#gone.resolve()
      const isStart = code !== undefined && !this.#hasAnswered
      const start = isStart ? { code, ...(challenge !== undefined && { challenge }) } : {}
      this.#handlers.gone({ exitCode: null, signal: null, stderr: '', startError: words, ...start, untaken: this.#untaken })
    })
  }
}

/** A server may repeat what it was told in a header of the agent's. */
function masked(failure: Failure, lineMask: LineMask | undefined): Failure {
  const { challenge } = failure
  if (challenge === undefined || lineMask === undefined) return failure
  return { ...failure, challenge: Buffer.from(lineMask.apply(Buffer.from(challenge))).toString('latin1') }
}
