import { describe, expect, test } from 'vitest'
import { NOTHING_PINNED, type PinKind } from '../../../../../protocol/policy/pins.ts'
import type { ListingTask, ServerEntry } from '../../../../../worker/contract/pinned-server.ts'
import { ServerEntries } from '../../../../../worker/share/trust/server-entries.ts'
import { LISTING_MS, MAX_RELISTINGS, RELISTINGS_MS } from '../../../../../worker/trust-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const PINNED = '{"tools":["a"]}'
const ENTRY: ServerEntry = { kind: 'tools', name: 'look', digest: 'b', text: '{}', isReadOnly: false }

/** A share with an agent, as its entries see it. What is kept outlives their memory. */
class Stage {
  pins: string | undefined = NOTHING_PINNED
  agent: { readonly instance: string; readonly era: string; readonly sessionEra: string } | undefined = {
    instance: 'one',
    era: 'modern',
    sessionEra: 'legacy',
  }
  /** The process that was listed last, and what was kept. */
  instance: string | undefined
  kept: readonly ServerEntry[] = []
  cut: readonly PinKind[] = []
  seen: ServerEntry[] = []
  /** Sessions and groups that were ended. */
  readonly ended: string[] = []

  entries(): ServerEntries {
    return entriesOf(this)
  }
}

function entriesOf(stage: Stage): ServerEntries {
  const parts = {
    store: { settings: {}, sessions: { idsOf: () => ['s'] } },
    servedSets: { hasAny: false },
    links: {
      all: () => (stage.agent === undefined ? [] : [stage.agent]),
      withServer: () => (stage.agent === undefined ? [] : [stage.agent]),
      isLeaving: () => false,
    },
    news: { mark: 1, after: () => Promise.resolve(true) },
    channels: { close: (group: string) => void stage.ended.push(group) },
    sessions: { end: (id: string) => void stage.ended.push(id) },
    gate: {
      get pins() {
        return stage.pins
      },
    },
    rows: {
      get instance() {
        return stage.instance
      },
      putListing: ({ instance }: ListingTask, { entries, cut = [] }: { entries: readonly ServerEntry[]; cut?: readonly PinKind[] }) => {
        stage.instance = instance
        stage.kept = entries
        stage.cut = cut
      },
      cut: () => stage.cut,
      putSeen: (entries: readonly ServerEntry[]) => {
        const news = entries.filter(({ digest }) => stage.seen.every((entry) => entry.digest !== digest))
        stage.seen.push(...news)
        return news.length > 0
      },
      offered: () => stage.kept,
      all: () => ({ entries: [] }),
      forget: () => undefined,
    },
  }
  return new ServerEntries(parts as unknown as ConstructorParameters<typeof ServerEntries>[0])
}

