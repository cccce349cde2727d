/**
 * One of several merged servers in one session: its process, which is started when it is needed, told the session's handshake first, and
 * started again after its end. What is sent to it meanwhile waits; what it owed when it ended is settled as a failure that names it.
 */
import type { Failure } from '../../../protocol/errors.ts'
import { OPEN_ARRAY } from '../../../protocol/json/json-skip.ts'
import { canonicalId, type MessageFacts, scanBatch, type ScanError } from '../../../protocol/json/json-scan.ts'
import { otherTypeId } from '../../../protocol/json/json-id.ts'
import { MAX_LINE_BYTES } from '../../../protocol/limits.ts'
import { scanWithoutNulls } from '../../../protocol/members/null-members.ts'
import { MERGED_REST_MS, MERGED_WAIT_MS } from '../../limits.ts'
import type { Child, ChildEnd, ChildHandlers } from '../child.ts'
import { oversizedAnswerId } from '../oversized-answer.ts'
import { ListMemory } from './list-memory.ts'
import { readHello, type ServerHello } from './merged-hello.ts'
import type { MergedServer } from './merged-servers.ts'
import { PartCalls, type PartMessage } from './part-calls.ts'

/** What a session says at its beginning, to each server. */
export interface SessionOpening {
  initialize: { readonly bytes: Uint8Array; readonly rawId: string } | undefined
  initialized: Uint8Array | undefined
  /** Requests that are made again of a server that was started again, or late: log level, and its subscriptions. */
  readonly repeated: (server: string) => readonly Uint8Array[]
}

/** What a part tells its session. */
export interface PartPort {
  readonly opening: SessionOpening
  /** A message of the server that answers nothing; `of` as for `ChildHandlers.line`. */
  said(part: MergedPart, bytes: Uint8Array, facts: MessageFacts, of: string | undefined): void
  /** It has answered initialize, cannot be started, or does not take it: whoever waits for that looks again. */
  changed(part: MergedPart): void
  /** It takes requests, for the first time or again. */
  opened(part: MergedPart, isAgain: boolean): void
  /** Its process is gone, and all that it was asked is settled. */
  gone(part: MergedPart): void
  stderr(line: string): void
}

/** Servers that were named to their owner because they take no initialize. */
const NAMED = new WeakSet<MergedServer>()

/** Lines that are no message, of which the log tells one by one. */
const LOGGED_LINES = 5

type Stage = 'idle' | 'starting' | 'answered' | 'open' | 'refused' | 'stopped'

export class MergedPart {
  readonly server: MergedServer
  /** What clients were shown of its lists. */
  readonly memory = new ListMemory()
  readonly #port: PartPort
  #stage: Stage = 'idle'
  #child: Child | undefined
  /** What it has said of itself last, also when its process is gone. */
  #hello: ServerHello | undefined
  #hasOpened = false
  /** It takes longer to start than anybody waits for it. */
  #isLate = false
  /** It could not be started a moment ago. */
  #rests = false
  #timer: NodeJS.Timeout | undefined
  #isPaused = false
  readonly #calls = new PartCalls()
  #junkLines = 0

  constructor(server: MergedServer, port: PartPort) {
    this.server = server
    this.#port = port
  }

  get name(): string {
    return this.server.name
  }

  get hello(): ServerHello | undefined {
    return this.#hello
  }

  /** Whether it may answer initialize yet: nobody waits for one that has, or does not. */
  get isUnderWay(): boolean {
    return this.#stage === 'starting'
  }

  /** Whether it has answered initialize, and its process is there. */
  get isThere(): boolean {
    return this.#stage === 'answered' || this.#stage === 'open'
  }

