/** Servers that offer more than can be listed, handed over or pinned: the rest is held back, never let through, and their owner is told. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MAX_PINS } from '../../../protocol/policy/pins.ts'
import { MAX_TOOL_PAGES } from '../../../worker/limits.ts'
import { EntryRows } from '../../../worker/share/rows/entry-rows.ts'
import { MAX_ENTRY_NAMES_CHARS } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { type Asked, LOOK, type Offer, OfferingAgent, POISONED } from '../harness/offering-agent.ts'
import { order } from '../harness/orders.ts'
import { asked, begin, OFFER, pinned, shownWhen } from '../harness/scenes/pinned-share.ts'
import { createShare, stubOf, type TestShare } from '../harness/relay.ts'

/** Two bytes, in JSON and over RPC. */
const WIDE = 'ж'
/** So many tools with descriptions of 40,000 characters are 48 MB. */
const HEAVY = 600
/** Some 1 MB. */
const HEAVY_PAGE = 12

type Tools = readonly { readonly name: string }[]

afterEach(() => {
  vi.restoreAllMocks()
})

function tools(count: number, chars = 0): Tools {
  return Array.from({ length: count }, (_, at) => ({ ...LOOK, name: `look${at}`, description: WIDE.repeat(chars) }))
}

/** A server whose list comes in pages of so many entries. */
function offering(member: 'tools' | 'resources', entries: readonly object[], size: number): Offer {
  const page = ({ cursor }: Asked['params']): object => {
    const from = Number(cursor ?? 0)
    const isMore = from + size < entries.length
    return { [member]: entries.slice(from, from + size), ...(isMore ? { nextCursor: String(from + size) } : {}) }
  }
  return { ...OFFER, results: { [`${member}/list`]: page } }
}

/** As `pinned()`, of a server whose listing takes a while: its process ends when it is over. */
async function whenListed(offer: Offer, hello: object): Promise<{ readonly share: TestShare; readonly agent: OfferingAgent }> {
  const share = await createShare({ pinning: 'on' })
  const agent = await OfferingAgent.connect(share, offer, hello)
  await agent.until(() => agent.closed.length > 0)
  await shownWhen(share, ({ unpinned }) => unpinned !== undefined)
  return { share, agent }
}

function call(share: TestShare, name: string): Promise<unknown> {
  return begin(share).then((client) => asked(client, 'tools/call', { name, arguments: {} }))
}

function problemWith(...kinds: readonly string[]): object {
  return { listing_problem: { code: 'LISTING_TOO_LARGE', message: expect.stringContaining('held back') as string, kinds } }
}

describe.each([
  ['legacy', {}],
  ['modern', { era: 'modern' }],
] as const)('of a server of the %s era', (_era, hello) => {
  test('a listing that is larger than one RPC is pinned all the same: its owner is shown fewer texts', async () => {
    verifies('promise.11.pinned-bounded', 'promise.11.pinned-first')
    const heavy = tools(HEAVY, 40_000)
    const { share, agent } = await whenListed(offering('tools', heavy, HEAVY_PAGE), hello)
    const shown = await shownWhen(share, () => true)
    expect(shown).not.toHaveProperty('listing_problem')
    expect((shown['tools'] as { readonly state: string }[]).filter(({ state }) => state === 'pinned')).toHaveLength(HEAVY)
    expect(await call(share, `look${HEAVY - 1}`)).toMatchObject({ content: [] })
    agent.turn(offering('tools', [...heavy.slice(0, -1), { ...POISONED, name: `look${HEAVY - 1}` }], HEAVY_PAGE))
    expect(await call(share, `look${HEAVY - 1}`)).toBe('NOT_OFFERED')
  })

  test('of one list that is longer than anything that is looked into nothing passes, and the rest is pinned', async () => {
    verifies('promise.11.pinned-bounded')
    const logged = vi.spyOn(console, 'log')
    const { share } = await whenListed({ ...offering('tools', tools(120, 40_000), 120), prompts: [{ name: 'p' }] }, hello)
    expect(await shownWhen(share, () => true)).toMatchObject({ ...problemWith('tools'), tools: [], prompts: [{ state: 'pinned' }] })
    expect(await call(share, 'look0')).toBe('NOT_OFFERED')
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject(problemWith('tools'))
    const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)) as object)
    expect(lines).toContainEqual(expect.objectContaining({ event: 'pins.cut', code: 'LISTING_TOO_LARGE', kinds: 'tools' }))
  })
})

