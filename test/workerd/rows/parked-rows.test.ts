/** Calls that wait for input, in the real database: a row has a bound. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { MAX_ROW_BYTES } from '../../../worker/limits.ts'
import { BridgeRows } from '../../../worker/share/rows/bridge-rows.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, stubOf } from '../harness/relay.ts'

test('BridgeRows keeps no call whose asks are more than a row may hold, and notes all the same that a kept one is taken', async () => {
  verifies('promise.10.memory')
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) => {
    const rows = new BridgeRows(storage.sql)
    rows.create()
    const of = (bytes: number) => {
      const requests = [{ key: 'a', request: 'ä'.repeat(bytes / 2) }]
      return { handle: 'h', principal: 'p', channel: 'g.1', call: 'k', asks: [], requests, askCount: 1, expiresAtMs: 1 }
    }
    expect(rows.putParked(of(MAX_ROW_BYTES))).toBe(false)
    expect(rows.parked('h')).toBeUndefined()
    const largest = of(MAX_ROW_BYTES - 200)
    expect(rows.putParked(largest)).toBe(true)
    expect(rows.putParked({ ...largest, takenBy: 'x'.repeat(32) })).toBe(true)
    expect(rows.parked('h')).toMatchObject({ takenBy: 'x'.repeat(32) })
  })
})
