/** Holds a session's listening stream for its client, so that the Share may sleep: GET of Streamable HTTP, and HTTP+SSE. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import type { Replacement } from '../../../protocol/splice.ts'
import { legacyNotificationEdits } from '../../bridge/legacy-to-modern.ts'
import { KEEPALIVE_MS, REATTACH_MS } from '../../limits.ts'
import type { Caller } from '../../contract/rpc.ts'
import { markQuery, STREAM_CLOSE, type StreamControl, type StreamMark } from '../../contract/streams.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import { type ClientNames, clientNames, FrameWriter } from '../response/frame-writer.ts'
import { initializeResponse, resultResponse } from '../response/own-answers.ts'
import { readPosted } from '../message.ts'
import { EventIds, markOf } from '../response/event-ids.ts'
import { changeMessages } from '../call/list-changes.ts'
import { ListTap } from '../call/list-tap.ts'
import { Outlet } from '../../carry/outlet.ts'
import { carry } from '../response/respond.ts'
import { exchange } from './session-exchange.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { FRAMINGS, Sink } from '../response/sink.ts'
import { standbyAnswer } from '../call/standby-answer.ts'
import { TakenBytes } from '../../carry/taken-bytes.ts'
import type { Exchange } from '../response/exchange.ts'
import { AGENT_AWAY } from '../../carry/away.ts'

const encoder = new TextEncoder()

/** Closes after which the stream is over; any other means that the Share was reset, and the stream attaches again. */
const FINAL_CLOSES: ReadonlySet<number> = new Set([STREAM_CLOSE.REPLACED, STREAM_CLOSE.ENDED])

interface Pending extends ClientNames {
  readonly key: string
  readonly tap: ListTap | undefined
  readonly listed: string | undefined
}

export class Listener {
  readonly sink: Sink
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #kind: 'listen' | 'session'
  readonly #writer: FrameWriter
  /** Calls of an HTTP+SSE session that have not been answered, by the raw id their client gave them. */
  readonly #pending = new Map<string, Pending>()
  readonly #ticker: ReturnType<typeof setInterval>
  /** Calls of an HTTP+SSE session that are made here, since they must be translated. */
  readonly #translated = new Set<Exchange>()
  #socket: WebSocket | undefined
  readonly #taken = new TakenBytes()
  /** The last message that the client has, as far as it can be asked for again. */
  #mark: StreamMark | undefined

  /** `mark`: where a client that has come back had left off. */
  constructor(share: ShareClient, caller: Caller, kind: 'listen' | 'session', signal: AbortSignal, mark?: StreamMark) {
    this.#mark = mark
    this.#share = share
    this.#caller = caller
    this.#kind = kind
    this.sink = new Sink(new Outlet(signal, () => this.#end()), FRAMINGS.events)
    const ids = kind === 'listen' ? EventIds.ofSession(caller.session) : undefined
    this.#writer = new FrameWriter(
      this.sink,
      (bytes) => this.#taken.add(bytes, this.#socket),
      () => ({ ids }),
    )
    this.#ticker = setInterval(() => this.#tick(), KEEPALIVE_MS)
  }

  /** Opens the stream; false when the caller has no such session. */
  async open(): Promise<boolean> {
    const target = { ...this.#caller, ...markQuery(this.#mark) }
    const socket = await this.#share.open(this.#kind === 'listen' ? { kind: 'listen', ...target } : { kind: 'session', ...this.#caller })
    if (socket === undefined || !this.sink.outlet.isOpen) {
      this.#end()
      return false
    }
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#hear(data)
      else this.#receive(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }) => {
      if (FINAL_CLOSES.has(code)) this.#end()
      else if (this.sink.outlet.isOpen) setTimeout(() => void this.#reattach(), REATTACH_MS)
    })
    this.sink.keepAlive()
    socket.accept()
    this.#socket = socket
    return true
  }

  async #reattach(): Promise<void> {
    if (!this.sink.outlet.isOpen) return
    // The stub of an object that was reset stays broken.
    this.#share.renew()
    try {
      await this.open()
    } catch {
      // The client finds the stream closed and opens another.
      this.#end()
    }
  }

  #receive(bytes: Uint8Array): void {
    const frame = decodeAgentFrame(bytes)
    if (!frame.ok) return
    const { header, body } = frame.value
    const names = this.#namesFor(header)
    this.#note(header)
    this.#tap(header, body)
    if (this.#writer.write(header, body, names, listenEdits(header, body)) && names !== undefined) this.#pending.delete(names.rawId)
  }

