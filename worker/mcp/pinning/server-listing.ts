/** Lists all that a server offers to clients that can be asked for anything: tools, prompts, resources, templates, `ui://` contents, and what it says of itself. */
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { objectIn } from '../../bridge/names.ts'
import { digestedEntries } from '../../bridge/tool-digest.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { MAX_PINS, type PinKind } from '../../../protocol/policy/pins.ts'
import { MAX_TOOL_PAGES } from '../../limits.ts'
import { MAX_PINNED_UIS } from '../../trust-limits.ts'
import { isUiUri, listedEntry, serverEntries, uiEntries } from '../policy/pinned-entries.ts'
import type { ListingPeer } from './listing-peer.ts'
import { isObject, type JsonObject } from '../../../protocol/json-object.ts'

/** The lists by the capability that a server declares for each, what it is asked for them, and the kind of what it lists. */
const LISTS = [
  { capability: 'tools', method: 'tools/list', kind: 'tools' },
  { capability: 'prompts', method: 'prompts/list', kind: 'prompts' },
  { capability: 'resources', method: 'resources/list', kind: 'resources' },
  { capability: 'resources', method: 'resources/templates/list', kind: 'resourceTemplates' },
] as const

export interface ServerListing {
  readonly entries: readonly ServerEntry[]
  /** Kinds of which there are more than can be pinned: they were not listed to their end. */
  readonly endless: ReadonlySet<PinKind>
}

/** Undefined when the server does not begin, or does not answer for what it says that it has. */
export async function listServer(peer: ListingPeer): Promise<ServerListing | undefined> {
  const server = await peer.begin()
  if (server === undefined) return undefined
  const declared = capabilitiesOf(server)
  if (declared === undefined) return undefined
  const entries = ((await serverEntries(server)) ?? []).map(({ entry }) => entry)
  const endless = new Set<PinKind>()
  const uis = new Set<string>()
  for (const { capability, method, kind } of LISTS) {
    const isDeclared = isObject(declared[capability])
    // Tools are what is called, so they are asked for whatever is declared.
    if (!isDeclared && kind !== 'tools') continue
    const listed = await listAll(peer, method, kind, uis)
    if (listed === undefined && isDeclared) return undefined
    entries.push(...(listed ?? []))
    if ((listed?.length ?? 0) > MAX_PINS) endless.add(kind)
  }
  for (const uri of [...uis].slice(0, MAX_PINNED_UIS)) {
    const answer = await peer.ask('resources/read', { uri: JSON.stringify(uri) })
    if (answer !== undefined) entries.push(...((await uiEntries(answer)) ?? []).map(({ entry }) => entry))
  }
  return { entries, endless }
}

function capabilitiesOf(server: Uint8Array): JsonObject | undefined {
  const value = valueAt(server, findPath(server, rootOf(server), 'result', 'capabilities'))
  return isObject(value) ? value : undefined
}

/** All pages of a list, or enough of them to know that it cannot be pinned. An error of the server is an empty list; undefined for no answer. */
async function listAll(peer: ListingPeer, method: string, kind: PinKind, uis: Set<string>): Promise<ServerEntry[] | undefined> {
  const entries: ServerEntry[] = []
  let cursor: string | undefined
  for (let pages = 0; entries.length <= MAX_PINS; pages++) {
    const answer = await peer.ask(method, cursor === undefined ? {} : { cursor: JSON.stringify(cursor) })
    const digested = answer === undefined ? undefined : await digestedEntries(answer)
    if (answer === undefined || digested === undefined || pages === MAX_TOOL_PAGES) return undefined
    const own = digested.filter((entry) => entry.kind === kind)
    entries.push(...own.map((entry) => listedEntry(answer, entry)))
    for (const { name, span } of own) noteUis(kind === 'resources' ? name : valueAt(answer, span), uis)
    const next = boundedValueAt(answer, findPath(answer, rootOf(answer), 'result', 'nextCursor'))
    if (typeof next !== 'string') break
    cursor = next
  }
  return entries
}

/** Notes the `ui://` resource that a resource is, or that a tool shows its results with (MCP Apps). */
function noteUis(entry: unknown, uis: Set<string>): void {
  const meta = objectIn(entry, '_meta')
  for (const uri of [entry, objectIn(meta, 'ui')?.['resourceUri'], meta?.['ui/resourceUri']])
    if (typeof uri === 'string' && isUiUri(uri)) uis.add(uri)
}
