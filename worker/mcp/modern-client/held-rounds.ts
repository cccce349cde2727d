/** Finds out that a request goes on with one that its owner has allowed: by the answer that has asked for input, which only that client has seen. */
import { textDigest } from '../../../protocol/policy/canonical-json.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { resultKind } from '../../bridge/legacy-to-modern.ts'
import type { Item } from '../call/item.ts'

type Params = Readonly<Record<string, unknown>>

/** Whether a request says that it goes on with another (MCP 2026-07-28, basic/patterns/mrtr). */
export function isFurtherRound(params: Params): boolean {
  return params['requestState'] !== undefined || params['inputResponses'] !== undefined
}

/** Names the answer with which such a request goes on; undefined for one that does not say so. */
export async function roundGivenIn(params: Params): Promise<string | undefined> {
  return isFurtherRound(params) ? nameOf(params['requestState']) : undefined
}

/** Names an answer that asks for input; undefined for anything else, and for one that does not come in one frame, whose retry is a call of its own. */
export async function roundAskedIn(item: Item | undefined): Promise<string | undefined> {
  if (item?.kind !== 'frame') return undefined
  const { header, body } = item
  const isWhole = header.type === 'answer' && !header.failed && header.size === body.length
  if (!isWhole || resultKind(body) !== 'input_required') return undefined
  return nameOf(valueAt(body, findPath(body, rootOf(body), 'result', 'requestState')))
}

function nameOf(state: unknown): Promise<string> {
  return textDigest(typeof state === 'string' ? state : '')
}
