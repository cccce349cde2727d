/** What the Share remembers of its rows says the same as the rows, and saves reading them. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import type { ChannelRecord } from '../../../worker/share/rows/channel-rows.ts'
import { Store } from '../../../worker/share/rows/store.ts'
import { type KeptShareTrust, TrustRows } from '../../../worker/share/trust/trust-rows.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, stubOf } from '../harness/relay.ts'

/** `asked` counts the statements since it was last called. */
async function withStore(use: (store: Store, again: () => Store, asked: () => number) => void): Promise<void> {
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) => {
    let statements = 0
    const sql = new Proxy(storage.sql, {
      get: (target, name) => {
        if (name !== 'exec') return Reflect.get(target, name) as unknown
        return (query: string, ...values: unknown[]) => {
          statements++
          return target.exec(query, ...values)
        }
      },
    })
    const asked = (): number => {
      const count = statements
      statements = 0
      return count
    }
    use(new Store(sql), () => new Store(storage.sql), asked)
  })
}

function channel(group: string): ChannelRecord {
  return { group, generation: 1, agent: 'a', instance: 'i', open: true, handshake: undefined, movedAtMs: 0, owner: undefined }
}

test('SessionRows.count() counts sessions that begin and end, and reads the rows once', async () => {
  await withStore((store, again, asked) => {
    const start = (id: string): unknown => store.sessions.start(id, 'p', 'http', 1)
    start('before')
    expect(store.sessions.count()).toBe(1)
    for (const id of ['a', 'b', 'c']) start(id)
    for (const id of ['a', 'a', 'never was']) store.endSession(id)
    asked()
    expect([store.sessions.count(), asked()]).toEqual([3, 0])
    expect(again().sessions.count()).toBe(3)
  })
})

test('ChannelRows.get() asks once for a channel that there is none of, and finds it once it is opened', async () => {
  await withStore((store, again, asked) => {
    asked()
    expect([store.channels.get('g'), store.channels.get('g'), asked()]).toEqual([undefined, undefined, 1])
    store.channels.put(channel('g'))
    expect([store.channels.get('g'), again().channels.get('g')]).toEqual([channel('g'), channel('g')])
    store.channels.drop('g')
    expect([store.channels.get('g'), again().channels.get('g')]).toEqual([undefined, undefined])
    store.channels.put(channel('g'))
    expect(store.channels.get('g')).toEqual(channel('g'))
  })
})

test('ChannelRows.retire() forgets a group, and gives its next child a name that none had; the last row stays', async () => {
  verifies('promise.10.rows')
  await withStore((store, again) => {
    store.channels.put({ ...channel('m-a'), generation: 7 })
    expect(store.channels.retire({ ...channel('m-a'), generation: 7 })).toBe(false)
    store.channels.put(channel('m-b'))
    expect(store.channels.retire({ ...channel('m-a'), generation: 7 })).toBe(true)
    expect([store.channels.get('m-a'), store.channels.hasAny()]).toEqual([undefined, true])
    for (const one of [store, again()])
      expect(['m-a', 'm-b', 'm-new'].map((group) => one.channels.nextGeneration(group))).toEqual([8, 2, 8])
  })
})

test('what is asked of the rows for a message, a call or a session is found by an index', async () => {
  verifies('promise.10.rows')
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) => {
    const asked = new Map<string, number>()
    const sql = new Proxy(storage.sql, {
      get: (target, name) => {
        if (name !== 'exec') return Reflect.get(target, name) as unknown
        return (query: string, ...values: unknown[]) => {
          asked.set(query, values.length)
          return target.exec(query, ...values)
        }
      },
    })
    const store = new Store(sql)
    asked.clear()
    const kept = { body: new Uint8Array(1), idFrom: 0, idTo: 1, name: 'x:1' }
    store.sessions.start('s', 'p', 'http', 1)
    store.requests.begin('s', 'p', { ...kept, name: '' })
    store.requests.subscribers('x:1')
    store.requests.hasRoomFor('s', 'x:1', 1)
    store.requests.setLevel('s', kept, true)
    store.requests.bytesOf('p')
    store.sessions.countOf(['p'])
    store.sessions.idsOf(['p'])
    store.channels.openOn('a')
    store.channels.countOpenOn('a')
    store.bridge.parkedOn('g.1')
    store.bridge.takeParkedBefore(1)
    store.bridge.nextParkedMs()
    store.bridge.dropKept('s')
    store.bridge.dropKeptBefore(1)
    store.bridge.nextKeptMs()
    store.endSession('s')
    // Rows that are few for what they are, and read once; and values that stand in the query.
    const isFew = (detail: string): boolean => /^SCAN (CONSTANT ROW|sole|left_session|json_each)/.test(detail)
    const isOfOne = (query: string): boolean => /^SELECT \w+ FROM \w+ LIMIT 1$/.test(query)
    const scans = [...asked].flatMap(([query, values]) => {
      const given = Array.from({ length: values }, () => 'x')
      const plan = storage.sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...given).toArray()
      return plan.flatMap(({ detail }) => (detail.startsWith('SCAN') && !isFew(detail) && !isOfOne(query) ? [`${detail}: ${query}`] : []))
    })
    expect(asked.size).toBeGreaterThan(15)
    expect(scans).toEqual([])
  })
})

test('a share made before channels had owners goes on: ChannelRows.create() adds what its table lacks, and ChannelRows.owned() names who has one', async () => {
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) => {
    storage.sql.exec('DROP TABLE channel')
    storage.sql.exec(
      'CREATE TABLE channel (grp TEXT PRIMARY KEY, generation INTEGER NOT NULL, agent TEXT NOT NULL, instance TEXT NOT NULL, open INTEGER NOT NULL, handshake TEXT, moved_at_ms INTEGER NOT NULL) WITHOUT ROWID',
    )
    storage.sql.exec("INSERT INTO channel VALUES ('old', 1, 'a', 'i', 1, NULL, 0)")
    const { channels } = new Store(storage.sql)
    expect(channels.get('old')).toEqual(channel('old'))
    channels.put({ ...channel('new'), owner: 'client:1' })
    channels.put({ ...channel('closed'), owner: 'client:1', open: false })
    expect(channels.owned()).toEqual([{ group: 'new', owner: 'client:1' }])
    expect(new Store(storage.sql).channels.get('new')?.owner).toBe('client:1')
  })
})

test('TrustRows.share() is the one object that was written or read last', async () => {
  verifies('promise.10.memory')
  await runInDurableObject(stubOf(await createShare()), (_, { storage }) => {
    const rows = new TrustRows(storage.sql)
    const kept = rows.share()
    expect(kept).toMatchObject({ isPaused: false })
    expect(rows.share()).toBe(kept)
    const next = { ...kept, version: 99, isPaused: true } as KeptShareTrust
    rows.putShare(next)
    expect(rows.share()).toBe(next)
    expect(new TrustRows(storage.sql).share()).toEqual(next)
    rows.forget()
    expect(rows.share()).not.toBe(next)
    expect(rows.share()).toEqual(next)
  })
})
