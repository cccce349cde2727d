/** One stream of a Share: reads its socket, says what was taken, and attaches again after a reset. Knows no MCP. */
import type { AgentFrame } from '../../protocol/frame.ts'
import { decodeAgentFrame } from '../../protocol/frame-codec.ts'
import { groupOf, MODERN_SHARED_GROUP, routedPrefix, routeOf, SHARED_GROUP } from '../contract/groups.ts'
import { CUT_CLOSE } from '../contract/trust/pass.ts'
import { markQuery, STREAM_CLOSE, type StreamControl, type StreamMark, type StreamTarget } from '../contract/streams.ts'
import { REATTACH_MS } from '../limits.ts'
import { pause } from '../within.ts'
import { type ShareClient } from './share-client.ts'
import { StreamLag } from './stream-lag.ts'
import { TakenBytes } from './taken-bytes.ts'
import { PassRefused } from './pass-refused.ts'
import { isRetryable } from './reset-error.ts'

/** What becomes of a stream, and how long it is held on to. */
export interface StreamReader {
  readonly onFrame?: (header: AgentFrame, body: Uint8Array) => void
  /** Of every control but `sync` and `grant`, which are heeded here. */
  readonly onControl?: (control: StreamControl) => void
  /** The stream is over, which is told once: the code of its last close, or 1000 after `close`. */
  readonly onEnd: (code: number) => void
  /** The client lags so far behind that others wait for it (LISTENER_LAG_MS); called once. Without it they wait for ever. */
  readonly onLag?: () => void
  /** Runs before each attempt to attach; false when there is nothing to attach to. */
  readonly prepare?: () => Promise<boolean>
  /** Attempts in a row to attach again after a reset. With none every close ends the stream. */
  readonly retries: number
  /** The first of them is made at once, and not after REATTACH_MS or more like the others. */
  readonly isUrgent?: boolean
}

/** Closes after which there is nothing to attach to; after any other, the Share was reset. */
const FINAL_CLOSES: ReadonlySet<number> = new Set([
  STREAM_CLOSE.REPLACED,
  STREAM_CLOSE.ENDED,
  STREAM_CLOSE.AGAIN,
  STREAM_CLOSE.BEHIND,
  STREAM_CLOSE.OVERDUE,
  ...Object.values(CUT_CLOSE),
])
/** Of a stream that its Worker closes (RFC 6455 §7.4.1). */
const NORMAL_CLOSE = 1000

/** Stands for a close without a frame (RFC 6455 §7.1.5). */
const BROKEN_CLOSE = 1006

export class ShareStream {
  readonly #share: ShareClient
  readonly #target: StreamTarget
  readonly #reader: StreamReader
  readonly #taken = new TakenBytes()
  readonly #lag: StreamLag | undefined
  #socket: WebSocket | undefined
  /** The last message that has come whole or in part: where the stream goes on after a reset. */
  #mark: StreamMark | undefined
  #isOver = false

  /** `mark`: where to go on with an earlier stream. Only targets `listen` and `resume` have a place. */
  constructor(share: ShareClient, target: StreamTarget, reader: StreamReader, mark?: StreamMark) {
    this.#share = share
    this.#target = target
    this.#reader = reader
    this.#mark = mark
    if (reader.onLag !== undefined) this.#lag = new StreamLag(reader.onLag)
  }

