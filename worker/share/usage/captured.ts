/** What is kept of a call for an owner who has asked for it (`capture`): its arguments and its result, masked and cut. Pure. */
import { findPath, rootOf, textAt, valueStart } from '../../bridge/json-view.ts'
import type { Captures } from '../clients/running-calls.ts'
import { CAPTURE_LOOK_BYTES, MAX_CAPTURED_BYTES, MAX_CAPTURED_ROW_BYTES } from '../../usage-limits.ts'
import { maskSecrets } from './mask-secrets.ts'

/** A token that was cut off at the end may be too short to be known for one. */
const DOUBTFUL_CHARS = 64
/** Raw bytes that are masked, of which twice as many as are kept: masking shortens, as a rule. */
const READ_BYTES = 2 * MAX_CAPTURED_BYTES
const encoder = new TextEncoder()

export const CAPTURES: Captures = { ofRequest: capturedArguments, ofResponse: capturedResult }

/** The arguments of a tool or prompt, or else the params of a request, as JSON text that may be cut off. */
export function capturedArguments(body: Uint8Array): string | undefined {
  return captured(body, ['params', 'arguments']) ?? captured(body, ['params'])
}

/** The result of a response, or its error. */
export function capturedResult(body: Uint8Array): string | undefined {
  return captured(body, ['result']) ?? captured(body, ['error'])
}

function captured(whole: Uint8Array, path: readonly string[]): string | undefined {
  const body = whole.subarray(0, CAPTURE_LOOK_BYTES)
  let from: number | undefined = rootOf(body)
  for (const key of path) from = from === undefined ? undefined : valueStart(body, from, key)
  if (from === undefined) return undefined
  // Without a span the value is cut off.
  const span = findPath(body, rootOf(body), ...path)
  const to = span?.[1] ?? body.length
  const isCut = span === undefined || to - from > READ_BYTES
  const masked = maskSecrets(textAt(body, [from, Math.min(to, from + READ_BYTES)]))
  return cut(isCut ? masked.slice(0, -DOUBTFUL_CHARS) : masked)
}

/** The first MAX_CAPTURED_BYTES of a text; fewer where it would be more than twice as long as a text of JSON, as it is kept and told. */
function cut(text: string): string {
  let most = MAX_CAPTURED_BYTES
  for (;;) {
    const cutOff = firstBytes(text, most)
    const excess = encoder.encode(JSON.stringify(cutOff)).length - MAX_CAPTURED_ROW_BYTES
    if (excess <= 0) return cutOff
    // A byte is six at most.
    most = Math.min(most, encoder.encode(cutOff).length) - Math.ceil(excess / 6)
  }
}

function firstBytes(text: string, most: number): string {
  const bytes = encoder.encode(text)
  // A character that is cut through is left out.
  return bytes.length <= most ? text : new TextDecoder().decode(bytes.subarray(0, most), { stream: true })
}