  /** A message counts only once the next one begins: until then its rest may have to be sent again. */
  #note(header: AgentFrame): void {
    const mark = markOf(header, this.#caller.session)
    if (mark === undefined) return
    const isNewer = this.#mark?.generation !== mark.generation || mark.n - 1 > this.#mark.n
    if (isNewer) this.#mark = { ...mark, n: mark.n - 1 }
  }

  #tap(header: AgentFrame, body: Uint8Array): void {
    const address = 'ra' in header ? decodeReturnAddress(header.ra) : undefined
    const { tap, listed } = (address?.to === 'session' ? this.#pending.get(address.rawId) : undefined) ?? {}
    tap?.see(header, body, { ...this.#caller, delivery: 'session' }, listed)
  }

  /** What the client calls the request that a frame belongs to: kept since it was announced, or else in the frame. */
  #namesFor(header: AgentFrame): ClientNames | undefined {
    const address = 'ra' in header ? decodeReturnAddress(header.ra) : undefined
    if (address?.to !== 'session') return undefined
    return this.#pending.get(address.rawId) ?? address
  }

  #hear(text: string): void {
    const control = JSON.parse(text) as StreamControl
    if (control.type === 'sync') this.#taken.sync(this.#socket)
    else if (control.type === 'pending') {
      const { key, rawId, restarted, standby } = control
      const tap = standby === undefined ? undefined : ListTap.of(this.#share, { ...standby, canStandBy: true })
      this.#pending.set(rawId, { ...clientNames(control), key, restarted, tap, listed: standby?.listed })
    } else if (control.type === 'probe') this.sink.keepAlive()
    else if (control.type === 'lost') this.#failPending(new Set(), control.failure)
    else if (control.type === 'held') this.#failPending(new Set(control.keys), { code: 'AGENT_LOST', executed: 'no' })
    else if (control.type === 'answer') this.sink.writeText(resultResponse(control.rawId, control.result))
    else if (control.type === 'translate') this.#translate(control.body)
    else if (control.type === 'changed') for (const message of changeMessages(control.methods)) this.sink.writeText(message)
    else if (control.type === 'standby') this.#standBy(control)
    else if (control.type === 'initialized') {
      this.sink.writeText(initializeResponse(encoder.encode(control.answer), control.rawId, control.revision))
    }
  }

  #standBy({ standby, ...asked }: Extract<StreamControl, { type: 'standby' }>): void {
    const answer = encoder.encode(standby.answer)
    const text = standbyAnswer({ ...standby, answer }, { ...asked, era: 'legacy' })
    this.sink.writeText(text ?? errorResponse(asked.rawId, AGENT_AWAY))
  }

  /** Makes a call whose child does not know sessions, and writes what it brings. */
  #translate(body: string): void {
    const posted = readPosted(encoder.encode(body))
    const [message] = posted.ok ? posted.value.messages : []
    if (message === undefined) return
    const started = exchange(this.#share, this.#caller, message, 'stream')
    started.courier.linger()
    this.#translated.add(started)
    void carry(started, this.sink, false).finally(() => {
      this.#translated.delete(started)
      started.courier.close()
    })
  }

  /** Answers the calls that will not be answered, all but those that the agent has. */
  #failPending(held: ReadonlySet<string>, failure: Failure): void {
    for (const { key, rawId } of this.#pending.values()) {
      if (held.has(key)) continue
      this.#pending.delete(rawId)
      this.sink.writeText(errorResponse(rawId, failure))
    }
  }

  #tick(): void {
    this.sink.keepAlive()
    const translated = [...this.#translated].map(({ names }) => names)
    for (const { progress } of [...this.#pending.values(), ...translated]) {
      if (progress !== undefined && this.sink.isIdle) this.sink.writeText(progress.heartbeat())
    }
  }

  #end(): void {
    clearInterval(this.#ticker)
    for (const { courier } of this.#translated) courier.close()
    this.sink.end()
    this.#socket?.close(1000)
    this.#socket = undefined
  }
}

/** What a session is told because the relay listens for it must not show that. */
function listenEdits(header: AgentFrame, body: Uint8Array): Replacement[] {
  const isListened = header.type === 'notification' && decodeReturnAddress(header.ra)?.to === 'listen'
  return isListened ? legacyNotificationEdits(body) : []
}
