import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Judgement, PolicyJudge, type ToolFacts } from '../../../../protocol/policy/judge.ts'
import { type Policy, readPolicy } from '../../../../protocol/policy/policy.ts'

const READS: ToolFacts = { isReadOnly: true, isDestructive: true }
const ADDS: ToolFacts = { isReadOnly: false, isDestructive: false }
const SAYS_NOTHING: ToolFacts = { isReadOnly: false, isDestructive: true }

function policy(value: unknown): Policy {
  const read = readPolicy(value)
  if (!read.ok) throw new Error(read.error)
  return read.value
}

function judge(...values: unknown[]): PolicyJudge {
  return new PolicyJudge(values.map(policy))
}

test.each([
  ['read', READS, true],
  ['read', ADDS, false],
  ['read', SAYS_NOTHING, false],
  ['write', READS, true],
  ['write', ADDS, true],
  ['write', SAYS_NOTHING, false],
  ['admin', SAYS_NOTHING, true],
])('access %s of a tool that says %j: %s', (access, facts, expected) => {
  expect(judge({ access }).tool('any', facts)).toBe(expected)
})

test('a tool that is in no list is refused under any policy that bounds something', () => {
  expect(judge({ tools: { deny: ['x'] } }).tool('unlisted', undefined)).toBe(false)
  expect(judge({ hold: ['x'] }).tool('unlisted', undefined)).toBe(false)
  expect(judge({}).tool('unlisted', undefined)).toBe(true)
})

test('what is denied is so in every spelling, what is allowed in one', () => {
  const both = judge({ tools: { allow: ['read_*', 'write_*'], deny: ['write_*'] } })
  expect(both.tool('read_a', SAYS_NOTHING)).toBe(true)
  expect(both.tool('write_a', SAYS_NOTHING)).toBe(false)
  expect(both.tool('Read_a', SAYS_NOTHING)).toBe(false)
  expect(judge({ tools: { deny: ['write_*'] } }).tool('WriteA', SAYS_NOTHING)).toBe(false)
})

test.each([
  ['file:///docs/a', true],
  ['file:///docs/', true],
  ['file:///etc/passwd', false],
  ['file:///docs/../etc/passwd', false],
  ['file:///docs/%2e%2e/etc', false],
  ['file:///docs/%2E%2E/etc', false],
  ['file:///docs/..%2fetc', false],
  ['file:///docs\\..\\etc', false],
  ['file:///docs/\u2025/etc', false],
])('a rule on resources, of %s: %s', (uri, expected) => {
  expect(judge({ resources: { allow: ['file:///docs/*'] } }).resource(uri)).toBe(expected)
})

test('isOpen only where no policy has any bound', () => {
  expect(judge().isOpen).toBe(true)
  expect(judge({ access: 'admin' }, {}).isOpen).toBe(true)
  for (const bound of [{ access: 'write' }, { tools: {} }, { prompts: { deny: [] } }, { arguments: ['t(a=1)'] }, { hold: ['x'] }])
    expect(judge({}, bound).isOpen).toBe(false)
})

test('a call that is held is allowed by all, and held by one', () => {
  expect(judge({ hold: ['write_*'] }, {}).toolCall('write_a', READS, [])).toBe('held')
  expect(judge({ hold: ['write_*'] }, { access: 'read' }).toolCall('write_a', ADDS, [])).toBe('denied')
  expect(judge({ hold: ['write_*'] }).toolCall('read_a', READS, [])).toBe('allowed')
})

const name = fc.constantFrom('read_a', 'read_b', 'write_a', 'Write_A', 'delete')
const globs = fc.array(fc.constantFrom('*', 'read_*', 'write_*', 'delete', '*_a'), { maxLength: 3 })
const anyPolicy = fc.record(
  {
    access: fc.constantFrom('read', 'write', 'admin'),
    tools: fc.record({ allow: globs, deny: globs }, { requiredKeys: [] }),
    arguments: fc.array(fc.constantFrom('*(path^=/a)', 'read_*(path=/b)', 'delete(sure=yes)'), { maxLength: 2 }),
    hold: globs,
  },
  { requiredKeys: [] },
)
const anyFacts = fc.option(fc.record({ isReadOnly: fc.boolean(), isDestructive: fc.boolean() }), { nil: undefined })
const anyArgs = fc.option(fc.array(fc.tuple(fc.constantFrom('path', 'Path', 'sure'), fc.constantFrom('/a/x', '/b', 'yes', undefined))), {
  nil: undefined,
})
const STRICTNESS: Readonly<Record<Judgement, number>> = { allowed: 0, held: 1, denied: 2 }

