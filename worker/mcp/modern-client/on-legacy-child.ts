/** Carries a modern request to a child of the handshake era: translates what comes back, and has the client asked for what the child asks. */
import { replacement, splice } from '../../../protocol/splice.ts'
import { concat } from '../../../protocol/splice.ts'
import { askKey, inputRequiredResult } from '../../bridge/asks.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { mayAsk, modernResultEdits, toModernError } from '../../bridge/modern-to-legacy.ts'
import { isLogLevel, passesLogLevel } from '../../bridge/names.ts'
import { GATHER_MS, MAX_ASK_BYTES } from '../../limits.ts'
import { within } from '../../within.ts'
import { AskRound, type WholeAsk } from './ask-client.ts'
import type { LegacyServer } from './known-servers.ts'
import type { ModernCall } from './request.ts'
import type { Carrier, Item } from '../call/item.ts'

type FrameItem = Extract<Item, { readonly kind: 'frame' }>

const decoder = new TextDecoder()

/** An ask whose chunks are still coming. */
interface PartialAsk extends Omit<WholeAsk, 'body'> {
  readonly n: number
  readonly size: number
  readonly parts: Uint8Array[]
}

export class LegacyChild {
  readonly #call: ModernCall
  readonly #inner: Carrier
  readonly #server: LegacyServer
  readonly #round: AskRound
  readonly #cancel: () => void
  #pending: Promise<Item | undefined> | undefined
  #partial: PartialAsk | undefined

  /** `callKey` and `askCount`: of the call whose items `inner` brings. `cancel` ends it. */
  constructor(call: ModernCall, inner: Carrier, server: LegacyServer, callKey: string, askCount: number, cancel: () => void) {
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
        return header.failed ? this.#error(item) : this.#result(item)
      case 'ask': {
        this.#inner.taken(body.length)
        const { ch, n, rawId, method, size } = header
        return this.#ask({ ch, n, rawId, method, size, parts: [body] })
      }
      case 'chunk': {
        const partial = this.#partial
        if (partial === undefined || header.ch !== partial.ch || header.n !== partial.n) return item
        this.#inner.taken(body.length)
        return this.#ask({ ...partial, parts: [...partial.parts, body] })
      }
      case 'notification':
        if (header.method === 'notifications/progress' || this.#wantsLog(item)) return item
        this.#inner.taken(body.length)
        return 'nothing'
      default:
        return item
    }
  }

  async #ask({ parts, size, n, ...ask }: PartialAsk): Promise<Item | 'nothing'> {
    const held = parts.reduce((sum, part) => sum + part.length, 0)
    this.#partial = held < size ? { ...ask, n, size, parts: size > MAX_ASK_BYTES ? [] : parts } : undefined
    if (held < size && size <= MAX_ASK_BYTES) return 'nothing'
    const whole = { ...ask, body: concat(parts) }
    if (!mayAsk(this.#call.message.facts.method)) {
      await this.#round.refuse(whole)
      return 'nothing'
    }
    // One that is too large to be kept is refused as what nobody can be asked.
    await this.#round.add(size > MAX_ASK_BYTES ? { ...ask, method: '', body: new Uint8Array(0) } : whole)
    const { refusal } = this.#round
    if (refusal === undefined) return 'nothing'
    this.#cancel()
    this.#inner.close()
    return refusal
  }

  #result(item: FrameItem): Item {
    const { method } = this.#call.message.facts
    const { serverInfo } = this.#server
    return { ...item, edits: modernResultEdits(item.body, { method, ...(serverInfo === undefined ? {} : { serverInfo }) }) }
  }

  #error(item: FrameItem): Item {
    const { header, body } = item
    if (header.type !== 'answer' || body.length < header.size) return item
    const error = toModernError(splice(body, [replacement(header.id, this.#call.request.rawId)]))
    if (error.kind === 'error') return { kind: 'reply', http: error.http, text: decoder.decode(error.body) }
    const requests = new Map(error.requests.map((request, index) => [askKey(index + 1), request]))
    return { kind: 'result', result: inputRequiredResult(requests, undefined, this.#server.serverInfo) }
  }

  /** A log message goes to who asked for its level (basic/index, logLevel), when it is certainly of this call. */
  #wantsLog({ header, body }: FrameItem): boolean {
    if (header.type !== 'notification' || header.method !== 'notifications/message' || header.sure !== true) return false
    const level = valueAt(body, findPath(body, rootOf(body), 'params', 'level'))
    return isLogLevel(level) && passesLogLevel(level, this.#call.envelope.logLevel)
  }
}
