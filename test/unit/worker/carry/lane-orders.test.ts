import { describe, expect, test, vi } from 'vitest'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import { askLanes, unreachedOf } from '../../../../worker/carry/lane-orders.ts'
import type { Env } from '../../../../worker/env.ts'
import { LANE_ORDER_MS } from '../../../../worker/trust-limits.ts'

const { shareId: key } = await deriveKeys(new Uint8Array(32).fill(7))
const SHARE = await mintShareId(key, { lanes: 4, jurisdiction: 'none' }, new Uint8Array(10))
const RESET = { retryable: true }
/** Of a lane that never answers. */
const SILENCE = {}

/** Lanes that fail as often as is said, by name, and then answer. */
function fakeEnv(failures: Readonly<Record<string, readonly object[]>>): { readonly env: Env; readonly asked: string[] } {
  const asked: string[] = []
  const left = new Map(Object.entries(failures).map(([name, errors]) => [name, [...errors]]))
  const env: object = {
    SHARE: {
      getByName: (name: string) => ({
        admin: ({ op }: { op: string }) => {
          asked.push(`${op} ${name}`)
          const error = left.get(name)?.shift()
          if (error === SILENCE) return new Promise(() => {})
          return error === undefined ? Promise.resolve(undefined) : Promise.reject(Object.assign(new Error('broken'), error))
        },
      }),
    },
  }
  return { env: env as Env, asked }
}

describe('askLanes()', () => {
  test('reaches every lane of the share', async () => {
    const { env, asked } = fakeEnv({})
    expect(await askLanes(env, { id: SHARE, servers: [] }, { op: 'revoke' })).toMatchObject(
      [0, 1, 2, 3].map((lane) => ({ lane, isReached: true })),
    )
    expect(asked).toEqual([`revoke ${SHARE}`, `revoke ${SHARE}.1`, `revoke ${SHARE}.2`, `revoke ${SHARE}.3`])
  })

  test('reaches the servers of the share that have names', async () => {
    const { env, asked } = fakeEnv({ [`${SHARE}/git`]: [RESET, RESET, RESET] })
    const told = await askLanes(env, { id: SHARE, servers: ['git', '7'] }, { op: 'revoke' })
    expect(asked.filter((line) => line.includes('/'))).toEqual([
      `revoke ${SHARE}/git`,
      `revoke ${SHARE}/7`,
      `revoke ${SHARE}/git`,
      `revoke ${SHARE}/git`,
    ])
    expect(unreachedOf(told)).toEqual(['git'])
    expect(told.slice(4)).toMatchObject([
      { lane: 0, server: 'git', isReached: false },
      { lane: 0, server: '7', isReached: true },
    ])
  })

  test('asks a lane again that was reset, three times at most, and says which it did not reach', async () => {
    const { env, asked } = fakeEnv({ [`${SHARE}.1`]: [RESET, RESET], [`${SHARE}.2`]: [RESET, RESET, RESET] })
    const lanes = await askLanes(env, { id: SHARE, servers: [] }, { op: 'revoke' })
    expect(lanes.map(({ isReached }) => isReached)).toEqual([true, true, false, true])
    expect(asked.filter((name) => name.endsWith('.2'))).toHaveLength(3)
  })

  test('does not press a lane that is overloaded', async () => {
    const { env, asked } = fakeEnv({ [SHARE]: [{ overloaded: true, retryable: true }] })
    expect((await askLanes(env, { id: SHARE, servers: [] }, { op: 'describe' }))[0]).toEqual({ lane: 0, isReached: false })
    expect(asked.filter((name) => name.endsWith(SHARE))).toHaveLength(1)
  })

  test('gives up a lane that never answers, and keeps none of the others waiting for ever', async () => {
    vi.useFakeTimers()
    const { env, asked } = fakeEnv({ [`${SHARE}.1`]: [SILENCE] })
    const lanes = askLanes(env, { id: SHARE, servers: [] }, { op: 'revoke' })
    await vi.advanceTimersByTimeAsync(LANE_ORDER_MS)
    expect((await lanes).map(({ isReached }) => isReached)).toEqual([true, false, true, true])
    expect(asked).toHaveLength(4)
    vi.useRealTimers()
  })

  test('reaches only the lanes that are meant, and none that the share does not have', async () => {
    const { env, asked } = fakeEnv({})
    expect(await askLanes(env, { id: SHARE, servers: [] }, { op: 'describe' }, { lanes: [1, 3, 4, -1] })).toMatchObject([
      { lane: 1 },
      { lane: 3 },
    ])
    expect(asked).toEqual([`describe ${SHARE}.1`, `describe ${SHARE}.3`])
  })
})

test('unreachedOf() names the lanes that were not reached', () => {
  const reached = [true, false, true, false].map((isReached, lane) => ({ lane, isReached }))
  expect(unreachedOf(reached)).toEqual([1, 3])
})