test('PolicyJudge: one policy more never allows what fewer have refused', () => {
  fc.assert(
    fc.property(fc.array(anyPolicy, { maxLength: 3 }), anyPolicy, name, anyFacts, anyArgs, (some, more, tool, facts, args) => {
      const call = (all: readonly unknown[]): Judgement => judge(...all).toolCall(tool, facts, args)
      expect(STRICTNESS[call([...some, more])]).toBeGreaterThanOrEqual(STRICTNESS[call(some)])
      expect(STRICTNESS[call([more, ...some])]).toBe(STRICTNESS[call([...some, more])])
    }),
  )
})

test('what is too long for a pattern is neither allowed nor free of what is denied, and costs nothing to judge', () => {
  const glob = `*${'a'.repeat(1000)}b`
  const long = 'a'.repeat(8_000_000)
  const startMs = performance.now()
  expect(judge({ prompts: { deny: [glob] } }).prompt(long)).toBe(false)
  expect(judge({ resources: { deny: [glob] } }).resource(long)).toBe(false)
  expect(judge({ resources: { allow: ['*'] } }).resource(long)).toBe(false)
  expect(judge({ tools: { allow: ['*'] } }).tool(long, READS)).toBe(false)
  const ruled = judge({ arguments: [`${glob}(x=y)`] })
  expect(ruled.boundsArguments(long)).toBe(false)
  expect(ruled.toolCall(long, READS, [])).toBe('denied')
  expect(judge({ hold: [glob] }).toolCall(long, READS, [])).toBe('held')
  expect(performance.now() - startMs).toBeLessThan(1000)
})

test.each(['file:///%65tc/passwd', 'file:////etc/passwd', 'file:///etc%2Fpasswd', 'file:///e%74c/passwd', 'file:///%45TC/passwd'])(
  'a resource that is denied is so when it is spelled %s',
  (uri) => {
    expect(judge({ resources: { deny: ['file:///etc/*'] } }).resource(uri)).toBe(false)
  },
)

test('a URI with what must be encoded is judged by its text', () => {
  expect(judge({ resources: { allow: ['file:///docs/*'] } }).resource('file:///docs/a%20b%C3%A9%7B%23.txt')).toBe(true)
})

test('of a server with a name tools and prompts are judged by prefixed names, and resources by their URIs', () => {
  const read = readPolicy({
    tools: { deny: ['git__status'] },
    prompts: { allow: ['git__ask'] },
    resources: { deny: ['file:*'] },
    arguments: ['git__add(path=a)'],
    hold: ['git__push'],
  })
  if (!read.ok) throw new Error(read.error)
  const [git, own] = [new PolicyJudge([read.value], undefined, 'git'), new PolicyJudge([read.value])]
  expect([git.tool('status', READS), own.tool('status', READS), git.names('status')]).toEqual([false, true, false])
  expect([git.tool('git__status', READS), own.tool('git__status', READS)]).toEqual([true, false])
  expect([git.prompt('ask'), own.prompt('ask')]).toEqual([true, false])
  expect([git.resource('file:a'), own.resource('file:a')]).toEqual([false, false])
  expect([git.boundsArguments('add'), own.boundsArguments('add')]).toEqual([true, false])
  expect([git.toolCall('add', READS, [['path', 'b']]), own.toolCall('add', READS, [['path', 'b']])]).toEqual(['denied', 'allowed'])
  expect([git.toolCall('push', READS, []), own.toolCall('push', READS, [])]).toEqual(['held', 'allowed'])
  expect([git.nameOf('push'), own.nameOf('push')]).toEqual(['git__push', 'push'])
})

test.each([
  'file://docs__/etc/passwd',
  'docs__file:///etc/passwd',
  'a__b__file://docs__/etc/passwd',
  'docs__ui://app',
  'ui://b__app',
  'a__'.repeat(40),
])('a rule that forbids a URI forbids it with names of servers in it: %s', (uri) => {
  const bounded = judge({ resources: { deny: ['file:///etc/*', 'ui://*'] } })
  expect(bounded.resource(uri)).toBe(false)
  expect(bounded.resource('file://docs__/srv/x')).toBe(true)
  expect(judge({ tools: { deny: ['x'] } }).resource(uri)).toBe(true)
})
