/** `/api/shares/<id>/tools`: what a share's server offers, what of that is held back, and what its owner accepts. */
import { type Context, Hono } from 'hono'
import { NOTHING_PINNED, PIN_KINDS, type PinKind, type Pins, PinSet, readPins } from '../../../protocol/policy/pins.ts'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { pinsOf } from '../../../protocol/policy/server-pins.ts'
import { err, ok, type Result } from '../../../protocol/result.ts'
import { prefixedName } from '../../../protocol/server-names.ts'
import { askLanes, unreachedOf } from '../../carry/lane-orders.ts'
import type { KnownEntry, KnownServer } from '../../contract/pinned-server.ts'
import type { ShareRecord } from '../../contract/registry/registry-rpc.ts'
import { problemResponse } from '../../problem.ts'
import { MAX_ENTRY_CHARS } from '../../trust-limits.ts'
import { readBody } from '../body.ts'
import { Acceptance, type Entry } from '../operations/tools.ts'
import { problemFacts, SHOWN_AS } from '../listing-problem.ts'
import { type OwnerEnv, requireOwner } from '../owner-gate.ts'
import { answer, hasExpired, isoTime, knownShare, livingShare, registryOf, unreachedResponse } from '../share-answers.ts'

type ApiContext = Context<OwnerEnv>

interface JudgedEntry extends KnownEntry {
  readonly state: Entry['state']
  /** Name of its server, if that has one. */
  readonly server: string | undefined
  /** It is of the one server that is made of those with names, which have it too. */
  readonly isMerged: boolean
}

/** One of the servers of a share, with what is accepted of it as JSON text. */
interface JudgedServer extends KnownServer {
  readonly server: string | undefined
  readonly isMerged: boolean
  readonly pins: string | undefined
}

