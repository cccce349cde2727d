/** What is kept of servers' lists, in the real database: bounded, the latest first. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { MAX_LISTINGS, MAX_LISTINGS_BYTES } from '../../../worker/limits.ts'
import { type ListingRow, ListingRows } from '../../../worker/share/rows/listing-rows.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, stubOf } from '../harness/relay.ts'

async function withRows(use: (rows: ListingRows, again: () => ListingRows) => void): Promise<void> {
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) =>
    use(new ListingRows(storage.sql), () => new ListingRows(storage.sql)),
  )
}

function tools(keptAtMs: number, bytes = 10): ListingRow {
  return { name: 'tools/list', era: 'legacy', digest: `d${keptAtMs}`, answer: new Uint8Array(bytes), keptAtMs }
}

test('ListingRows keeps no more rows than MAX_LISTINGS, the latest', async () => {
  verifies('promise.10.memory')
  await withRows((rows) => {
    for (let at = 0; at < MAX_LISTINGS + 5; at++) rows.put(`a${at}`, tools(at))
    const kept = Array.from({ length: MAX_LISTINGS + 5 }, (_, at) => at).filter((at) => rows.find(`a${at}`, 'tools/list') !== undefined)
    expect([kept.length, kept[0]]).toEqual([MAX_LISTINGS, 5])
  })
})

test('ListingRows keeps no more bytes than MAX_LISTINGS_BYTES, the latest', async () => {
  verifies('promise.10.memory')
  await withRows((rows) => {
    const bytes = MAX_LISTINGS_BYTES / 16
    for (let at = 0; at < 18; at++) rows.put(`a${at}`, tools(at, bytes))
    const kept = Array.from({ length: 18 }, (_, at) => at).filter((at) => rows.find(`a${at}`, 'tools/list') !== undefined)
    expect(kept).toEqual(Array.from({ length: 16 }, (_, index) => index + 2))
  })
})

test('ListingRows drops what a server of another era has said, and what was for other audiences than now', async () => {
  await withRows((rows) => {
    rows.put('a', tools(1))
    rows.put('', tools(2))
    rows.dropOthers('legacy', true)
    expect([rows.find('a', 'tools/list'), rows.find('', 'tools/list')?.digest]).toEqual([undefined, 'd2'])
    expect(rows.digest('a', 'tools/list')).toBe('')
    rows.dropOthers('modern', true)
    expect(rows.latest('tools/list')).toBeUndefined()
  })
})

test('ListingRows knows after a reset since when no agent is there', async () => {
  await withRows((rows, again) => {
    rows.noteAway(1)
    // Nothing is kept, so nothing will be told.
    expect(again().awaySinceMs).toBeUndefined()
    rows.put('a', tools(1))
    rows.noteAway(7)
    expect(again().awaySinceMs).toBe(7)
    again().noteAway(undefined)
    expect(again().awaySinceMs).toBeUndefined()
  })
})
