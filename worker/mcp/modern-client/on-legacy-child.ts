/** Translates what a child of the handshake era sends for a modern request, and has the client asked what the child asks. */
import type { Answer, Ask } from '../../../protocol/frame.ts'
import { scanMessage, type Span } from '../../../protocol/json/json-scan.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import { askKey, capabilityFailure, inputRequiredResult } from '../../bridge/input/asks.ts'
import { type Capability, declaresExtensions, lacking } from '../../bridge/capabilities.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { mayAsk, modernNotificationEdits, modernResultEdits, toModernError, withoutTaskTools } from '../../bridge/modern-to-legacy.ts'
import { isExtensionNotification, isLoggingLevel, passesLogLevel } from '../../bridge/names.ts'
import { GATHER_MS, MAX_ASK_BYTES, MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { within } from '../../within.ts'
import { AskRound } from './ask-client.ts'
import type { LegacyServer } from './known-legacy-servers.ts'
import type { ModernCall } from './request.ts'
import type { Item, ItemSource } from '../call/item.ts'
import { PaidBytes } from '../call/paid-bytes.ts'
import { WholeMessage } from '../call/whole-message.ts'

type FrameItem = Extract<Item, { readonly kind: 'frame' }>

const decoder = new TextDecoder()

const NOTHING = new Uint8Array(0)
/** What a client must have declared to be sent to a page. */
const URL_ASK: readonly Capability[] = ['elicitation.url']

export class LegacyChild {
  readonly #call: ModernCall
  readonly #inner: ItemSource
  readonly #server: LegacyServer
  readonly #round: AskRound
  readonly #cancel: () => void
  #pending: Promise<Item | undefined> | undefined
  readonly #asked = new WholeMessage<Ask>()
  /** A list whose every entry must be seen. */
  readonly #listed = new WholeMessage<Answer>()
  readonly #paid = new PaidBytes()

  /** `callKey` and `askCount`: of the call whose items `inner` brings. `cancel` ends it. */
  constructor(call: ModernCall, inner: ItemSource, server: LegacyServer, callKey: string, askCount: number, cancel: () => void) {
    this.#call = call
    this.#inner = inner
    this.#server = server
    this.#round = new AskRound(call, callKey, askCount)
    this.#cancel = cancel
  }

  /** What the modern client gets next, beginning with an item that has come already. */
  async next(first: Item | undefined): Promise<Item | undefined> {
    for (let item = first; ; item = await this.#take()) {
      const translated = await this.#translate(item)
      if (translated !== 'nothing') return translated
    }
  }

  /** The next item; asks that wait are put to the client when nothing more comes soon. */
  async #take(): Promise<Item | undefined> {
    this.#pending ??= this.#inner.next()
    if (this.#round.isAsking) {
      const soon = await within(GATHER_MS, this.#pending)
      if (soon === undefined) {
        const item = await this.#round.park(this.#server.serverInfo)
        this.#inner.close()
        return item
      }
    }
    const item = await this.#pending
    this.#pending = undefined
    return item
  }

  async #translate(item: Item | undefined): Promise<Item | undefined | 'nothing'> {
    if (item?.kind !== 'frame') return item
    const { header, body } = item
    switch (header.type) {
      case 'answer':
        if (this.#round.isAsking) await this.#round.giveUp()
        if (header.failed) return this.#error(item)
        return this.#call.message.facts.method === 'tools/list' ? this.#list({ ...item, header }) : this.#result(item)
      case 'ask': {
        this.#inner.taken(body.length)
        // Of one that is too large to be kept, the rest is passed over.
        const isTooLarge = header.size > MAX_ASK_BYTES
        const whole = this.#asked.begin(header, isTooLarge ? NOTHING : body)
        if (isTooLarge) return this.#ask(header, NOTHING)
        return whole === undefined ? 'nothing' : this.#ask(whole.header, whole.body)
      }
      case 'chunk': {
        if (this.#listed.owns(header)) return this.#listRest(item, this.#listed.goOn(header, body))
        if (!this.#asked.owns(header)) return item
        this.#inner.taken(body.length)
        const whole = this.#asked.goOn(header, body)
        return whole === undefined ? 'nothing' : this.#ask(whole.header, whole.body)
      }
      case 'notification':
        if (header.method === 'notifications/progress' || this.#wantsLog(item)) return item
        if (isExtensionNotification(header.method) && header.sure === true) return { ...item, edits: modernNotificationEdits(body) }
        this.#inner.taken(body.length)
        return 'nothing'
      default:
        return item
    }
  }

  async #ask({ ch, rawId, method, size }: Ask, body: Uint8Array): Promise<Item | 'nothing'> {
    const ask = { ch, rawId, method, body }
    if (!mayAsk(this.#call.message.facts.method)) {
      await this.#round.refuse(ask)
      return 'nothing'
    }
    // One that is too large is refused as what nobody can be asked.
    await this.#round.add(size > MAX_ASK_BYTES ? { ...ask, method: '' } : ask)
    const { refusal } = this.#round
    if (refusal === undefined) return 'nothing'
    this.#cancel()
    this.#inner.close()
    return refusal
  }

  /** Of body bytes that the client has taken, those that are not paid for yet. */
  unpaid(bytes: number): number {
    return this.#paid.unpaid(bytes)
  }

  /** Each tool must be looked at, so a list is translated when it is whole. */
  #list(item: FrameItem & { readonly header: Answer }): Item | 'nothing' {
    const { header, body } = item
    if (header.size === body.length) return this.#callable(item)
    if (header.size > MAX_BRIDGED_ANSWER_BYTES) {
      this.#inner.close()
      return { kind: 'failed', failure: { code: 'ANSWER_TOO_LARGE', executed: 'yes' } }
    }
    return this.#listRest(item, this.#listed.begin(header, body))
  }

  #listRest(item: FrameItem, whole: { readonly header: Answer; readonly body: Uint8Array } | undefined): Item | 'nothing' {
    this.#inner.taken(item.body.length)
    if (whole === undefined) return 'nothing'
    this.#paid.passed(whole.body.length)
    return this.#callable({ ...item, ...whole })
  }

  /** A whole list without the tools that its client could not call. */
  #callable(item: FrameItem & { readonly header: Answer }): Item {
    const { header, body } = item
    const callable = withoutTaskTools(body)
    const id = callable === body ? undefined : readId(callable)
    if (id === undefined) return this.#result(item)
    this.#inner.taken(body.length - callable.length)
    return this.#result({ ...item, header: { ...header, size: callable.length, id }, body: callable })
  }

  #result(item: FrameItem): Item {
    const { method } = this.#call.message.facts
    const { serverInfo } = this.#server
    const isExtended = declaresExtensions(this.#call.envelope.declared)
    return { ...item, edits: modernResultEdits(item.body, { method, isExtended, ...(serverInfo === undefined ? {} : { serverInfo }) }) }
  }

  #error(item: FrameItem): Item {
    const { header, body } = item
    if (header.type !== 'answer' || body.length < header.size) return item
    const error = toModernError(splice(body, [replacement(header.id, this.#call.request.rawId)]))
    if (error.kind === 'error') return { kind: 'response', http: error.http, text: decoder.decode(error.body) }
    const missing = lacking(this.#call.envelope.capabilities, URL_ASK)
    if (missing.length > 0) return { kind: 'failed', failure: capabilityFailure(missing) }
    const requests = new Map(error.requests.map((request, index) => [askKey(index + 1), request]))
    return { kind: 'result', result: inputRequiredResult(requests, undefined, this.#server.serverInfo) }
  }

  /** A log message goes to who asked for its level (basic/index, logLevel), when it is certainly of this call. */
  #wantsLog({ header, body }: FrameItem): boolean {
    if (header.type !== 'notification' || header.method !== 'notifications/message' || header.sure !== true) return false
    const level = valueAt(body, findPath(body, rootOf(body), 'params', 'level'))
    return isLoggingLevel(level) && passesLogLevel(level, this.#call.envelope.logLevel)
  }
}

function readId(answer: Uint8Array): Span | undefined {
  const facts = scanMessage(answer)
  return facts.ok ? facts.value.id?.span : undefined
}
