/** Asks a modern client what a child of the handshake era wants to know: gathers the child's requests, parks the call, and finds it again for the retry. */
import { encodeBase32 } from '../../../protocol/encoding/base32.ts'
import { randomBytes } from '../../access/secrets/secret.ts'
import { askKey, capabilityFailure, inputRequiredResult, judgeAsk, readInputResponses, refusalText } from '../../bridge/input/asks.ts'
import type { Capability } from '../../bridge/capabilities.ts'
import { declaresExtensions } from '../../bridge/capabilities.ts'
import { requestDigest } from '../../bridge/request-digest.ts'
import { mintRequestState, verifyRequestState } from './request-state.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { randomKey } from '../../call-key.ts'
import { PARKED_MS } from '../../limits.ts'
import type { RetryInput } from '../../contract/share-rpc.ts'
import type { ModernCall } from './request.ts'
import type { Item } from '../call/item.ts'
import { PassRefused } from '../../carry/pass-refused.ts'

const encoder = new TextEncoder()
const HANDLE_BYTES = 16

/** A child's request, whole. */
interface WholeAsk {
  readonly ch: string
  readonly rawId: string
  readonly method: string
  readonly body: Uint8Array
}

interface PendingAsk {
  readonly key: string
  readonly rawId: string
  readonly method: string
  readonly request: string
}

export class AskRound {
  readonly #call: ModernCall
  readonly #callKey: string
  readonly #asks: PendingAsk[] = []
  readonly #lacking = new Set<Capability>()
  #ordinal: number
  #ch = ''

  /** `callKey`: key of the call that the asks belong to. `askCount`: asks put to the client in earlier rounds. */
  constructor(call: ModernCall, callKey: string, askCount: number) {
    this.#call = call
    this.#callKey = callKey
    this.#ordinal = askCount
  }

  /** Whether there is anything to ask the client. */
  get isAsking(): boolean {
    return this.#asks.length > 0
  }

  /** What makes the call impossible for this client, if all that was asked is. */
  get refusal(): Item | undefined {
    return this.#asks.length > 0 || this.#lacking.size === 0 ? undefined : { kind: 'failed', failure: capabilityFailure(this.#lacking) }
  }

  /** Takes an ask in: it waits for the client, or is answered at once. */
  async add({ ch, rawId, method, body }: WholeAsk): Promise<void> {
    this.#ch = ch
    const { capabilities, declared } = this.#call.envelope
    const verdict = judgeAsk(body, rawId, method, capabilities, declaresExtensions(declared))
    if (verdict.kind === 'ask') {
      this.#asks.push({ key: askKey(++this.#ordinal), rawId, method, request: verdict.request })
      return
    }
    if (verdict.kind === 'refuse') for (const capability of verdict.lacking) this.#lacking.add(capability)
    await this.#call.visitor.share.tell({ kind: 'answer', ch, key: randomKey(), rawId, body: encoder.encode(verdict.response) })
  }

  /** Answers an ask in the middle of a call whose client cannot be asked (MCP 2026-07-28, multi round-trip requests). */
  async refuse({ ch, rawId, method }: Omit<WholeAsk, 'body'>): Promise<void> {
    const body = encoder.encode(refusalText(rawId, method))
    await this.#call.visitor.share.tell({ kind: 'answer', ch, key: randomKey(), rawId, body })
  }

  /** The call is answered before its client was asked. Requests for roots go on waiting in the Share: they are not this call's. */
  async giveUp(): Promise<void> {
    const asks = this.#asks.splice(0).filter(({ method }) => method !== 'roots/list')
    await Promise.all(asks.map(({ rawId, method }) => this.refuse({ ch: this.#ch, rawId, method })))
  }

  /** Parks the call, and asks its client. */
  async park(serverInfo: string | undefined): Promise<Item> {
    const { visitor, message, stateKey } = this.#call
    const handle = randomBytes(HANDLE_BYTES)
    const expiresAtMs = Date.now() + PARKED_MS
    const order = {
      principal: visitor.principal,
      ch: this.#ch,
      call: this.#callKey,
      handle: encodeBase32(handle),
      asks: this.#asks,
      askCount: this.#ordinal,
      expiresAtMs,
    }
    const isKept = await visitor.share.park(order).catch(refusalOf)
    if (typeof isKept !== 'boolean') return { kind: 'failed', failure: { ...isKept, executed: 'yes' } }
    if (!isKept) return { kind: 'failed', failure: { code: 'SHARE_BUSY', executed: 'yes', retryAfterMs: 1000 } }
    const digest = await requestDigest(message.bytes, message.facts.method)
    const state = await mintRequestState(stateKey, handle, expiresAtMs, { principal: visitor.principal, digest })
    const requests = new Map(this.#asks.map(({ key, request }) => [key, request]))
    return { kind: 'result', result: inputRequiredResult(requests, state, serverInfo) }
  }
}

function refusalOf(error: unknown): Failure {
  if (error instanceof PassRefused) return error.failure
  throw error
}

/** What a retry comes to: it goes on with a parked call, or is answered at once. */
export type FoundCall =
  | { readonly kind: 'parked'; readonly key: string; readonly askCount: number; readonly input: RetryInput }
  | { readonly kind: 'item'; readonly item: Item }

const REFUSED: FoundCall = { kind: 'item', item: { kind: 'failed', failure: { code: 'STATE_REFUSED' } } }

/** Finds the parked call that a retry names, and the answers that it brings for it. */
export async function findParkedCall(
  { visitor, message, stateKey, request }: ModernCall,
  state: string,
  serverInfo: string | undefined,
): Promise<FoundCall> {
  const digest = await requestDigest(message.bytes, message.facts.method)
  const verified = await verifyRequestState(stateKey, state, { principal: visitor.principal, digest }, Date.now())
  if (!verified.ok) return REFUSED
  const handle = encodeBase32(verified.value)
  const parked = await visitor.share.parked(handle, visitor.principal)
  if (parked === undefined) return REFUSED
  const { responses, missing } = readInputResponses(message.bytes, parked.asks)
  // Of a retry that was taken before, the Share knows whether this is the same one, which had all answers then.
  if (missing.length > 0 && parked.takenBy === undefined)
    return {
      kind: 'item',
      item: {
        kind: 'result',
        result: inputRequiredResult(new Map(parked.requests.map(({ key, request: text }) => [key, text])), state, serverInfo),
      },
    }
  const bodies = parked.asks.flatMap(({ key, rawId }) => {
    const body = responses.get(key)
    return body === undefined ? [] : [{ rawId, body }]
  })
  return {
    kind: 'parked',
    key: parked.call,
    askCount: parked.askCount,
    input: { handle, taker: request.key, responses: bodies },
  }
}
