/** The headers of a request of revision 2026-07-28, which mirror its body (MCP 2026-07-28, Streamable HTTP, standard request headers). Reads no more of the body than that. Pure. */
import { skipSpace } from '../../../protocol/json/json-skip.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { encodeHeaderValue } from '../../../protocol/mirrors/header-value.ts'
import type { MirroredParam } from '../../../protocol/mirrors/mirrored-params.ts'
import { PROBED_REVISION } from '../era-questions.ts'
import { memberNamed, membersAt, orUndefined, paramsMember, textAt } from '../../../protocol/policy/json-members.ts'

const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion'

/** Which parameter Mcp-Name mirrors; the last three are of the Tasks extension (SEP-2663). */
const NAME_PARAMETERS: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** The revision that a request claims in its `_meta`; undefined of one of the handshake era. */
export function claimedRevision(request: Uint8Array): string | undefined {
  return orUndefined(() => {
    const meta = paramsMember(request, '_meta')
    const version = meta === undefined ? undefined : memberNamed(membersAt(request, meta[0]), PROTOCOL_VERSION)
    const revision = version === undefined ? undefined : textAt(request, version)
    // Revisions are dates, so their order is that of their texts; what is none may be anything, and cannot be a header.
    return revision !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(revision) && revision >= PROBED_REVISION ? revision : undefined
  })
}

/** `_meta` of a request; undefined where there is none that can be read. */
export function metaIn(request: Uint8Array): unknown {
  return orUndefined(() => {
    const span = paramsMember(request, '_meta')
    return span === undefined ? undefined : valueAt(request, span)
  })
}

/** The tool, prompt, URI or task that a request names. */
export function nameIn(method: string, request: Uint8Array): string | undefined {
  const parameter = Object.hasOwn(NAME_PARAMETERS, method) ? NAME_PARAMETERS[method] : undefined
  if (parameter === undefined) return undefined
  return orUndefined(() => {
    const span = paramsMember(request, parameter)
    return span === undefined ? undefined : textAt(request, span)
  })
}

export function modernHeaders(
  { method, revision, request }: { readonly method: string; readonly revision: string; readonly request: Uint8Array },
  mirrored: readonly MirroredParam[] = [],
): Record<string, string> {
  const name = nameIn(method, request)
  return {
    'mcp-protocol-version': revision,
    'mcp-method': encodeHeaderValue(method),
    ...(name === undefined ? {} : { 'mcp-name': encodeHeaderValue(name) }),
    ...paramHeaders(request, mirrored),
  }
}

/** Of arguments that are not there, or null, nothing is said. */
function paramHeaders(request: Uint8Array, mirrored: readonly MirroredParam[]): Record<string, string> {
  const args = mirrored.length === 0 ? undefined : orUndefined(() => paramsMember(request, 'arguments'))
  if (args === undefined) return {}
  const headers = mirrored.flatMap(({ name, path }) => {
    const value = orUndefined(() => argumentAt(request, args, path))
    const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return isScalar ? [[`mcp-param-${name.toLowerCase()}`, encodeHeaderValue(String(value))]] : []
  })
  return Object.fromEntries(headers) as Record<string, string>
}

function argumentAt(request: Uint8Array, args: Span, path: readonly string[]): unknown {
  let span: Span | undefined = args
  // The schema is about keys exactly as they are, and a server reads the last of two.
  for (const key of path) {
    const members = membersAt(request, skipSpace(request, span[0]))
    span = members.findLast((member) => member.key === key)?.span
    if (span === undefined) return undefined
  }
  return valueAt(request, span)
}

function valueAt(bytes: Uint8Array, [from, to]: Span): unknown {
  return JSON.parse(Buffer.from(bytes.subarray(from, to)).toString('utf8'))
}