  /** Whether it is to be asked for a list: not where it would only keep the others waiting. */
  get isListed(): boolean {
    if (this.#stage === 'idle') return !this.#rests
    return this.#stage === 'starting' ? !this.#isLate : this.isThere
  }

  /** Starts it, unless it runs, or does not take the session's handshake. */
  start(): void {
    const { initialize } = this.#port.opening
    if (this.#stage !== 'idle' || initialize === undefined) return
    this.#stage = 'starting'
    this.#isLate = false
    this.#setTimer(MERGED_WAIT_MS, () => {
      this.#isLate = true
      this.server.log.warn('server.late', { meaning: 'it takes long to start: clients are told of its tools when it has' })
      this.#port.changed(this)
    })
    const child: Child = this.server.start({
      line: (bytes, of) => this.#ifNow(child, () => this.#heard(bytes, of)),
      tooLong: (head, tail, size) => this.#ifNow(child, () => this.#tooLong(head, tail, size)),
      stderr: (line) => this.#port.stderr(`${this.name}: ${line}`),
      gone: (end) => this.#gone(child, end),
    } satisfies ChildHandlers)
    this.#child = child
    if (this.#isPaused) child.pause()
    child.write(initialize.bytes, () => {})
  }

  /** Sends it a message, in order; starts it for that. */
  send(message: PartMessage): void {
    if (this.#stage === 'open') return this.#write(message)
    const isOver = this.#stage === 'refused' || this.#stage === 'stopped'
    if (isOver || !this.#calls.wait(message)) {
      message.done(true)
      const failure = { code: isOver ? ('CHILD_START_FAILED' as const) : ('BACKLOG_FULL' as const), executed: 'no' as const, at: this.name }
      // An answer comes after its request.
      setImmediate(() => message.call?.settle({ kind: 'failure', failure }))
    } else this.start()
  }

  /** Sends it a message if it is there to take it: nothing is started or kept for that. `done` as for `send`. */
  tell(bytes: Uint8Array, done: PartMessage['done'] = () => {}): void {
    if (this.#stage === 'open') this.#write({ bytes, call: undefined, done })
    else done(true)
  }

  /** Answers a request of its own, whenever that comes. */
  reply(bytes: Uint8Array): void {
    if (this.#stage !== 'stopped' && this.#child !== undefined) this.#write({ bytes, call: undefined, done: () => {} })
  }

  /** Whether a request with this id is on its way to it, or runs. */
  has(rawId: string): boolean {
    return this.#calls.has(rawId)
  }

  /** A request was taken back by its client. `notice`: what tells the server, if it has it. */
  cancel(rawId: string, notice: Uint8Array): void {
    if (this.#calls.cancel(rawId)) this.tell(notice)
  }

  /** The session's client has said that it is initialized. */
  initialized(): void {
    if (this.#stage === 'answered') this.#open()
  }

  pause(): void {
    this.#isPaused = true
    this.#child?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#child?.resume()
  }

  /** Ends it for good; resolves when its process is gone. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#stage = 'stopped'
    clearTimeout(this.#timer)
    this.#calls.settleAll({ code: 'CHANNEL_CLOSED', at: this.name }, [])
    await child?.stop()
  }

  kill(): void {
    this.#stage = 'stopped'
    clearTimeout(this.#timer)
    this.#child?.kill()
  }

  #ifNow(child: Child, act: () => void): void {
    if (this.#child === child && this.#stage !== 'stopped' && this.#stage !== 'refused') act()
  }

  #heard(line: Uint8Array, of: string | undefined): void {
    const batch = line[0] === OPEN_ARRAY ? scanBatch(line) : undefined
    if (batch?.ok !== true || batch.value === undefined) return this.#message(line, of)
    for (const [from, to] of batch.value) this.#message(line.subarray(from, to), of)
  }

  #message(line: Uint8Array, of: string | undefined): void {
    const { bytes, scanned } = scanWithoutNulls(line)
    if (!scanned.ok) return this.#junk(line, scanned.error)
    const facts = scanned.value
    const { kind, id } = facts
    if (kind !== 'result' && kind !== 'error') return this.#port.said(this, bytes, facts, of)
    if (id === undefined) return
    if (this.#stage === 'starting') return this.#answeredInitialize(id.raw, kind, bytes)
    const call = this.#calls.answered(id.raw)
    if (call === undefined) this.server.log.debug('child.unknown_answer', { bytes: bytes.length })
    else call.settle({ kind, bytes })
  }

  /** It fails the call that it answers, if that is one of this server's own: the same id may be another server's call. */
  #tooLong(head: Uint8Array, tail: Uint8Array, size: number): void {
    const rawId = oversizedAnswerId(head, tail)
    const call = rawId === undefined ? undefined : this.#calls.answered(rawId)
    this.server.log.warn('child.line_too_long', { bytes: size, maxBytes: MAX_LINE_BYTES })
    call?.settle({ kind: 'failure', failure: { code: 'LINE_TOO_LONG', executed: 'yes', at: this.name } })
  }

  #answeredInitialize(rawId: string, kind: 'result' | 'error', bytes: Uint8Array): void {
    const asked = this.#port.opening.initialize?.rawId ?? ''
    if (rawId !== 'null' && ![canonicalId(asked), otherTypeId(canonicalId(asked))].includes(canonicalId(rawId))) return
    clearTimeout(this.#timer)
    const hello = kind === 'result' ? readHello(bytes) : undefined
    if (hello === undefined) return this.#refuse()
    this.#hello = hello
    this.#stage = 'answered'
    if (this.#port.opening.initialized !== undefined) this.#open()
    this.#port.changed(this)
  }

  /** It is not asked again in this session: it would say the same. */
  #refuse(): void {
    this.#stage = 'refused'
    // It says the same in each session, and its owner need read it once.
    this.server.log[NAMED.has(this.server) ? 'debug' : 'error']('server.refuses', {
      meaning:
        'it does not take initialize, so it is left out of the merged list: a server that speaks 2026-07-28 alone is reached under its own name',
    })
    NAMED.add(this.server)
    this.#calls.settleAll({ code: 'CHILD_START_FAILED', at: this.name }, [])
    this.#port.changed(this)
    void this.#child?.stop()
  }

  #open(): void {
    const { initialized, repeated } = this.#port.opening
    this.#stage = 'open'
    const isAgain = this.#hasOpened
    this.#hasOpened = true
    if (initialized !== undefined) this.tell(initialized)
    // Its answers are nobody's.
    for (const request of repeated(this.name)) this.tell(request)
    for (const message of this.#calls.takeWaiting()) this.#write(message)
    this.#port.opened(this, isAgain)
  }

  #write(message: PartMessage): void {
    const child = this.#child
    const written = this.#calls.write(message)
    child?.write(message.bytes, (taken) => {
      written(taken)
      // That this server takes no more is no reason to end the others.
      if (!taken) void child.stop()
    })
  }

  #junk(line: Uint8Array, reason: ScanError): void {
    if (++this.#junkLines <= LOGGED_LINES) this.server.log.warn('child.junk', { reason, bytes: line.length })
  }

  #gone(child: Child, end: ChildEnd): void {
    if (this.#child !== child) return
    this.#child = undefined
    clearTimeout(this.#timer)
    if (this.#stage === 'stopped' || this.#stage === 'refused') return
    const wasThere = this.isThere
    this.#stage = 'idle'
    const { exitCode, signal, startError, code = 'CHILD_START_FAILED', untaken = [] } = end
    this.server.log.warn('server.lost', { exitCode, signal, error: startError, meaning: 'it is started again when it is needed' })
    if (!wasThere) {
      this.#rests = true
      this.#setTimer(MERGED_REST_MS, () => (this.#rests = false))
    }
    const facts = wasThere ? { code: 'CHILD_DIED' as const, exitCode, signal } : { code, exitCode, signal }
    this.#calls.settleAll({ ...facts, ...this.#words(end) }, untaken)
    this.#port.gone(this)
    this.#port.changed(this)
  }

  /** Which server it was; its own words only where its owner has them told. */
  #words({ startError, stderr }: ChildEnd): Pick<Failure, 'at' | 'detail' | 'stderr'> {
    if (!this.server.tellsStderr) return { at: this.name }
    return { at: this.name, ...(startError !== undefined && { detail: startError }), ...(stderr !== '' && { stderr }) }
  }

  #setTimer(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, ms).unref()
  }
}
