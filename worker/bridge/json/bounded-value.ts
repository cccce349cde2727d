/** Makes values of JSON that a peer has written only where it holds no more of them than there is memory for. Pure. */
import type { Span } from '../../../protocol/json/json-scan.ts'
import { COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE, ScanFault, skipString } from '../../../protocol/json/json-skip.ts'
import { MAX_PARSED_VALUES } from '../../limits.ts'
import { valueAt } from '../json-view.ts'

/** Whether the JSON at a span holds more than MAX_PARSED_VALUES values, keys not counted; a span that is not there holds none. */
export function isTooManifold(bytes: Uint8Array, span: Span | undefined): boolean {
  if (span === undefined || span[1] - span[0] <= MAX_PARSED_VALUES) return false
  let values = 1
  try {
    for (let at = span[0]; at < span[1]; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) at = skipString(bytes, at) - 1
      else if ((byte === COMMA || byte === OPEN_OBJECT || byte === OPEN_ARRAY) && ++values > MAX_PARSED_VALUES) return true
    }
    return false
  } catch (fault) {
    if (fault instanceof ScanFault) return false
    throw fault
  }
}

/** `valueAt`, and undefined for what holds too many values too. */
export function boundedValueAt(bytes: Uint8Array, span: Span | undefined): unknown {
  return isTooManifold(bytes, span) ? undefined : valueAt(bytes, span)
}
