/** `/api/shares/<id>/tools`: what a share's server offers, what of that is held back, and what its owner accepts. */
import { type Context, Hono } from 'hono'
import { NOTHING_PINNED, PIN_KINDS, type PinKind, type Pins, PinSet, readPins } from '../../../protocol/policy/pins.ts'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { askLanes } from '../../carry/lane-orders.ts'
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
  const share = found.value
  const server = await serverOf(c, share)
  if (server === undefined) return unreachedResponse(share.id, [0])
  const judged = judge(server, share.trust.pins)
  const lists = Object.fromEntries(PIN_KINDS.map((kind) => [SHOWN_AS[kind], judged.filter((entry) => entry.kind === kind).map(entryFacts)]))
  return answer(c, 200, { ...stateFacts(share, server), ...lists })
}

async function compareTools(c: ApiContext): Promise<Response> {
  const found = await knownShare(c)
  if (!found.ok) return found.error
  const share = found.value
  const server = await serverOf(c, share)
  if (server === undefined) return unreachedResponse(share.id, [0])
  const judged = judge(server, share.trust.pins)
  const pins = new PinSet(readPins(share.trust.pins ?? NOTHING_PINNED))
  const changes = judged.filter(isHeld).map((entry) => ({
    ...entryFacts(entry),
    kind: SHOWN_AS[entry.kind],
    before: textBefore(entry, server.entries, pins),
    after: shownText(entry.text),
  }))
  return answer(c, 200, { ...stateFacts(share, server), changes })
}

async function acceptTools(c: ApiContext): Promise<Response> {
  const found = await livingShare(c, { mayHaveEnded: true })
  if (!found.ok) return found.error
  const share = found.value
  const body = await readBody(c.req.raw, Acceptance, { mayBeList: true })
  if (!body.ok) return body.error
  const { pins } = share.trust
  if (pins === undefined) return problemResponse('PINNING_OFF')
  const server = await serverOf(c, share)
  if (server === undefined) return unreachedResponse(share.id, [0])
  const held = judge(server, pins).filter(isHeld)
  const accepted = 'all' in body.value ? held.filter(({ digest }) => digest !== '') : namedIn(held, body.value)
  if (accepted === undefined) return problemResponse('TOOLS_CHANGED')
  const change = {
    accepted: accepted.map(({ kind, digest, text }) => ({ kind, digest, text })),
    replaced: replacedBy(accepted, server.entries),
  }
  const changed = accepted.length === 0 ? { value: share, unreached: [] } : await registryOf(c).pin(share.id, change)
  if (changed === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (changed === 'full') return problemResponse('PINS_FULL')
  if (changed.unreached.length > 0) return unreachedResponse(share.id, changed.unreached)
  return answer(c, 200, { accepted: accepted.map(({ kind, name, digest }) => ({ kind: SHOWN_AS[kind], name: shownJson(name), digest })) })
}

/** What the share keeps of its server; nothing of a share that nobody has used yet, or that has ended. Undefined when it cannot be asked. */
async function serverOf(c: ApiContext, share: ShareRecord): Promise<KnownServer | undefined> {
  if (!share.isMade || hasExpired(share)) return { entries: [] }
  const [first] = await askLanes(c.env, share.id, { op: 'server' }, { lanes: [0] })
  return first?.isReached === true ? (first.facts?.server ?? { entries: [] }) : undefined
}

/** What is offered, and what was accepted and is not offered any more under its name. */
function judge({ entries }: KnownServer, text: string | undefined): JudgedEntry[] {
  const pins = new PinSet(readPins(text ?? NOTHING_PINNED))
  const isAccepted = ({ kind, digest }: KnownEntry): boolean => pins.accepts(kind, digest === '' ? undefined : digest)
  const nameOf = ({ kind, name }: KnownEntry): string => `${kind} ${name}`
  const offered = new Set(entries.filter(({ isOffered }) => isOffered).map(nameOf))
  const known = new Set(entries.filter(isAccepted).map(nameOf))
  return entries.flatMap((entry): JudgedEntry[] => {
    if (!pins.pins(entry.kind)) return entry.isOffered ? [{ ...entry, state: 'unpinned' }] : []
    if (!entry.isOffered) return isAccepted(entry) && !offered.has(nameOf(entry)) ? [{ ...entry, state: 'gone' }] : []
    if (isAccepted(entry)) return [{ ...entry, state: 'pinned' }]
    return [{ ...entry, state: known.has(nameOf(entry)) ? 'changed' : 'new' }]
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
    held.filter((entry) => digest !== '' && entry.digest === digest && (entry.name === name || shownJson(entry.name) === name)),
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

function stateFacts({ trust }: ShareRecord, { listedAtMs, problem }: KnownServer) {
  const { pins } = trust
  return {
    pinning: pins === undefined ? 'off' : 'on',
    listed_at: listedAtMs === undefined ? null : isoTime(listedAtMs),
    ...(pins === undefined || pins === NOTHING_PINNED ? {} : { unpinned: unpinnedOf(readPins(pins)) }),
    ...problemFacts(problem),
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

function entryFacts({ name, digest, state, kind, isReadOnly }: JudgedEntry): Entry {
  return { name: shownJson(name), state, digest: digest === '' ? null : digest, ...(kind === 'tools' ? { read_only: isReadOnly } : {}) }
}
