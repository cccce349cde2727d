import { describe, expect, test } from 'vitest'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import { mergeLanes } from '../../../../worker/api/lanes.ts'
import type { ShareFacts } from '../../../../worker/contract/share-admin.ts'

const { shareId: key } = await deriveKeys(new Uint8Array(32).fill(7))
const SHARE = await mintShareId(key, { lanes: 4, jurisdiction: 'none' }, new Uint8Array(10))

function factsOf(lane: number, agents: readonly string[]): ShareFacts {
  return {
    id: SHARE,
    name: 'n',
    createdAtMs: 0,
    expiresAtMs: 9,
    agents: agents.map((name) => ({ name, product: 'p', isolation: 'session', connectedAtMs: 100 - lane })),
    sessions: lane,
    counters: { incarnation: `i${lane}`, total_changes: 10, buffered_bytes: lane, buffered_max_bytes: 5 * lane },
  }
}

describe('mergeLanes()', () => {
  test('sums sessions and counters, and lists each agent once with its lanes', () => {
    const lanes = [0, 1, 2].map((lane) => ({ lane, isReached: true, facts: factsOf(lane, lane === 1 ? ['a'] : ['a', 'b']) }))
    const { agents, sessions, counters } = mergeLanes(lanes)
    expect(sessions).toBe(3)
    expect(agents).toEqual([
      { name: 'a', product: 'p', isolation: 'session', connectedAtMs: 98, lanes: [0, 1, 2] },
      { name: 'b', product: 'p', isolation: 'session', connectedAtMs: 98, lanes: [0, 2] },
    ])
    expect(counters).toMatchObject({ total_changes: 30, buffered_bytes: 3, buffered_max_bytes: 10 })
    expect(counters['by_lane']).toHaveLength(3)
  })

  test('leaves one lane alone as it is', () => {
    const facts = factsOf(0, ['a'])
    expect(mergeLanes([{ lane: 0, isReached: true, facts }])).toEqual({
      agents: facts.agents,
      sessions: facts.sessions,
      counters: facts.counters,
    })
  })

  test('is nothing, in numbers, for a share without objects', () => {
    expect(mergeLanes([])).toEqual({
      agents: [],
      sessions: 0,
      counters: { total_changes: 0, buffered_bytes: 0, buffered_max_bytes: 0 },
    })
  })
})
