/** What the share keeps of its rows in memory must say the same as the rows. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { type ChannelRecord, Store } from '../../worker/share/rows/store.ts'
import { createShare, stubOf } from './relay.ts'

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

test('Store.sessionCount counts sessions that begin and end, and reads the rows once', async () => {
  await withStore((store, again, asked) => {
    const start = (id: string): unknown => store.startSession(id, 'p', 'http', 1)
    start('before')
    expect(store.sessionCount()).toBe(1)
    for (const id of ['a', 'b', 'c']) start(id)
    for (const id of ['a', 'a', 'never was']) store.endSession(id)
    asked()
    expect([store.sessionCount(), asked()]).toEqual([3, 0])
    expect(again().sessionCount()).toBe(3)
  })
})

test('Store.channel asks once for a channel that there is none of, and finds it once it is opened', async () => {
  await withStore((store, again, asked) => {
    asked()
    expect([store.channel('g'), store.channel('g'), asked()]).toEqual([undefined, undefined, 1])
    store.putChannel(channel('g'))
    expect([store.channel('g'), again().channel('g')]).toEqual([channel('g'), channel('g')])
    store.dropChannel('g')
    expect([store.channel('g'), again().channel('g')]).toEqual([undefined, undefined])
    store.putChannel(channel('g'))
    expect(store.channel('g')).toEqual(channel('g'))
  })
})
