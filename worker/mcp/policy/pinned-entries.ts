/** Finds in a server's answers what can be pinned of it, each with its digest. Pure but for the hash. */
import { skipSpace } from '../../../protocol/json/json-skip.ts'
import { canonicalJson } from '../../../protocol/policy/canonical-json.ts'
import { elementsAt, memberNamed, membersAt, orUndefined, textAt } from '../../../protocol/policy/json-members.ts'
import type { PinKind } from '../../../protocol/policy/pins.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { uriReadings } from '../../../protocol/server-names.ts'
import { isObjectAt, textAt as rawTextAt } from '../../bridge/json-view.ts'
import { NAMELESS } from '../../bridge/discover.ts'
import { META } from '../../bridge/names.ts'
import { type DigestedEntry, toolDigest } from '../../bridge/tool-digest.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { MAX_ENTRY_CHARS } from '../../trust-limits.ts'

/** A value that is pinned, and where it stands. */
export interface PlacedEntry {
  readonly entry: ServerEntry
  readonly span: Span
}

/** An entry of a list as it is kept for the owner. */
export function listedEntry(answer: Uint8Array, { kind, name, span, digest, facts }: DigestedEntry): ServerEntry {
  return entryOf(answer, { kind, name, span, digest, isReadOnly: facts?.isReadOnly === true })
}

/** Instructions and serverInfo of an answer to initialize or server/discover; none of any other answer. Undefined when it cannot be read for certain. */
export async function serverEntries(answer: Uint8Array): Promise<PlacedEntry[] | undefined> {
  const places = orUndefined(() => serverPlaces(answer))
  return places === undefined ? undefined : placed(answer, places)
}

/** Contents of what was read as a `ui://` resource; none where there are no contents. Undefined when it cannot be read for certain. */
export async function uiEntries(answer: Uint8Array): Promise<PlacedEntry[] | undefined> {
  const places = orUndefined(() => uiPlaces(answer))
  return places === undefined ? undefined : placed(answer, places)
}

/** Whether a URI is that of an app (MCP Apps), whose contents run at the client, or may be one's of several servers. */
export function isUiUri(uri: string): boolean {
  return uriReadings(uri)?.some((reading) => /^ui:/i.test(reading)) !== false
}

/** As JSON text. It, and the name that stands for none, are the relay's own where it has nothing better to say. */
export const NO_INSTRUCTIONS = '""'

interface Place {
  readonly kind: PinKind
  readonly name: string
  readonly span: Span
}

/** Members that only answers to initialize and server/discover have. */
const SERVER_MEMBERS = ['capabilities', 'instructions', 'serverInfo', 'protocolVersion', 'supportedVersions']

function serverPlaces(answer: Uint8Array): Place[] {
  const members = resultMembers(answer)
  // A client may read such a result though something is missing in it.
  if (!SERVER_MEMBERS.some((name) => memberNamed(members, name) !== undefined)) return []
  const meta = memberNamed(members, '_meta')
  const inMeta = isObjectAt(answer, meta) ? memberNamed(membersAt(answer, meta[0]), META.serverInfo) : undefined
  const instructions = memberNamed(members, 'instructions')
  // Which of the two a client reads is for its era to say.
  const infos = [memberNamed(members, 'serverInfo'), inMeta]
  const isSaid = (span: Span | undefined, nothing: string): span is Span => span !== undefined && rawTextAt(answer, span) !== nothing
  return [
    ...(isSaid(instructions, NO_INSTRUCTIONS) ? [{ kind: 'instructions', name: 'instructions', span: instructions } as const] : []),
    ...infos.flatMap((span) => (isSaid(span, NAMELESS) ? [{ kind: 'serverInfo', name: 'serverInfo', span } as const] : [])),
  ]
}

function uiPlaces(answer: Uint8Array): Place[] {
  const contents = memberNamed(resultMembers(answer), 'contents')
  if (contents === undefined) return []
  // Under whatever URI: clients take what they are given for the app that they have asked for.
  return elementsAt(answer, contents[0]).map((span) => {
    const uri = memberNamed(membersAt(answer, span[0]), 'uri')
    return { kind: 'ui', name: (uri === undefined ? undefined : textAt(answer, uri)) ?? '', span }
  })
}

function resultMembers(answer: Uint8Array) {
  const result = memberNamed(membersAt(answer, skipSpace(answer, 0)), 'result')
  return isObjectAt(answer, result) ? membersAt(answer, result[0]) : []
}

function placed(answer: Uint8Array, places: readonly Place[]): Promise<PlacedEntry[]> {
  return Promise.all(
    places.map(async (place) => {
      const digest = await toolDigest(answer, place.span)
      return { entry: entryOf(answer, { ...place, digest, isReadOnly: false }), span: place.span }
    }),
  )
}

function entryOf(
  answer: Uint8Array,
  { kind, name, span, digest = '', isReadOnly }: Place & { readonly digest: string | undefined; readonly isReadOnly: boolean },
): ServerEntry {
  const text = canonicalJson(answer, span) ?? rawTextAt(answer, span)
  return { kind, name, digest, text: text.slice(0, MAX_ENTRY_CHARS), isReadOnly }
}
