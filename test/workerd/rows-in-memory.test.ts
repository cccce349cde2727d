/** What the Share remembers of its rows says the same as the rows, and saves reading them. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import type { ChannelRecord } from '../../worker/share/rows/channel-rows.ts'
import { Store } from '../../worker/share/rows/store.ts'
import { createShare, stubOf } from './harness/relay.ts'

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
  return { group, generation: 1, agent: 'a', instance: 'i', open: true, handshake: undefined, movedAtMs: 0 }
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