test('of a kind with more entries than can be pinned the rest is held back, and none is accepted beyond that', async () => {
  verifies('promise.11.pinned-bounded')
  const { share } = await pinned(offering('tools', tools(MAX_PINS + 1), 500))
  expect(await shownWhen(share, () => true)).toMatchObject(problemWith('tools'))
  expect(await call(share, `look${MAX_PINS - 10}`)).toMatchObject({ content: [] })
  expect(await call(share, `look${MAX_PINS}`)).toBe('NOT_OFFERED')
})

test('a list in more pages than are read is pinned as far as it was, and one without an end too', async () => {
  verifies('promise.11.pinned-bounded')
  const { share } = await pinned(offering('tools', tools(MAX_TOOL_PAGES + 1), 1))
  expect(await shownWhen(share, () => true)).toMatchObject(problemWith('tools'))
  expect(await call(share, `look${MAX_TOOL_PAGES - 1}`)).toMatchObject({ content: [] })
  expect(await call(share, `look${MAX_TOOL_PAGES}`)).toBe('NOT_OFFERED')
})

test('very many resources leave room for the pins of all else, and what is not pinned of them is in no list', async () => {
  verifies('promise.11.pinned-bounded')
  const resources = Array.from({ length: MAX_PINS + 100 }, (_, at) => ({ uri: `file:///${at}`, name: `${at}` }))
  const { share, agent } = await pinned({ ...OFFER, resources })
  expect(await shownWhen(share, () => true)).toMatchObject({ ...problemWith('resources'), tools: [{ state: 'pinned' }] })
  const listed = (await asked(await begin(share), 'resources/list')) as { readonly resources: readonly object[] }
  // One tool, instructions and serverInfo are pinned besides.
  expect(listed.resources).toEqual(resources.slice(0, MAX_PINS - 3))
  agent.turn({ tools: [POISONED], resources })
  expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [] })
})

test('the owner of a server that does not answer is told, until it does', async () => {
  verifies('promise.11.pinned-bounded')
  const share = await createShare({ pinning: 'on' })
  const results = { 'tools/list': { tools: 'none' } }
  const agent = await OfferingAgent.connect(share, { ...OFFER, results: { ...results, initialize: [] } })
  expect(await shownWhen(share, ({ listing_problem: problem }) => problem !== undefined)).toMatchObject({
    listing_problem: { code: 'LISTING_FAILED', kinds: [] },
  })
  agent.turn(OFFER)
  await OfferingAgent.connect(share, OFFER, { instance: 'two' })
  expect(await shownWhen(share, ({ unpinned }) => unpinned !== undefined)).not.toHaveProperty('listing_problem')
})

test('EntryRows keep the newest names that one answer of RPC has room for, also in a table of an earlier relay', async () => {
  verifies('promise.11.pinned-bounded')
  await runInDurableObject(stubOf(await createShare()), (_, { storage: { sql } }) => {
    sql.exec(`
      CREATE TABLE server_entry (kind TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, text TEXT NOT NULL, read_only INTEGER NOT NULL, offered INTEGER NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (kind, name, digest));
      CREATE TABLE server_listing (one INTEGER PRIMARY KEY CHECK (one = 1), instance TEXT NOT NULL, listed_at_ms INTEGER NOT NULL);
      INSERT INTO server_listing VALUES (1, 'earlier', 1);
    `)
    const rows = new EntryRows(sql)
    expect([rows.instance, rows.cut()]).toEqual(['earlier', []])
    const long = 'n'.repeat(MAX_ENTRY_NAMES_CHARS / 4)
    for (let n = 0; n < 6; n++)
      rows.putSeen([{ kind: 'tools', name: `${n}${long.slice(1)}`, digest: `d${n}`, text: '', isReadOnly: false }], n)
    expect(
      rows
        .offered()
        .map(({ digest }) => digest)
        .toSorted(),
    ).toEqual(['d2', 'd3', 'd4', 'd5'])
    rows.putListing({ instance: 'now', sinceMs: 9 }, { entries: [], cut: ['tools', 'ui'] }, new Set(), 9)
    expect(new EntryRows(sql).cut()).toEqual(['tools', 'ui'])
  })
})
