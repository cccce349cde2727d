/** Decides a message's era by its body, and reads the envelope of a modern request (MCP 2026-07-28, basic/index, `_meta`). */
import type { MessageFacts } from '../../protocol/json/json-scan.ts'
import { type CapabilitySet, readCapabilities } from './capabilities.ts'
import { hasMember, isLoggingLevel, isModernRevision, type LoggingLevel, META, MODERN_REVISIONS, objectIn } from './names.ts'
import type { Failure } from '../../protocol/errors.ts'
import { checkStandardHeaders, checkVersionHeader, type HeaderReader } from './headers/standard-headers.ts'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'

export interface Envelope {
  readonly revision: string
  /** As declared, to be handed on. */
  readonly declared: JsonObject
  readonly capabilities: CapabilitySet
  readonly clientInfo?: JsonObject
  /** Nothing is to be logged to a client that names no level. */
  readonly logLevel?: LoggingLevel
  /** JSON text, exactly as sent. */
  readonly rawToken?: string
}

export type Classified =
  | { readonly era: 'legacy' }
  | { readonly era: 'modern'; readonly kind: 'request'; readonly envelope: Envelope }
  | { readonly era: 'modern'; readonly kind: 'notification' }
  | { readonly era: 'refused'; readonly failure: Failure }

const LEGACY: Classified = { era: 'legacy' }

/**
 * The era of one posted message, after all checks that need nothing but the message and its headers, in this order:
 * version of header and body, envelope, supported revision, standard headers. Capabilities and Mcp-Param-* come after.
 * `revision` is what stands for the MCP-Protocol-Version header where the body claims nothing. What initialize negotiates is in
 * its body alone (2025-11-25, basic/lifecycle), so an unknown revision in its header is not looked at.
 */
export function classify(
  { kind, method, requestToken }: MessageFacts,
  params: JsonObject,
  headers: HeaderReader,
  revision: string | undefined,
): Classified {
  // Modern clients post no responses, so whatever these are, they belong to a session.
  if (kind === 'result' || kind === 'error') return LEGACY
  const isModernHeader = revision !== undefined && isModernRevision(revision)
  const claim = claimOf(params)
  if (kind === 'notification') return classifyNotification(claim, headers, isModernHeader)
  if (method === 'initialize' && !isValidModernClaim(params))
    return revision !== undefined && MODERN_REVISIONS.includes(revision)
      ? refused({ code: 'HEADER_MISMATCH', at: 'MCP-Protocol-Version', detail: 'initialize belongs to the revisions up to 2025-11-25' })
      : LEGACY
  if (!claim.isMade) return isModernHeader ? refused({ code: 'ENVELOPE_INVALID', at: META.protocolVersion, detail: 'missing' }) : LEGACY
  const envelope = readEnvelope(claim.revision, params, headers)
  if ('code' in envelope) return refused(envelope)
  const mismatch = checkStandardHeaders(method, params, envelope.revision, headers)
  if (mismatch !== undefined) return refused(mismatch)
  return {
    era: 'modern',
    kind: 'request',
    envelope: requestToken === undefined ? envelope : { ...envelope, rawToken: requestToken.raw },
  }
}

/** Whether a message names its revision in the envelope. A batch with one that does is refused whole. */
export function claimsModern(params: JsonObject): boolean {
  return claimOf(params).isMade
}

/** Modern HTTP defines no notification from clients, and requires no headers of those that some send. */
function classifyNotification(claim: Claim, headers: HeaderReader, isModernHeader: boolean): Classified {
  if (!claim.isMade) return isModernHeader ? { era: 'modern', kind: 'notification' } : LEGACY
  if (claim.revision === undefined) return refused({ code: 'ENVELOPE_INVALID', at: META.protocolVersion, detail: 'not a string' })
  const mismatch = checkVersionHeader(claim.revision, headers, 'optional')
  return mismatch === undefined ? { era: 'modern', kind: 'notification' } : refused(mismatch)
}

interface Claim {
  readonly isMade: boolean
  /** Undefined when the claim is not a string. */
  readonly revision?: string
}

function claimOf(params: JsonObject): Claim {
  const meta = objectIn(params, '_meta')
  if (meta === undefined || !Object.hasOwn(meta, META.protocolVersion)) return { isMade: false }
  const revision = meta[META.protocolVersion]
  return typeof revision === 'string' ? { isMade: true, revision } : { isMade: true }
}

function isValidModernClaim(params: JsonObject): boolean {
  const { revision } = claimOf(params)
  return revision !== undefined && isModernRevision(revision) && faultOf(objectIn(params, '_meta') ?? {}) === undefined
}

function readEnvelope(revision: string | undefined, params: JsonObject, headers: HeaderReader): Envelope | Failure {
  const meta = objectIn(params, '_meta') ?? {}
  const mismatch = revision === undefined ? undefined : checkVersionHeader(revision, headers, 'optional')
  if (mismatch !== undefined) return mismatch
  const fault = faultOf(meta)
  if (fault !== undefined || revision === undefined)
    return { code: 'ENVELOPE_INVALID', ...(fault ?? { at: META.protocolVersion, detail: 'not a string' }) }
  if (!MODERN_REVISIONS.includes(revision)) return { code: 'UNSUPPORTED_VERSION', supported: MODERN_REVISIONS, requested: revision }
  const declared = objectIn(meta, META.clientCapabilities) ?? {}
  const clientInfo = objectIn(meta, META.clientInfo)
  const logLevel = meta[META.logLevel]
  return {
    revision,
    declared,
    capabilities: readCapabilities(declared),
    ...(clientInfo === undefined ? {} : { clientInfo }),
    ...(isLoggingLevel(logLevel) ? { logLevel } : {}),
  }
}

const CAPABILITY_OBJECTS = ['elicitation', 'roots', 'sampling', 'extensions', 'experimental']

/** The first key that is missing or of a wrong form. clientInfo and logLevel need not be there, and null is not there. */
function faultOf(meta: JsonObject): { readonly at: string; readonly detail: string } | undefined {
  if (typeof meta[META.protocolVersion] !== 'string') return { at: META.protocolVersion, detail: 'not a string' }
  if (!hasMember(meta, META.clientCapabilities)) return { at: META.clientCapabilities, detail: 'missing' }
  const declared = meta[META.clientCapabilities]
  if (!isObject(declared)) return { at: META.clientCapabilities, detail: 'not an object' }
  for (const key of CAPABILITY_OBJECTS)
    if (hasMember(declared, key) && !isObject(declared[key])) return { at: META.clientCapabilities, detail: `${key} is not an object` }
  if (hasMember(meta, META.clientInfo) && !isObject(meta[META.clientInfo])) return { at: META.clientInfo, detail: 'not an object' }
  if (hasMember(meta, META.logLevel) && !isLoggingLevel(meta[META.logLevel])) return { at: META.logLevel, detail: 'no log level' }
  return undefined
}

function refused(failure: Failure): Classified {
  return { era: 'refused', failure }
}
