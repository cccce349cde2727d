/** Lists all that a server offers to clients that can be asked for anything: tools, prompts, resources, templates, `ui://` contents, and what it says of itself. */
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { objectIn } from '../../bridge/names.ts'
import { digestedEntries } from '../../bridge/tool-digest.ts'
import { PIN_KINDS, type PinKind } from '../../../protocol/policy/pins.ts'
import { MAX_TOOL_PAGES } from '../../limits.ts'
import { MAX_PINNED_UIS } from '../../trust-limits.ts'
import { isUiUri, listedEntry, type PlacedEntry, serverEntries, uiEntries } from '../policy/pinned-entries.ts'
import type { ListingPeer } from './listing-peer.ts'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'
import type { OfferedEntries } from './offered-entries.ts'

/** The lists by the capability that a server declares for each, what it is asked for them, and the kind of what it lists. */
const LISTS = [
  { capability: 'tools', method: 'tools/list', kind: 'tools' },
  { capability: 'prompts', method: 'prompts/list', kind: 'prompts' },
  { capability: 'resources', method: 'resources/list', kind: 'resources' },
  { capability: 'resources', method: 'resources/templates/list', kind: 'resourceTemplates' },
] as const

/** Notes what a server offers. False when it does not begin, or does not answer for what it says that it has. */
export async function listServer(peer: ListingPeer, offered: OfferedEntries): Promise<boolean> {
  const server = await peer.begin()
  if (server === 'too_long') {
    offered.cutOff(...PIN_KINDS)
    return true
  }
  const declared = server === undefined ? undefined : capabilitiesOf(server)
  if (server === undefined || declared === undefined) return false
  noteEntries(offered, await serverEntries(server), 'instructions', 'serverInfo')
  const uis = new Set<string>()
  for (const { capability, method, kind } of LISTS) {
    const isDeclared = isObject(declared[capability])
    // Tools are what is called, so they are asked for whatever is declared.
    if (!isDeclared && kind !== 'tools') continue
    const isListed = await listAll(peer, method, kind, { offered, uis })
    if (!isListed && isDeclared) return false
  }
  for (const uri of [...uis].slice(0, MAX_PINNED_UIS)) {
    const answer = await peer.ask('resources/read', { uri: JSON.stringify(uri) })
    if (answer === 'too_long') offered.cutOff('ui')
    else if (answer !== undefined) noteEntries(offered, await uiEntries(answer), 'ui')
  }
  return true
}

/** `entries`: undefined where they cannot be read for certain, so that these kinds are withheld from clients too. */
function noteEntries(offered: OfferedEntries, entries: readonly PlacedEntry[] | undefined, ...kinds: readonly PinKind[]): void {
  if (entries === undefined) offered.cutOff(...kinds)
  else for (const { entry } of entries) offered.add(entry)
}

function capabilitiesOf(server: Uint8Array): JsonObject | undefined {
  const value = valueAt(server, findPath(server, rootOf(server), 'result', 'capabilities'))
  return isObject(value) ? value : undefined
}

/** All pages of a list, as far as there is room for its entries. An error of the server is an empty list; false for no answer. */
async function listAll(
  peer: ListingPeer,
  method: string,
  kind: PinKind,
  { offered, uis }: { readonly offered: OfferedEntries; readonly uis: Set<string> },
): Promise<boolean> {
  let cursor: string | undefined
  for (let pages = 0; !offered.isCut(kind); pages++) {
    const answer =
      pages === MAX_TOOL_PAGES ? 'too_long' : await peer.ask(method, cursor === undefined ? {} : { cursor: JSON.stringify(cursor) })
    if (answer === undefined) return false
    const digested = answer === 'too_long' ? undefined : await digestedEntries(answer)
    if (answer === 'too_long' || digested === undefined) {
      offered.cutOff(kind)
      break
    }
    for (const entry of digested.filter((own) => own.kind === kind)) {
      offered.add(listedEntry(answer, entry))
      noteUis(kind === 'resources' ? entry.name : valueAt(answer, entry.span), uis)
    }
    const next = boundedValueAt(answer, findPath(answer, rootOf(answer), 'result', 'nextCursor'))
    if (typeof next !== 'string') break
    cursor = next
  }
  return true
}

/** Notes the `ui://` resource that a resource is, or that a tool shows its results with (MCP Apps). */
function noteUis(entry: unknown, uis: Set<string>): void {
  const meta = objectIn(entry, '_meta')
  for (const uri of [entry, objectIn(meta, 'ui')?.['resourceUri'], meta?.['ui/resourceUri']])
    if (typeof uri === 'string' && isUiUri(uri)) uis.add(uri)
}
