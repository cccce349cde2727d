/** Puts together what the lanes of a share know. */
import type { LaneFacts } from '../carry/lane-orders.ts'
import type { LinkUse } from '../contract/call-records.ts'
import type { ForeignAgentFacts } from '../contract/foreign-makes.ts'
import type { LastWords, ShareFacts } from '../contract/share-admin.ts'

export interface MergedAgent {
  readonly name: string
  readonly product: string
  readonly isolation: string
  /** Its longest link's. */
  readonly connectedAtMs: number
  readonly lastWords?: LastWords
  readonly foreign?: ForeignAgentFacts
  readonly serves?: readonly string[]
  /** Lanes that it has a link to, of a share that has several. */
  readonly lanes?: readonly number[]
}

/** Of a share that nobody has used yet, or that has ended. */
const NO_COUNTERS = { total_changes: 0, buffered_bytes: 0, buffered_max_bytes: 0 }

/** Agents by name, sessions and counters summed up. One lane alone is as it is. */
export function mergeLanes(lanes: readonly LaneFacts[]): {
  readonly agents: readonly MergedAgent[]
  readonly sessions: number
  readonly counters: Readonly<Record<string, unknown>>
} {
  const known = lanes.flatMap(({ lane, facts }) => (facts === undefined ? [] : [{ lane, facts }]))
  const [first] = known
  if (lanes.length < 2 || first === undefined)
    return { agents: first?.facts.agents ?? [], sessions: first?.facts.sessions ?? 0, counters: first?.facts.counters ?? NO_COUNTERS }
  const sum = (pick: (facts: ShareFacts) => number): number => known.reduce((total, { facts }) => total + pick(facts), 0)
  return {
    agents: mergeAgents(known),
    sessions: sum(({ sessions }) => sessions),
    counters: {
      total_changes: sum(({ counters }) => counters.total_changes),
      buffered_bytes: sum(({ counters }) => counters.buffered_bytes),
      buffered_max_bytes: Math.max(...known.map(({ facts }) => facts.counters.buffered_max_bytes)),
      by_lane: known.map(({ lane, facts }) => ({ lane, sessions: facts.sessions, ...facts.counters })),
    },
  }
}

/** How often each link was used, on all lanes together. */
export function mergeUses(lanes: readonly LaneFacts[]): Map<string, LinkUse> {
  const uses = new Map<string, LinkUse>()
  for (const use of lanes.flatMap(({ facts }) => facts?.uses ?? [])) {
    const { calls = 0, lastUsedAtMs = 0 } = uses.get(use.id) ?? {}
    uses.set(use.id, { id: use.id, calls: calls + use.calls, lastUsedAtMs: Math.max(lastUsedAtMs, use.lastUsedAtMs) })
  }
  return uses
}

function mergeAgents(known: readonly { readonly lane: number; readonly facts: ShareFacts }[]): MergedAgent[] {
  const byName = new Map<string, MergedAgent>()
  for (const { lane, facts } of known)
    for (const agent of facts.agents) {
      const before = byName.get(agent.name)
      const latest = [agent.lastWords, before?.lastWords].filter((words) => words !== undefined).toSorted((a, b) => b.atMs - a.atMs)[0]
      byName.set(agent.name, {
        ...agent,
        ...(latest === undefined ? {} : { lastWords: latest }),
        connectedAtMs: Math.min(agent.connectedAtMs, before?.connectedAtMs ?? Infinity),
        lanes: [...(before?.lanes ?? []), lane],
      })
    }
  return [...byName.values()]
}
