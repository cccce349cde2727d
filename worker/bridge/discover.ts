/** Makes an initialize result from a server/discover result, and the other way round. Pure. */
import type { Span } from '../../protocol/json-scan.ts'
import { isLegacyRevision } from './revision.ts'
import { bridgedClientCapabilities, bridgedServerCapabilities, type CapabilitySet, declare, unaskedClientCapabilities } from './capabilities.ts'
import { findPath, isObjectAt, rootOf, textAt, valueAt } from './json-view.ts'
import { CHILD_REVISION, isObject, type JsonObject, META, MODERN_REVISION, MODERN_REVISIONS } from './names.ts'
import { objectText } from './object-text.ts'

/** What an initialize or discover result says of a server. Texts are JSON as the server wrote it. */
export interface ServerFacts {
  readonly capabilities: JsonObject
  readonly serverInfo?: string
  readonly instructions?: string
}

/** Reads a legacy child's answer to initialize (2025-11-25, basic/lifecycle). Undefined for an error or a malformed result. */
export function readInitializeResult(answer: Uint8Array): ServerFacts | undefined {
  return readFacts(answer, findPath(answer, rootOf(answer), 'result', 'serverInfo'))
}

/** Reads a modern child's answer to server/discover. Undefined for an error or a malformed result. */
export function readDiscoverResult(answer: Uint8Array): ServerFacts | undefined {
  return readFacts(answer, findPath(answer, rootOf(answer), 'result', '_meta', META.serverInfo))
}

function readFacts(answer: Uint8Array, info: Span | undefined): ServerFacts | undefined {
  const capabilities = valueAt(answer, findPath(answer, rootOf(answer), 'result', 'capabilities'))
  if (!isObject(capabilities)) return undefined
  const instructions = findPath(answer, rootOf(answer), 'result', 'instructions')
  return {
    capabilities,
    ...(isObjectAt(answer, info) ? { serverInfo: textAt(answer, info) } : {}),
    ...(typeof valueAt(answer, instructions) === 'string' && instructions !== undefined
      ? { instructions: textAt(answer, instructions) }
      : {}),
  }
}

/** The params of the initialize that opens a child for modern clients of one capability set. */
export function childInitializeParams(capabilities: CapabilitySet, relayVersion: string): string {
  const clientInfo = { name: 'mcp-edge', version: relayVersion }
  return JSON.stringify({ protocolVersion: CHILD_REVISION, capabilities: declare(capabilities), clientInfo })
}

/** The server/discover result of a legacy child. */
export function discoverResult({ capabilities, serverInfo, instructions }: ServerFacts): string {
  return objectText({
    resultType: '"complete"',
    supportedVersions: JSON.stringify(MODERN_REVISIONS),
    capabilities: JSON.stringify(bridgedServerCapabilities(capabilities)),
    instructions,
    ttlMs: '0',
    cacheScope: '"private"',
    _meta: serverInfo === undefined ? undefined : objectText({ [META.serverInfo]: serverInfo }),
  })
}

/** For servers that keep their name to themselves: an InitializeResult must have one. */
const NAMELESS = '{"name":"unknown","version":"0"}'

/**
 * The initialize result of a modern child, in the client's revision when we speak it. Log levels and subscriptions are
 * the relay's own doing, so they are offered whatever the child says.
 */
export function initializeResult({ capabilities, serverInfo, instructions }: ServerFacts, requestedRevision: string): string {
  const bridged = bridgedServerCapabilities(capabilities)
  const { logging = {}, resources } = bridged
  const offered = { ...bridged, logging, ...(isObject(resources) ? { resources: { ...resources, subscribe: true } } : {}) }
  return objectText({
    protocolVersion: JSON.stringify(isLegacyRevision(requestedRevision) ? requestedRevision : CHILD_REVISION),
    capabilities: JSON.stringify(offered),
    serverInfo: serverInfo ?? NAMELESS,
    instructions,
  })
}

/** What a legacy client said of itself in initialize, as the envelope of its later requests. */
export interface ClientFacts {
  readonly revision: string
  readonly capabilities: JsonObject
  /** JSON text as the client wrote it. */
  readonly clientInfo?: string
}

/** Reads a legacy client's initialize request. */
export function readInitializeRequest(request: Uint8Array): ClientFacts {
  const root = rootOf(request)
  const revision = valueAt(request, findPath(request, root, 'params', 'protocolVersion'))
  const capabilities = valueAt(request, findPath(request, root, 'params', 'capabilities'))
  const info = findPath(request, root, 'params', 'clientInfo')
  return {
    revision: typeof revision === 'string' ? revision : '',
    capabilities: isObject(capabilities) ? capabilities : {},
    ...(isObjectAt(request, info) ? { clientInfo: textAt(request, info) } : {}),
  }
}

/**
 * The `_meta` members that make a request modern, as JSON texts by key.
 */
export function envelopeMembers(
  { capabilities, clientInfo }: ClientFacts,
  canBeAsked: boolean,
  logLevel: string | undefined,
): Record<string, string> {
  return {
    [META.protocolVersion]: JSON.stringify(MODERN_REVISION),
    [META.clientCapabilities]: JSON.stringify(canBeAsked ? bridgedClientCapabilities(capabilities) : unaskedClientCapabilities(capabilities)),
    ...(clientInfo === undefined ? {} : { [META.clientInfo]: clientInfo }),
    ...(logLevel === undefined ? {} : { [META.logLevel]: JSON.stringify(logLevel) }),
  }
}
