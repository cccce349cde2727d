/** Finds out that a request goes on with one that its owner has allowed: by the answer that has asked for input, which only that client has seen. */
import type { Answer } from '../../../protocol/frame.ts'
import { textDigest } from '../../../protocol/policy/canonical-json.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { resultKind } from '../../bridge/legacy-to-modern.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Item } from '../call/item.ts'
import { noteApproval } from '../call/owner-wait.ts'
import { WholeMessage } from '../call/whole-message.ts'

type Params = Readonly<Record<string, unknown>>

/** Whether a request says that it goes on with another (MCP 2026-07-28, basic/patterns/mrtr). */
export function isFurtherRound(params: Params): boolean {
  return params['requestState'] !== undefined || params['inputResponses'] !== undefined
}

/** Names the answer with which such a request goes on; undefined for one that does not say so. */
export async function roundGivenIn(params: Params): Promise<string | undefined> {
  return isFurtherRound(params) ? nameOf(params['requestState']) : undefined
}

/** Has a retry that names this answer to a held call go on with it. */
export function noteRound(share: ShareClient, key: string, round: string): Promise<void> {
  return noteApproval(share, { op: 'round', key, round })
}

/** The answer to a call that its owner has allowed, which may come in several frames. One longer than MAX_BRIDGED_ANSWER_BYTES is not read: its retry is a call of its own. */
export class HeldAnswer {
  readonly #answer = new WholeMessage<Answer>()

  /** Takes what comes; names the answer once it is whole, if it asks for input. */
  async roundAskedIn(item: Item | undefined): Promise<string | undefined> {
    const answer = item?.kind === 'frame' ? this.#whole(item) : undefined
    if (answer === undefined || resultKind(answer) !== 'input_required') return undefined
    return nameOf(valueAt(answer, findPath(answer, rootOf(answer), 'result', 'requestState')))
  }

  #whole({ header, body }: Extract<Item, { readonly kind: 'frame' }>): Uint8Array | undefined {
    if (header.type === 'chunk') return this.#answer.goOn(header, body)?.body
    const isRead = header.type === 'answer' && !header.failed && header.size <= MAX_BRIDGED_ANSWER_BYTES
    return isRead ? this.#answer.begin(header, body)?.body : undefined
  }
}

function nameOf(state: unknown): Promise<string> {
  return textDigest(typeof state === 'string' ? state : '')
}
