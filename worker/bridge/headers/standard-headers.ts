/** Checks the headers that mirror the body of every modern request: MCP-Protocol-Version, Mcp-Method, Mcp-Name (MCP 2026-07-28, Streamable HTTP, standard request headers). Pure. */
import { decodeHeaderValue, trimHeader } from '../../../protocol/mirrors/header-value.ts'
import type { Failure } from '../../../protocol/errors.ts'
import type { JsonObject } from '../../../protocol/json/json-object.ts'

/** Request headers, as `Headers` has them. */
export interface HeaderReader {
  get(name: string): string | null
}

/** Which parameter Mcp-Name mirrors. The last three are those of the Tasks extension (SEP-2663). */
const NAMED_BY: ReadonlyMap<string, 'name' | 'uri' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
] as const)

/**
 * What is wrong with a modern request's headers, or undefined. MCP-Protocol-Version is checked against `revision`, the
 * body's own. A parameter that is missing in the body is the server's to refuse, so its header is not looked at.
 */
export function checkStandardHeaders(method: string, params: JsonObject, revision: string, headers: HeaderReader): Failure | undefined {
  const mismatch = checkVersionHeader(revision, headers, 'required')
  if (mismatch !== undefined) return mismatch
  const claimed = trimmed(headers.get('mcp-method'))
  if (claimed === undefined) return { code: 'HEADER_MISMATCH', at: 'Mcp-Method', detail: 'missing' }
  if (claimed !== method) return { code: 'HEADER_MISMATCH', at: 'Mcp-Method', detail: 'not the method of the body' }
  const parameter = NAMED_BY.get(method)
  const value = parameter === undefined ? undefined : params[parameter]
  if (typeof value !== 'string') return undefined
  return checkMirror('Mcp-Name', headers, (decoded) => decoded === value)
}

/** A missing MCP-Protocol-Version is refused only where it is required: the body alone decides the era. */
export function checkVersionHeader(revision: string, headers: HeaderReader, presence: 'required' | 'optional'): Failure | undefined {
  const header = trimmed(headers.get('mcp-protocol-version'))
  if (header === revision) return undefined
  if (header !== undefined)
    return { code: 'HEADER_MISMATCH', at: 'MCP-Protocol-Version', detail: 'not the protocolVersion of params._meta' }
  return presence === 'required' ? { code: 'HEADER_MISMATCH', at: 'MCP-Protocol-Version', detail: 'missing' } : undefined
}

/** Whether a header that may be in base64 is there, readable, and equal to what the body has. */
export function checkMirror(name: string, headers: HeaderReader, isEqual: (decoded: string) => boolean): Failure | undefined {
  const header = headers.get(name)
  if (header === null) return { code: 'HEADER_MISMATCH', at: name, detail: 'missing' }
  const decoded = decodeHeaderValue(header)
  if (decoded === undefined) return { code: 'HEADER_MISMATCH', at: name, detail: 'characters or base64 that a header must not have' }
  return isEqual(decoded) ? undefined : { code: 'HEADER_MISMATCH', at: name, detail: 'not the value of the body' }
}

function trimmed(header: string | null): string | undefined {
  return header === null ? undefined : trimHeader(header)
}
