/** Makes an initialize result from a server/discover result, and the other way round. Pure. */
import type { Span } from '../../protocol/json/json-scan.ts'
import { isLegacyRevision } from './revision.ts'
import {
  bridgedClientCapabilities,
  bridgedServerCapabilities,
  declare,
  declaredClient,
  type DeclaredClient,
  unaskedClientCapabilities,
} from './capabilities.ts'
import { findPath, isObjectAt, rootOf, textAt, valueAt } from './json-view.ts'
import { walkObject } from '../../protocol/members/object-members.ts'
import { CHILD_REVISION, isEnvelopeKey, META, MODERN_REVISION, MODERN_REVISIONS } from './names.ts'
import { objectText } from './object-text.ts'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'

/** What an initialize or discover result says of a server. Texts are JSON as the server wrote it. */
export interface ServerFacts {
  readonly capabilities: JsonObject
  readonly serverInfo?: string
  readonly instructions?: string
  /** What neither era knows, by key: members of the result, and of its `_meta`. */
  readonly others?: ReadonlyMap<string, string>
  readonly meta?: ReadonlyMap<string, string>
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
    ...othersIn(answer),
  }
}

/** Members of either era's result, each of which is written anew for the other. */
const RESULT_KEYS: ReadonlySet<string> = new Set([
  'protocolVersion',
  'supportedVersions',
  'capabilities',
  'serverInfo',
  'instructions',
  'resultType',
  'ttlMs',
  'cacheScope',
  '_meta',
])

function othersIn(answer: Uint8Array): Pick<ServerFacts, 'others' | 'meta'> {
  const others = membersBut(answer, findPath(answer, rootOf(answer), 'result'), (key) => RESULT_KEYS.has(key))
  const meta = membersBut(answer, findPath(answer, rootOf(answer), 'result', '_meta'), isEnvelopeKey)
  return { ...(others.size === 0 ? {} : { others }), ...(meta.size === 0 ? {} : { meta }) }
}

/** The members of an object, as JSON texts by key, without those that are known. */
function membersBut(bytes: Uint8Array, object: Span | undefined, isKnown: (key: string) => boolean): Map<string, string> {
  const members = new Map<string, string>()
  if (isObjectAt(bytes, object))
    walkObject(bytes, object[0], (key, value) => {
      if (!isKnown(key)) members.set(key, textAt(bytes, value))
    })
  return members
}

/** The text of a `_meta` of what was there and what is added; undefined where that is nothing. */
function metaOf(meta: ServerFacts['meta'], added: Readonly<Record<string, string | undefined>> = {}): string | undefined {
  const text = objectText(new Map([...Object.entries(added), ...(meta ?? [])]))
  return text === '{}' ? undefined : text
}

/** Says who asks where no client can be named: the relay. */
const RELAY_INFO = '{"name":"mcp-edge","version":"1"}'

/** The params of the initialize that opens a child for modern clients that declare the same; for all, who can be asked nothing, without `client`. */
export function childInitializeParams(client?: DeclaredClient): string {
  return objectText({
    protocolVersion: JSON.stringify(CHILD_REVISION),
    capabilities: client?.declared ?? JSON.stringify(declare(new Set(client?.capabilities))),
    clientInfo: client?.clientInfo ?? RELAY_INFO,
  })
}

/** The server/discover result of a legacy child. */
export function discoverResult({ capabilities, serverInfo, instructions, others, meta }: ServerFacts): string {
  return objectText(
    new Map([
      ['resultType', '"complete"'],
      ['supportedVersions', JSON.stringify(MODERN_REVISIONS)],
      ['capabilities', JSON.stringify(bridgedServerCapabilities(capabilities))],
      ['instructions', instructions],
      ['ttlMs', '0'],
      ['cacheScope', '"private"'],
      ['_meta', metaOf(meta, { [META.serverInfo]: serverInfo })],
      ...(others ?? []),
    ]),
  )
}

/** For servers that keep their name to themselves: an InitializeResult must have one. */
export const NAMELESS = '{"name":"unknown","version":"0"}'

/**
 * The initialize result of a modern child, in the client's revision when we speak it. Log levels and subscriptions are
 * the relay's own doing, so they are offered whatever the child says.
 */
export function initializeResult(server: ServerFacts, requestedRevision: string): string {
  const { capabilities, serverInfo, instructions, others, meta } = server
  const bridged = bridgedServerCapabilities(capabilities)
  const { logging = {}, resources } = bridged
  const offered = { ...bridged, logging, ...(isObject(resources) ? { resources: { ...resources, subscribe: true } } : {}) }
  return objectText(
    new Map([
      ['protocolVersion', JSON.stringify(isLegacyRevision(requestedRevision) ? requestedRevision : CHILD_REVISION)],
      ['capabilities', JSON.stringify(offered)],
      ['serverInfo', serverInfo ?? NAMELESS],
      ['instructions', instructions],
      ['_meta', metaOf(meta)],
      ...(others ?? []),
    ]),
  )
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

/** What a legacy client says of itself in initialize, as servers fit to it what they offer. */
export function declaredInInitialize(request: Uint8Array): DeclaredClient {
  const info = valueAt(request, findPath(request, rootOf(request), 'params', 'clientInfo'))
  return declaredClient(readInitializeRequest(request).capabilities, isObject(info) ? info : undefined)
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
    [META.clientCapabilities]: JSON.stringify(
      canBeAsked ? bridgedClientCapabilities(capabilities) : unaskedClientCapabilities(capabilities),
    ),
    ...(clientInfo === undefined ? {} : { [META.clientInfo]: clientInfo }),
    ...(logLevel === undefined ? {} : { [META.logLevel]: JSON.stringify(logLevel) }),
  }
}
