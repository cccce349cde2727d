/** Holds a session's listening stream for its client, so that the Share may sleep: GET of Streamable HTTP, and HTTP+SSE. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import type { AgentFrame } from '../../../protocol/frame.ts'
import type { Replacement } from '../../../protocol/splice.ts'
import { legacyNotificationEdits } from '../../bridge/legacy-to-modern.ts'
import { isInspectedKey } from '../../call-key.ts'
import { AGENT_AWAY } from '../../carry/away.ts'
import { ResponseBody } from '../../carry/response-body.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { ShareStream } from '../../carry/share-stream.ts'
import { decodeReturnAddress } from '../../contract/return-address.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { STREAM_CLOSE, type StreamControl, type StreamMark } from '../../contract/streams.ts'
import { BEGINNING_KEEPALIVE_MS, KEEPALIVE_MS, MAX_REATTACHES } from '../../limits.ts'
import { changeMessages } from '../call/list-changes.ts'
import { ListingRecorder } from '../call/listing-recorder.ts'
import { standbyAnswer } from '../call/standby-answer.ts'
import { judgeFor, mayHearOf } from '../policy/bounds.ts'
import { heldFrom } from '../pinning/held-entries.ts'
import { boundedStandby } from '../policy/pinned-answer.ts'
import { type BoundedFrame, BoundedLists } from '../response/bounded-lists.ts'
import { EventIds } from '../response/event-ids.ts'
import { type ClientNames, clientNames, FrameWriter } from '../response/frame-writer.ts'
import { FRAMINGS, MessageWriter } from '../response/message-writer.ts'
import { initializeResponse, resultResponse } from '../response/own-answers.ts'
import { HandedOnCalls } from './handed-on-calls.ts'

const encoder = new TextEncoder()

interface Pending extends ClientNames {
  readonly key: string
  readonly method: string
  readonly recorder: ListingRecorder | undefined
  readonly listed: string | undefined
  /** Which agent has it; undefined where an earlier relay has announced it. */
  readonly agent: string | undefined
}

export class Listener {
  readonly messages: MessageWriter
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #stream: ShareStream
  readonly #frames: FrameWriter
  /** Keeps back what the client may not see. */
  readonly #lists: BoundedLists
  /** While an answer is looked at: that, and what waits to be written behind it. */
  #looking: Promise<void> | undefined
  /** Calls of an HTTP+SSE session that have not been answered, by the raw id their client gave them. */
  readonly #pending = new Map<string, Pending>()
  /** Keep-alives since the first of them has come. */
  #pendingTicks = 0
  readonly #ticker: ReturnType<typeof setInterval>
  /** While `initialize` waits for its answer. */
  #beginning: ReturnType<typeof setInterval> | undefined
  /** Calls of an HTTP+SSE session that are made here. */
  readonly #handedOn: HandedOnCalls

  /** `mark`: where a client that has come back had left off. */
  constructor(share: ShareClient, caller: Caller, kind: 'listen' | 'session' | 'return', signal: AbortSignal, mark?: StreamMark) {
    this.#share = share
    this.#caller = caller
    this.messages = new MessageWriter(new ResponseBody(signal, () => this.#end()), FRAMINGS.events)
    this.#stream = new ShareStream(
      share,
      { kind, ...caller },
      {
        onFrame: (header, body) => this.#receive(header, body),
        onControl: (control) => this.#hear(control),
        // The client finds the stream closed and opens another.
        onEnd: (code) => this.#ended(code),
        retries: MAX_REATTACHES,
      },
      mark,
    )
    this.#handedOn = new HandedOnCalls(share, caller, this.messages, (keys) => this.#stream.answered(keys))
    this.#lists = new BoundedLists(share, (bytes) => this.#stream.taken(bytes), heldFrom(share, caller.session))
    const ids = kind === 'listen' ? EventIds.ofSession(caller.session) : undefined
    this.#frames = new FrameWriter(
      this.messages,
      (bytes) => this.#stream.taken(this.#lists.unpaid(bytes)),
      () => ({ ids }),
    )
    this.#ticker = setInterval(() => this.#tick(), KEEPALIVE_MS)
  }