/** What lies below `/shares/<id>/tools`. */
export const tools = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', listTools)
  .get('/diff', compareTools)
  .post('/accept', acceptTools)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))
  .all('/diff', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))
  .all('/accept', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST' }))

async function listTools(c: ApiContext): Promise<Response> {
  const found = await knownShare(c)
  if (!found.ok) return found.error
  const servers = await serversOf(c, found.value)
  if (!servers.ok) return servers.error
  const judged = servers.value.flatMap(judge)
  const lists = Object.fromEntries(PIN_KINDS.map((kind) => [SHOWN_AS[kind], judged.filter((entry) => entry.kind === kind).map(entryFacts)]))
  return answer(c, 200, { ...stateFacts(servers.value), ...lists })
}

async function compareTools(c: ApiContext): Promise<Response> {
  const found = await knownShare(c)
  if (!found.ok) return found.error
  const servers = await serversOf(c, found.value)
  if (!servers.ok) return servers.error
  const changes = servers.value.flatMap((server) => {
    const pins = new PinSet(readPins(server.pins ?? NOTHING_PINNED))
    return judge(server)
      .filter(isHeld)
      .map((entry) => ({
        ...entryFacts(entry),
        kind: SHOWN_AS[entry.kind],
        before: textBefore(entry, server.entries, pins),
        after: shownText(entry.text),
      }))
  })
  return answer(c, 200, { ...stateFacts(servers.value), changes })
}

async function acceptTools(c: ApiContext): Promise<Response> {
  const found = await livingShare(c, { mayHaveEnded: true })
  if (!found.ok) return found.error
  const share = found.value
  const body = await readBody(c.req.raw, Acceptance, { mayBeList: true })
  if (!body.ok) return body.error
  if (share.trust.pins === undefined) return problemResponse('PINNING_OFF')
  const servers = await serversOf(c, share)
  if (!servers.ok) return servers.error
  const held = servers.value.flatMap(judge).filter(isHeld)
  const accepted = 'all' in body.value ? held.filter(({ digest }) => digest !== '') : namedIn(held, body.value)
  if (accepted === undefined) return problemResponse('TOOLS_CHANGED')
  for (const { server, entries } of servers.value) {
    const refused = await acceptOf(c, share, { server, entries, accepted: accepted.filter((entry) => entry.server === server) })
    if (refused !== undefined) return refused
  }
  return answer(c, 200, {
    accepted: accepted.map((entry) => ({ kind: SHOWN_AS[entry.kind], name: shownJson(fullName(entry)), digest: entry.digest })),
  })
}

interface Accepted extends Pick<JudgedServer, 'server' | 'entries'> {
  readonly accepted: readonly JudgedEntry[]
}

/** Accepts what is held back of one server; what its owner is told where that could not be done, or not be told everywhere. */
async function acceptOf(c: ApiContext, { id }: ShareRecord, { server, entries, accepted }: Accepted): Promise<Response | undefined> {
  if (accepted.length === 0) return undefined
  const change = { accepted: accepted.map(({ kind, digest, text }) => ({ kind, digest, text })), replaced: replacedBy(accepted, entries) }
  const changed = await registryOf(c).pin(id, change, server)
  if (changed === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (changed === 'full') return problemResponse('PINS_FULL')
  return changed.unreached.length > 0 ? unreachedResponse(id, changed.unreached) : undefined
}

/** What the share keeps of its servers; nothing of a share that nobody has used yet, or that has ended. The response where one cannot be asked. */
async function serversOf(c: ApiContext, share: ShareRecord): Promise<Result<readonly JudgedServer[], Response>> {
  const { pins } = share.trust
  if (!share.isMade || hasExpired(share))
    return ok([{ entries: [], server: undefined, isMerged: false, pins: pins && pinsOf(pins, undefined) }])
  const lanes = await askLanes(c.env, share, { op: 'server' }, { lanes: [0, ...share.servers] })
  const unreached = unreachedOf(lanes)
  if (unreached.length > 0) return err(unreachedResponse(share.id, unreached))
  return ok(
    lanes.map(({ server, facts }) => {
      const known: KnownServer = facts?.server ?? { entries: [] }
      const isMerged = server === undefined && share.servers.length > 0 && known.entries.some(isOfMerged)
      return { ...known, server, isMerged, pins: pins && pinsOf(pins, server) }
    }),
  )
}

/** Whether it is what the agent says of the server that it has made of several (agent/server/merged/merged-hello.ts). */
export function isOfMerged({ kind, isOffered, text }: KnownEntry): boolean {
  return kind === 'serverInfo' && isOffered && /"name":"mcp-edge-agent"/.test(text)
}

/** What is offered, and what was accepted and is not offered any more under its name. */
function judge({ entries: known, server, isMerged, pins: text }: JudgedServer): JudgedEntry[] {
  const entries = known.map((entry) => ({ ...entry, server, isMerged }))
  const pins = new PinSet(readPins(text ?? NOTHING_PINNED))
  const isAccepted = ({ kind, digest }: KnownEntry): boolean => pins.accepts(kind, digest === '' ? undefined : digest)
  const nameOf = ({ kind, name }: KnownEntry): string => `${kind} ${name}`
  const offered = new Set(entries.filter(({ isOffered }) => isOffered).map(nameOf))
  const before = new Set(entries.filter(isAccepted).map(nameOf))
  return entries.flatMap((entry): JudgedEntry[] => {
    if (!pins.pins(entry.kind)) return entry.isOffered ? [{ ...entry, state: 'unpinned' }] : []
    if (!entry.isOffered) return isAccepted(entry) && !offered.has(nameOf(entry)) ? [{ ...entry, state: 'gone' }] : []
    if (isAccepted(entry)) return [{ ...entry, state: 'pinned' }]
    return [{ ...entry, state: before.has(nameOf(entry)) ? 'changed' : 'new' }]
  })
}

function isHeld({ state }: JudgedEntry): boolean {
  return state === 'changed' || state === 'new'
}

/** The held-back entries that are named; undefined unless each is what the server offers now. */
function namedIn(
  held: readonly JudgedEntry[],
  wanted: readonly { readonly name: string; readonly digest: string }[],
): readonly JudgedEntry[] | undefined {
  const found = wanted.map(({ name, digest }) =>
    held.filter((entry) => digest !== '' && entry.digest === digest && (fullName(entry) === name || shownJson(fullName(entry)) === name)),
  )
  return found.every((entries) => entries.length > 0) ? found.flat() : undefined
}

/** What was accepted under the same names, and is not offered any more. */
function replacedBy(accepted: readonly KnownEntry[], entries: readonly KnownEntry[]): string[] {
  return entries
    .filter(({ isOffered, kind, name }) => !isOffered && accepted.some((entry) => entry.kind === kind && entry.name === name))
    .map(({ digest }) => digest)
}

/** What was accepted under the name of an entry that has changed; null for a new one, or where the text is not kept. */
function textBefore({ kind, name, state }: JudgedEntry, entries: readonly KnownEntry[], pins: PinSet): string | null {
  if (state !== 'changed') return null
  const before = entries.filter((entry) => entry.kind === kind && entry.name === name && pins.accepts(kind, entry.digest))
  const latest = before.find(({ isOffered }) => !isOffered) ?? before[0]
  return latest === undefined || latest.text === '' ? null : shownJson(latest.text)
}

/** Of several servers: when one was listed last, and what is true of any. */
function stateFacts(servers: readonly JudgedServer[]) {
  const listedAtMs = Math.max(...servers.map((server) => server.listedAtMs ?? -Infinity))
  const pinned = servers.flatMap(({ pins }) => (pins === undefined || pins === NOTHING_PINNED ? [] : [readPins(pins)]))
  return {
    pinning: servers.some(({ pins }) => pins !== undefined) ? 'on' : 'off',
    listed_at: listedAtMs === -Infinity ? null : isoTime(listedAtMs),
    ...(pinned.length === 0 ? {} : { unpinned: [...new Set(pinned.flatMap(unpinnedOf))] }),
    ...problemFacts(servers.find(({ problem }) => problem !== undefined)?.problem),
  }
}

/** Kinds that an earlier relay has left unpinned, since there were too many entries. */
function unpinnedOf(pins: Pins): (typeof SHOWN_AS)[PinKind][] {
  return PIN_KINDS.filter((kind) => pins[kind] === undefined).map((kind) => SHOWN_AS[kind])
}

/** The text of an entry. Where it is not whole it says so: nobody is to accept for what it shows what it does not show. */
function shownText(text: string): string {
  if (text === '') return '(not kept: the server offers too much)'
  return text.length < MAX_ENTRY_CHARS ? shownJson(text) : `${shownJson(text)}… (the rest is not shown)`
}

function entryFacts(entry: JudgedEntry): Entry {
  const { digest, state, kind, isReadOnly, server, isMerged } = entry
  const more = {
    ...(kind === 'tools' ? { read_only: isReadOnly } : {}),
    ...(server === undefined ? {} : { server }),
    ...(isMerged ? { merged: true as const } : {}),
  }
  return { name: shownJson(fullName(entry)), state, digest: digest === '' ? null : digest, ...more }
}

/** The name by which policies know it, where they know it by a name. */
function fullName({ kind, name, server }: JudgedEntry): string {
  return kind === 'tools' || kind === 'prompts' ? prefixedName(server, name) : name
}