describe('ServerEntries', () => {
  test('gives the order to list to one Worker at a time, in each era of the server, and again when that takes too long', async () => {
    verifies('promise.11.pinned-first')
    const stage = new Stage()
    const entries = stage.entries()
    const task = await entries.obey({ op: 'begin' }, 'l', 0)
    expect(task).toEqual({ sinceMs: 0, instance: 'one', eras: ['legacy', 'modern'] })
    expect(await entries.obey({ op: 'begin' }, 'l', LISTING_MS - 1)).toBeUndefined()
    expect(await entries.obey({ op: 'begin' }, 'l', LISTING_MS)).toMatchObject({ sinceMs: LISTING_MS })
    // What the first has left behind.
    expect(stage.ended).toEqual(['s', 'm-relay', 's', 'm-relay'])
  })

  test('gives none where pinning is off, without an agent, and for a process that was listed once something is pinned', async () => {
    verifies('promise.11.pinned-first', 'promise.11.pinned-off')
    const stage = new Stage()
    const begin = async (): Promise<unknown> => stage.entries().obey({ op: 'begin' }, 'l', 0)
    stage.instance = 'one'
    expect(await begin()).toBeDefined()
    stage.pins = PINNED
    expect(await begin()).toBeUndefined()
    stage.instance = 'another'
    expect(await begin()).toBeDefined()
    stage.agent = undefined
    expect(await begin()).toBeUndefined()
    stage.pins = undefined
    expect(await begin()).toBeUndefined()
  })

  test('keeps a listing though the object has slept since, but none of an agent that has gone or of who was too slow', async () => {
    verifies('promise.11.pinned-first')
    const stage = new Stage()
    const task = (await stage.entries().obey({ op: 'begin' }, 'l', 0)) ?? { sinceMs: 0, instance: '', eras: [] }
    await stage.entries().obey({ op: 'listed', task, entries: [ENTRY] }, 'l', 1)
    expect(stage.kept).toEqual([ENTRY])
    stage.kept = []
    const entries = stage.entries()
    await entries.obey({ op: 'begin' }, 'l', 2)
    await entries.obey({ op: 'listed', task, entries: [ENTRY] }, 'l', 3)
    expect(stage.kept).toEqual([])
    stage.agent = { instance: 'two', era: 'legacy', sessionEra: 'legacy' }
    await stage.entries().obey({ op: 'listed', task, entries: [ENTRY] }, 'l', 4)
    expect(stage.kept).toEqual([])
  })

  test('says why not all of the server is listed: too much of it, or no answer, until it is listed again', async () => {
    verifies('promise.11.pinned-bounded')
    const stage = new Stage()
    const entries = stage.entries()
    const list = async (op: 'listed' | 'failed', nowMs: number, cut: readonly PinKind[] = []): Promise<void> => {
      const task = (await entries.obey({ op: 'begin' }, 'l', nowMs)) ?? { sinceMs: 0, instance: '', eras: [] }
      await entries.obey(op === 'listed' ? { op, task, entries: [ENTRY], cut } : { op, task }, 'l', nowMs)
    }
    expect(entries.problem).toBeUndefined()
    await list('failed', 0)
    expect(entries.known().problem).toEqual({ code: 'LISTING_FAILED', kinds: [] })
    await list('listed', 1, ['tools'])
    expect(entries.problem).toEqual({ code: 'LISTING_TOO_LARGE', kinds: ['tools'] })
    await list('listed', 2)
    expect(entries.known()).toEqual({ entries: [] })
    stage.cut = ['tools']
    stage.pins = undefined
    expect(entries.problem).toBeUndefined()
  })

  test('has the server listed anew for what was not known, so often in so long a time', async () => {
    verifies('promise.11.pinned-bounded')
    const stage = new Stage()
    stage.pins = PINNED
    const entries = stage.entries()
    const see = async (digest: string, nowMs: number): Promise<ListingTask | undefined> => {
      const task = await entries.obey({ op: 'seen', entries: [{ ...ENTRY, digest }] }, 'l', nowMs)
      if (task !== undefined) await entries.obey({ op: 'failed', task }, 'l', nowMs)
      return task
    }
    for (let count = 0; count < MAX_RELISTINGS; count++) expect(await see(`d${count}`, count)).toBeDefined()
    expect(await see('one more', MAX_RELISTINGS)).toBeUndefined()
    expect(await see('one more', RELISTINGS_MS + 1)).toBeUndefined()
    expect(await see('later', RELISTINGS_MS + 1)).toBeDefined()
  })

  test('has a server that cannot be listed started for that so often in so long a time, and another process of the agent at once', async () => {
    verifies('promise.11.pinned-bounded')
    const stage = new Stage()
    const entries = stage.entries()
    const tryAt = async (nowMs: number): Promise<ListingTask | undefined> => {
      const task = await entries.obey({ op: 'begin' }, 'l', nowMs)
      // Who asks meanwhile uses nothing up.
      expect(await entries.obey({ op: 'begin' }, 'l', nowMs)).toBeUndefined()
      if (task !== undefined) await entries.obey({ op: 'failed', task }, 'l', nowMs)
      return task
    }
    for (let count = 0; count <= MAX_RELISTINGS; count++) expect(await tryAt(count)).toBeDefined()
    expect(await tryAt(MAX_RELISTINGS + 1)).toBeUndefined()
    stage.agent = { instance: 'two', era: 'legacy', sessionEra: 'legacy' }
    expect(await tryAt(MAX_RELISTINGS + 2)).toBeDefined()
    expect(await tryAt(MAX_RELISTINGS + 3)).toBeUndefined()
    expect(await tryAt(RELISTINGS_MS + MAX_RELISTINGS)).toBeDefined()
  })

  test('counts what is offered and not accepted', () => {
    verifies('promise.11.accepted')
    const stage = new Stage()
    stage.kept = [ENTRY, { ...ENTRY, digest: 'a' }, { ...ENTRY, kind: 'prompts' }]
    expect(stage.entries().held()).toBe(0)
    stage.pins = PINNED
    expect(stage.entries().held()).toBe(1)
  })
})