  /** Opens the stream; false when the caller has no such session. Rejects as ShareClient.open does. */
  async open(): Promise<boolean> {
    const isThere = await this.#stream.open().catch((error: unknown) => {
      this.#end()
      throw error
    })
    if (!isThere || !this.messages.body.isOpen) {
      this.#end()
      return false
    }
    this.messages.keepAlive()
    return true
  }

  #receive(header: AgentFrame, body: Uint8Array): void {
    const address = sessionAddress(header)
    if (address !== undefined && 'key' in header && this.#handedOn.isMadeAgain(header.key)) return this.#stream.taken(body.length)
    const call = this.#callOf(header, address)
    call?.recorder?.record(header, body, { ...this.#caller, delivery: 'session' }, call.listed)
    if (!mayHearOf(this.#share, header)) return this.#stream.taken(body.length)
    // Of a call that another Worker has announced nobody knows here what it asks for.
    const mayList = header.type !== 'answer' || call === undefined || isInspectedKey(header.key)
    const item = judgeFor(this.#share).isOpen || !mayList ? { header, body } : this.#lists.frame(header, body)
    if (item instanceof Promise || this.#looking !== undefined) this.#writeInTurn(item, call, address)
    else this.#write(item, call, address)
  }

  /** Writes a frame behind an answer that is looked at, and behind all that waits for that. */
  #writeInTurn(
    item: BoundedFrame | undefined | Promise<BoundedFrame>,
    call: Pending | undefined,
    address: SessionAddress | undefined,
  ): void {
    const looking: Promise<void> = Promise.all([item, this.#looking]).then(([bounded]) => {
      if (this.#looking === looking) this.#looking = undefined
      this.#write(bounded, call, address)
    })
    this.#looking = looking
  }

  #write(item: BoundedFrame | undefined, call: Pending | undefined, address: SessionAddress | undefined): void {
    // More of a list must come.
    if (item === undefined) return
    const edits = [...listenEdits(item.header, item.body), ...(item.edits ?? [])]
    if (this.#frames.write(item.header, item.body, call ?? address, edits) && call !== undefined) this.#pending.delete(call.rawId)
  }

  /** The call that a frame belongs to, if it was announced. A client may have made another by the same id since. */
  #callOf(header: AgentFrame, address: SessionAddress | undefined): Pending | undefined {
    const call = address === undefined ? undefined : this.#pending.get(address.rawId)
    const key = header.type === 'answer' || header.type === 'failed' ? header.key : undefined
    return key === undefined || key === call?.key ? call : undefined
  }

  #hear(control: StreamControl): void {
    switch (control.type) {
      case 'pending':
        return this.#announce(control)
      case 'probe':
        return this.messages.keepAlive()
      case 'lost':
        return this.#failPending(new Set(), control.failure, control.agent)
      case 'held':
        return this.#failPending(new Set(control.keys), { code: 'AGENT_LOST', executed: 'no' }, control.agent)
      case 'answer':
        return this.messages.writeText(resultResponse(control.rawId, control.result))
      case 'initialized':
        return void this.#initialized(control)
      case 'standby':
        return void this.#standBy(control)
      case 'translate':
        return this.#handedOn.make(control, (key) => this.#takeOver(key))
      case 'changed':
        return changeMessages(control.methods).forEach((message) => this.messages.writeText(message))
      default:
    }
  }

  /** A call has begun whose answer will come on this stream. */
  #announce({ key, method, rawId, rawToken, restarted, agent, standby }: Extract<StreamControl, { type: 'pending' }>): void {
    if (this.#handedOn.isMadeAgain(key)) return
    const names = clientNames({ rawId, ...(rawToken === undefined ? {} : { rawToken }) })
    const recorder = standby === undefined ? undefined : ListingRecorder.of(this.#share, { ...standby, method, canStandBy: true })
    if (this.#pending.size === 0) this.#pendingTicks = 0
    // Its client may try again at once, and that it has left shows in what is written to it.
    if (method === 'initialize') this.#beginning ??= setInterval(() => this.#tickBeginning(), BEGINNING_KEEPALIVE_MS)
    this.#pending.set(rawId, { ...names, key, method, restarted, agent, recorder, listed: standby?.listed })
  }

  async #standBy({ standby, ...asked }: Extract<StreamControl, { type: 'standby' }>): Promise<void> {
    const bounded = await boundedStandby({ ...standby, answer: encoder.encode(standby.answer) }, judgeFor(this.#share))
    if ('code' in bounded) return this.messages.writeText(errorResponse(asked.rawId, bounded))
    const text = standbyAnswer(bounded, { ...asked, era: 'legacy' })
    this.messages.writeText(text === undefined ? errorResponse(asked.rawId, AGENT_AWAY) : await this.#lists.text(text, asked.rawId))
  }

  async #initialized({ answer, rawId, revision }: Extract<StreamControl, { type: 'initialized' }>): Promise<void> {
    const item = await this.#lists.initialized(encoder.encode(answer))
    this.messages.writeText(item.kind === 'failed' ? errorResponse(rawId, item.failure) : initializeResponse(item.answer, rawId, revision))
  }

  /** A call that was announced is made here from now on: its client knows how far it has come. */
  #takeOver(key: string): ClientNames | undefined {
    const names = [...this.#pending.values()].find((call) => call.key === key)
    if (names !== undefined) this.#pending.delete(names.rawId)
    return names
  }

  /** Answers the calls that will not be answered, all but those that the agent has. `of`: the agent that was to have them; without it, whoever. */
  #failPending(held: ReadonlySet<string>, failure: Failure, of?: string): void {
    for (const { key, rawId, agent = of } of this.#pending.values()) {
      if (held.has(key) || (of !== undefined && agent !== of)) continue
      this.#pending.delete(rawId)
      this.messages.writeText(errorResponse(rawId, failure))
    }
  }

  get #isBeginning(): boolean {
    return [...this.#pending.values()].some(({ method }) => method === 'initialize')
  }

  #tickBeginning(): void {
    if (this.#isBeginning) return this.messages.keepAlive()
    this.#endBeginning()
  }

  #endBeginning(): void {
    if (this.#beginning !== undefined) clearInterval(this.#beginning)
    this.#beginning = undefined
  }

  #tick(): void {
    this.messages.keepAlive()
    // Once, and not before an agent that lives would have receipted the call.
    if (this.#pending.size > 0 && ++this.#pendingTicks === 2) this.#stream.askForAgent()
    this.#handedOn.tick()
    for (const { progress } of [...this.#pending.values(), ...this.#handedOn.names()]) {
      if (progress !== undefined && this.messages.isIdle) this.messages.writeText(progress.heartbeat())
    }
  }

  /** The calls of a client that may do nothing here any more are told so. */
  #ended(code: number): void {
    const cut = this.#share.cutBy(code)
    if (cut !== undefined) {
      this.#failPending(new Set(), cut)
      for (const { rawId } of this.#handedOn.names()) this.messages.writeText(errorResponse(rawId, cut))
    }
    this.#end()
  }

  #end(): void {
    clearInterval(this.#ticker)
    this.#endBeginning()
    this.#handedOn.close()
    this.messages.end()
    this.#stream.close(this.#isBeginning ? STREAM_CLOSE.LEFT : undefined)
  }
}

type SessionAddress = Extract<ReturnType<typeof decodeReturnAddress>, { to: 'session' }>

/** What a frame says of the request that it belongs to: its client's names for it. */
function sessionAddress(header: AgentFrame): SessionAddress | undefined {
  const address = 'ra' in header ? decodeReturnAddress(header.ra) : undefined
  return address?.to === 'session' ? address : undefined
}

/** Takes the marks of a listen out of what a session is told because the relay listens in its name. */
function listenEdits(header: AgentFrame, body: Uint8Array): Replacement[] {
  const isListened = header.type === 'notification' && decodeReturnAddress(header.ra)?.to === 'listen'
  return isListened ? legacyNotificationEdits(body) : []
}
