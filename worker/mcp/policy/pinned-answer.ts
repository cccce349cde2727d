/** What must become of a server's answer so that its client reads of it only what is allowed and accepted. Pure but for the hash. */
import type { Failure } from '../../../protocol/errors.ts'
import type { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { listCuts } from '../../../protocol/policy/list-cut.ts'
import { type Replacement, replacement } from '../../../protocol/splice.ts'
import { NAMELESS } from '../../bridge/discover.ts'
import { findPath, rootOf } from '../../bridge/json-view.ts'
import { digestedEntries, digestsAt } from '../../bridge/tool-digest.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import type { Standby } from '../../contract/listings.ts'
import { splice } from '../../../protocol/splice.ts'
import { listedEntry, NO_INSTRUCTIONS, serverEntries, uiEntries } from './pinned-entries.ts'

/** `held`: what was taken out because its owner has yet to accept it. `refusal`: stands in for an answer that its client may not have at all. */
export interface BoundedAnswer {
  readonly edits: readonly Replacement[]
  readonly held: readonly ServerEntry[]
  readonly refusal?: Failure
}

const UNREADABLE: Failure = { code: 'LIST_UNREADABLE', executed: 'yes' }

/** The same by what is allowed alone, as text that was translated: its entries have no digests of the server's. */
export function policyEdits(answer: Uint8Array, judge: PolicyJudge): readonly Replacement[] | Failure {
  const result = findPath(answer, rootOf(answer), 'result')
  return (result === undefined ? [] : listCuts(answer, result[0], judge)) ?? UNREADABLE
}

/** Of a whole answer as the server wrote it. A failure is for one that cannot be read for certain. */
export async function boundedAnswer(answer: Uint8Array, judge: PolicyJudge): Promise<BoundedAnswer | Failure> {
  const [lists, server, uis] = await Promise.all([boundedLists(answer, judge), boundedServer(answer, judge), uiEntries(answer)])
  if ('code' in lists) return lists
  if ('code' in server) return server
  if (uis === undefined) return UNREADABLE
  const heldUis = uis.filter(({ entry }) => !judge.accepts(entry.kind, entry.digest)).map(({ entry }) => entry)
  // An app is used whole or not at all.
  if (heldUis.length > 0) return { edits: [], held: heldUis, refusal: { code: 'NOT_OFFERED', executed: 'yes' } }
  return { edits: [...lists.edits, ...server.edits], held: [...lists.held, ...server.held] }
}

/** Instructions and serverInfo that were not accepted give way to those that were. */
export async function boundedServer(answer: Uint8Array, judge: PolicyJudge): Promise<BoundedAnswer | Failure> {
  const entries = judge.pins === undefined ? [] : await serverEntries(answer)
  if (entries === undefined) return UNREADABLE
  const held = entries.filter(({ entry }) => !judge.accepts(entry.kind, entry.digest))
  return { edits: held.map(({ entry, span }) => replacement(span, textInPlace(entry, judge))), held: held.map(({ entry }) => entry) }
}

/** What is kept of a server for the time when no agent is there, as far as it was accepted. */
export async function boundedStandby(standby: Standby, judge: PolicyJudge): Promise<Standby | Failure> {
  if (judge.pins === undefined) return standby
  const bounded = await boundedAnswer(standby.answer, judge)
  return 'code' in bounded ? bounded : { ...standby, answer: splice(standby.answer, bounded.edits) }
}

async function boundedLists(answer: Uint8Array, judge: PolicyJudge): Promise<BoundedAnswer | Failure> {
  const entries = await digestedEntries(answer)
  const result = findPath(answer, rootOf(answer), 'result')
  const edits = entries === undefined || result === undefined ? [] : listCuts(answer, result[0], judge, digestsAt(entries))
  if (entries === undefined || edits === undefined) return UNREADABLE
  const held = entries.filter(({ kind, digest }) => !judge.accepts(kind, digest))
  return { edits, held: held.map((entry) => listedEntry(answer, entry)) }
}

function textInPlace({ kind }: ServerEntry, { pins }: PolicyJudge): string {
  if (kind === 'instructions') return pins?.textFor(kind) ?? NO_INSTRUCTIONS
  // Every server has a name (MCP, `Implementation`).
  return pins?.textFor('serverInfo') ?? NAMELESS
}