  /**
   * Attaches; false when the Share has no such stream. An object that is reset meanwhile is asked once more, if there are
   * retries. True for a stream that was closed meanwhile, whose `onEnd` has been called. Rejects with what the Share throws.
   */
  async open(): Promise<boolean> {
    try {
      return await this.#attach()
    } catch (error) {
      if (this.#reader.retries === 0 || !isRetryable(error)) throw error
      this.#share.renew()
      return this.#attach()
    }
  }

  /** Attaches to a Share that was reset; false when it has no such stream, or no attempt succeeds. True as for `open`. */
  async reopen(): Promise<boolean> {
    for (let tries = 0; tries < this.#reader.retries; tries++) {
      if (tries > 0 || this.#reader.isUrgent !== true) await pause(REATTACH_MS * (1 + Math.random()))
      if (this.#isOver) return true
      // The stub of an object that was reset stays broken.
      this.#share.renew()
      try {
        return await this.#attach()
      } catch (error) {
        // Not there yet, unless it says that its client may not come back.
        if (!(error instanceof PassRefused)) continue
        this.#end(error.close)
        return true
      }
    }
    return false
  }

  /** The client has taken body bytes: tells the Share when it is worth a message. */
  taken(bytes: number): void {
    this.#taken.add(bytes, this.#socket)
    this.#lag?.taken(bytes)
  }

  /** Has the Share look whether the agent of a call that waits on this stream is still there. */
  askForAgent(): void {
    this.#socket?.send(JSON.stringify({ type: 'waiting' } satisfies StreamControl))
  }

  /** Tells the Share that the answers of these calls have reached the client. */
  answered(keys: readonly string[]): void {
    this.#socket?.send(JSON.stringify({ type: 'answered', keys } satisfies StreamControl))
  }

  /** `code`: LEFT where the client has gone before it had everything. */
  close(code: number = NORMAL_CLOSE): void {
    this.#socket?.close(code)
    this.#socket = undefined
    this.#end(NORMAL_CLOSE)
  }

  async #attach(): Promise<boolean> {
    const { prepare } = this.#reader
    if (prepare !== undefined && !(await prepare())) return false
    const socket = await this.#share.open({ ...this.#target, ...markQuery(this.#mark) })
    if (socket === undefined) return false
    socket.addEventListener('message', ({ data }) => this.#receive(data as string | ArrayBuffer))
    let isBroken = false
    const broken = (code: number): void => {
      if (!isBroken) this.#closed(code)
      isBroken = true
    }
    socket.addEventListener('close', ({ code }) => broken(code))
    // A peer that fails may be told of by this alone (workerd, WebSocket::Accepted).
    socket.addEventListener('error', () => broken(BROKEN_CLOSE))
    if (!this.#isOver) this.#socket = socket
    socket.accept()
    if (this.#isOver) socket.close(NORMAL_CLOSE)
    return true
  }

  #receive(data: string | ArrayBuffer): void {
    if (typeof data === 'string') {
      const control = JSON.parse(data) as StreamControl
      if (control.type === 'sync') this.#synchronise()
      else if (control.type === 'grant') this.#share.learn(control.facts)
      else this.#reader.onControl?.(control)
      return
    }
    const frame = decodeAgentFrame(new Uint8Array(data))
    if (!frame.ok) return
    const { header, body } = frame.value
    this.#note(header)
    this.#lag?.received(body.length)
    this.#reader.onFrame?.(header, body)
  }

  /** Credit is withheld because of this client. */
  #synchronise(): void {
    this.#taken.sync(this.#socket)
    this.#lag?.watch()
  }

  /** A message is only passed by once the next one begins: until then its rest may have to be sent again. */
  #note(header: AgentFrame): void {
    if (this.#target.kind !== 'listen' && this.#target.kind !== 'resume') return
    const mark = markOf(header, this.#target.session)
    // What other children tell a session is not told again.
    if (mark === undefined || (mark.route !== undefined && this.#target.kind === 'listen')) return
    const isNewer = this.#mark?.generation !== mark.generation || mark.n - 1 > this.#mark.n
    if (isNewer) this.#mark = { ...mark, n: mark.n - 1 }
  }

  #closed(code: number): void {
    this.#socket = undefined
    if (this.#isOver) return
    if (this.#reader.retries === 0 || FINAL_CLOSES.has(code)) this.#end(code)
    else void this.#goOn(code)
  }

  async #goOn(code: number): Promise<void> {
    if (!(await this.reopen())) this.#end(code)
  }

  #end(code: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#lag?.stop()
    this.#reader.onEnd(code)
  }
}

/** Where a message stands among those of a session's child, or of one that runs its calls by their names; undefined for one without a number, or of another child. */
export function markOf(header: AgentFrame, session: string): StreamMark | undefined {
  if (!('n' in header)) return undefined
  const group = groupOf(header.ch)
  const generation = Number(header.ch.slice(group.length + 1))
  const route = routeOf(group)
  const base = route === '' ? group : group.slice(0, -route.length)
  const child = base === session ? 'own' : base === SHARED_GROUP ? 'shared' : base === MODERN_SHARED_GROUP ? 'modern' : undefined
  if (child === undefined) return undefined
  return { child, generation, n: header.n, ...(route === '' ? {} : { route: route.slice(routedPrefix('').length) }) }
}
