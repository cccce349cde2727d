/** What the headers of an MCP request ask for and claim: media types, and the revision. Says what is refused for them. */
import type { Failure } from '../../protocol/errors.ts'
import { isModernRevision } from '../bridge/names.ts'
import { isLegacyRevision, LEGACY_REVISIONS } from '../bridge/revision.ts'
import type { Visitor } from './visitor.ts'

/** What the client can take as an answer. */
export interface Accepts {
  readonly json: boolean
  readonly events: boolean
}

/** Media ranges of an Accept header (RFC 9110 §12.5.1), as far as MCP needs them; no header accepts all. */
export function readAccept(header: string | null): Accepts {
  if (header === null || header.trim() === '') return { json: true, events: true }
  const ranges = header.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? '' : type
  })
  const has = (...types: string[]): boolean => types.some((type) => ranges.includes(type))
  return { json: has('application/json', 'application/*', '*/*'), events: has('text/event-stream', 'text/*', '*/*') }
}

export function isJson(contentType: string | null): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json'
}

/** What is wrong with the revision that a client of the handshake era names in its header, if it names one. */
export function legacyRevisionFault({ revision }: Pick<Visitor, 'revision'>): Failure | undefined {
  return revision === undefined || isLegacyRevision(revision) ? undefined : { code: 'UNSUPPORTED_VERSION', supported: LEGACY_REVISIONS }
}

/** Revision 2026-07-28 has neither sessions nor streams of their own (Streamable HTTP, listening for messages). */
export function isModernVisitor({ revision }: Pick<Visitor, 'revision'>): boolean {
  return revision !== undefined && isModernRevision(revision)
}
