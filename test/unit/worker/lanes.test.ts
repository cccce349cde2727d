import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveKeys } from '../../../worker/access/secrets/keys.ts'
import { mintShareId } from '../../../worker/access/share-id.ts'
import type { Env } from '../../../worker/env.ts'
import {
  keyOfLane,
  LANE_COUNTS,
  laneAt,
  laneBy,
  laneCount,
  laneKeys,
  laneName,
  laneOf,
  serverLane,
  shareOfLane,
} from '../../../worker/lanes.ts'
import { hasJurisdiction, laneStub } from '../../../worker/carry/share-stub.ts'

const { shareId: key } = await deriveKeys(new Uint8Array(32).fill(7))

function mint(lanes: number, jurisdiction: 'none' | 'eu' | 'fedramp' = 'none'): Promise<string> {
  return mintShareId(key, { lanes, jurisdiction }, new Uint8Array(10).fill(lanes))
}

const shares = await Promise.all(LANE_COUNTS.map((lanes) => mint(lanes)))
const share = fc.constantFrom(...shares)

test('LANE_COUNTS are the powers of two from 1 to 64', () => {
  expect(LANE_COUNTS).toEqual([1, 2, 4, 8, 16, 32, 64])
})

describe('laneOf()', () => {
  test('finds the same lane for the same name, and one that the share has', () => {
    fc.assert(
      fc.property(share, fc.string(), (id, name) => {
        const lane = laneOf(id, name)
        expect(lane).toEqual(laneOf(id, name))
        expect(lane).toEqual(laneAt(id, lane.index))
      }),
    )
  })

  test.each(LANE_COUNTS)('spreads session ids evenly over %d lanes', (lanes) => {
    const id = shares[Math.log2(lanes)] ?? ''
    const counts = Array.from({ length: lanes }, () => 0)
    const perLane = 1000
    // As ids are: 26 characters of base32, here counted up, which is harder to spread than randomness.
    for (let at = 0; at < lanes * perLane; at++) {
      const { index } = laneOf(id, at.toString(32).padStart(26, 'a'))
      counts[index] = (counts[index] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - perLane)).toBeLessThan(perLane / 4)
  })
})

test.each([-1, 8, 0.5, Number.NaN, Infinity])('laneAt() knows no lane %d of 8', async (index) => {
  expect(laneAt(await mint(8), index)).toBeUndefined()
})

test('laneName() gives each lane a name of its own, from which shareOfLane() reads the share and keyOfLane() the lane', () => {
  fc.assert(
    fc.property(share, (id) => {
      const lanes = Array.from({ length: laneCount(id) }, (_, index) => laneAt(id, index)).filter((lane) => lane !== undefined)
      const names = lanes.map(laneName)
      expect(new Set(names).size).toBe(laneCount(id))
      expect(names[0]).toBe(id)
      for (const name of names) expect(shareOfLane(name)).toBe(id)
      expect(names.map(keyOfLane)).toEqual(names.map((_, index) => index))
    }),
  )
})

test('serverLane() has a name that no other lane of the share has, from which shareOfLane() and keyOfLane() read it, also where that is a number', () => {
  fc.assert(
    fc.property(share, fc.stringMatching(/^[a-z0-9-]{1,20}$/), (id, server) => {
      const name = laneName(serverLane(id, server))
      const numbered = laneKeys({ id, servers: [] }).flatMap((lane) => laneBy(id, lane) ?? [])
      expect(numbered.map(laneName)).not.toContain(name)
      expect([shareOfLane(name), keyOfLane(name)]).toEqual([id, server])
      expect(laneBy(id, server)).toEqual(serverLane(id, server))
    }),
  )
})

test('laneKeys() are those of all lanes, and the names of servers behind them', async () => {
  expect(laneKeys({ id: await mint(2), servers: ['git', '1'] })).toEqual([0, 1, 'git', '1'])
})

/** A namespace that notes how it is asked. */
function fakeEnv(restricts: boolean): { readonly env: Env; readonly asked: unknown[] } {
  const asked: unknown[] = []
  const namespace = (jurisdiction?: string): object => ({
    getByName: (name: string, options?: object) => asked.push([jurisdiction, name, options]),
    jurisdiction: (wanted: string) => {
      if (!restricts) throw new Error('not implemented')
      return namespace(wanted)
    },
  })
  const env: object = { SHARE: namespace() }
  return { env: env as Env, asked }
}

describe('laneStub()', () => {
  test.each(['eu', 'fedramp'] as const)('asks for the lane in the jurisdiction %s of the share', async (jurisdiction) => {
    const { env, asked } = fakeEnv(true)
    const id = await mint(4, jurisdiction)
    laneStub(env, laneOf(id, 'x'))
    expect(asked).toEqual([[jurisdiction, laneName(laneOf(id, 'x')), undefined]])
  })

  test('asks for an object of the plain namespace, without a hint, where neither is wanted', async () => {
    const { env, asked } = fakeEnv(false)
    const id = await mint(1)
    laneStub(env, laneOf(id, 'x'))
    expect(asked).toEqual([[undefined, id, undefined]])
  })

  test('hands a location on as the hint', async () => {
    const { env, asked } = fakeEnv(true)
    const id = await mint(1, 'eu')
    laneStub(env, laneOf(id, 'x'), 'weur')
    expect(asked).toEqual([['eu', id, { locationHint: 'weur' }]])
  })
})

test.each([true, false])('hasJurisdiction() is what the platform can do: %s', (restricts) => {
  const { env } = fakeEnv(restricts)
  expect([hasJurisdiction(env, 'eu'), hasJurisdiction(env, 'none')]).toEqual([restricts, true])
})
