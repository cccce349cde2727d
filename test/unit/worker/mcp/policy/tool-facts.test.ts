import { describe, expect, test } from 'vitest'
import { knownSessionTools, learnSessionTools, ListedFacts } from '../../../../../worker/mcp/policy/tool-facts.ts'
import { isUnlisted, type ListTools } from '../../../../../worker/bridge/tool-pages.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { pageOf } from '../../list-page.ts'
import { MAX_CACHED_TOOL_BYTES, MAX_LISTED_ENTRIES, MAX_LISTED_NAME_BYTES } from '../../../../../worker/trust-limits.ts'

const HARMLESS = { readOnlyHint: true, destructiveHint: false }

function listed(tools: readonly object[], more: object = {}) {
  const page = pageOf({ tools, ...more })
  if (page === undefined) throw new Error('there is no page')
  return page
}

function named(from: number, count: number, length = 0): object[] {
  return Array.from({ length: count }, (_, at) => ({ name: `t${from + at}`.padEnd(length, '-'), annotations: HARMLESS }))
}

describe('ListedFacts', () => {
  test('knows no more than MAX_LISTED_ENTRIES of a list, and says so', async () => {
    verifies('promise.10.memory')
    const facts = new ListedFacts()
    await facts.note(listed(named(0, MAX_LISTED_ENTRIES)))
    expect([facts.isCut, facts.get('t0')?.isReadOnly]).toEqual([false, true])
    await facts.note(listed(named(MAX_LISTED_ENTRIES, 2)))
    expect([facts.isCut, facts.get(`t${MAX_LISTED_ENTRIES}`)]).toEqual([true, undefined])
  })

  test('knows no more than MAX_LISTED_NAME_BYTES of names', async () => {
    verifies('promise.10.memory')
    const facts = new ListedFacts()
    const length = 100_000
    for (let n = 0; n < 30; n++) await facts.note(listed(named(n, 1, length)))
    expect([facts.isCut, facts.bytes <= MAX_LISTED_NAME_BYTES + 30 * 1_000]).toEqual([true, true])
    expect([facts.get('t0'.padEnd(length, '-')), facts.get('t29'.padEnd(length, '-'))]).toEqual([expect.anything(), undefined])
  })

  test('heeds what is said worse of a tool that it knows, also where there is no more room', async () => {
    const facts = new ListedFacts()
    await facts.note(listed(named(0, MAX_LISTED_ENTRIES + 1)))
    expect(facts.get('t1')).toMatchObject({ isReadOnly: true, digest: expect.any(String) })
    await facts.note(listed([{ name: 't1' }]))
    expect(facts.get('t1')).toEqual({ isReadOnly: false, isDestructive: true })
  })

  test.each([
    ['a page that can be read in two ways', '{"jsonrpc":"2.0","id":0,"result":{"tools":[],"tools":[]}}', {}],
    ['a last page that names another', '{"jsonrpc":"2.0","id":0,"result":{"tools":[]}}', { nextCursor: 'b' }],
  ])('says that a list with %s has more', async (_what, answer, result) => {
    const facts = new ListedFacts()
    await facts.note({ result, answer: new TextEncoder().encode(answer) })
    expect(facts.isCut).toBe(true)
  })
})

describe('learnSessionTools()', () => {
  /** A list with as much of names as is known of one. */
  const [MANY, LONG] = [MAX_LISTED_NAME_BYTES / 2 / 1024, 1024]
  const learn = async (session: string, tools: readonly object[], method: 'tools/list' | 'prompts/list' = 'tools/list') => {
    const learned = await learnSessionTools('s', session, { method, version: 'v' }, () => Promise.resolve(listed(tools)))
    if (isUnlisted(learned)) throw new Error('there is no list')
    return learned
  }

  test('remembers nothing of a list that could not be asked for to its end, and says why', async () => {
    verifies('promise.7.list-failure')
    const failure = { code: 'SERVER_UNREACHABLE', executed: 'no' } as const
    const page = listed(named(0, 1), { nextCursor: 'b' })
    const list: ListTools = (cursor) => Promise.resolve(cursor === undefined ? page : failure)
    expect(await learnSessionTools('s', 'half', { method: 'tools/list', version: 'v' }, list)).toBe(failure)
    expect(knownSessionTools('s', 'half', 'tools/list')).toBeUndefined()
  })

  test('forgets the session that was listed longest ago, once all have more than MAX_CACHED_TOOL_BYTES', async () => {
    verifies('promise.10.memory')
    const tools = named(0, MANY, LONG)
    const { tools: first } = await learn('a', tools)
    const fitting = Math.floor(MAX_CACHED_TOOL_BYTES / (first as ListedFacts).bytes)
    for (let n = 1; n < fitting; n++) await learn(`b${n}`, tools)
    expect(knownSessionTools('s', 'a', 'tools/list')).toBeDefined()
    await learn('c', tools)
    expect(knownSessionTools('s', 'a', 'tools/list')).toBeUndefined()
    for (const session of ['b1', 'c'])
      expect(knownSessionTools('s', session, 'tools/list')?.tools.get('t7'.padEnd(LONG, '-'))).toBeDefined()
  })

  test('counts all lists of a session', async () => {
    const tools = named(0, MANY, LONG)
    for (const session of ['d', 'e', 'f']) await learn(session, tools)
    await learn('d', tools, 'prompts/list')
    expect(['tools/list', 'prompts/list'].map((method) => knownSessionTools('s', 'd', method as 'tools/list'))).toEqual([
      expect.anything(),
      expect.anything(),
    ])
    expect(knownSessionTools('s', 'e', 'tools/list')).toBeUndefined()
  })
})
