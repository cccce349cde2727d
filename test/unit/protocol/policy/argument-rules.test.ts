import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ArgumentRule, keepsArgumentRules, readArgumentRule } from '../../../../protocol/policy/argument-rules.ts'
import { readArguments } from '../../../../protocol/policy/read-arguments.ts'

function rule(text: string): ArgumentRule {
  const read = readArgumentRule(text)
  if (!read.ok) throw new Error(read.error)
  return read.value
}

/** Whether a call with these arguments, as JSON text, keeps the rules. */
function keeps(rules: readonly string[], tool: string, args: string): boolean {
  const message = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":${args}}}`)
  return keepsArgumentRules(rules.map(rule), tool, readArguments(message))
}

const DOCS = ['read_file(path^=/home/me/docs)']

test.each([
  ['read_file(path^=/home/me/docs)', [{ name: 'path', op: '^=', value: '/home/me/docs' }]],
  [
    ' read_*( path ^= /a , mode = r ) ',
    [
      { name: 'path', op: '^=', value: '/a' },
      { name: 'mode', op: '=', value: 'r' },
    ],
  ],
  ['query(sql="select 1, \\"x\\" )")', [{ name: 'sql', op: '=', value: 'select 1, "x" )' }]],
  ['t(a=x y)', [{ name: 'a', op: '=', value: 'x y' }]],
])('readArgumentRule() reads %s', (text, conditions) => {
  expect(rule(text).conditions).toEqual(conditions)
})

test.each([
  '',
  'read_file',
  'read_file()',
  'read_file(path)',
  'read_file(path=)',
  '(path=/a)',
  't(a=1',
  't(a=1,)',
  't(a=1,,b=2)',
  't(a="x)',
  't(p^=/a/../b)',
  't(p^=/a%2e)',
])('readArgumentRule() refuses %j and says so', (text) => {
  expect(readArgumentRule(text)).toMatchObject({ ok: false, error: expect.stringMatching(/./) as string })
})

test('readArgumentRule() never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('t', '(', ')', '=', '^', ',', '"', '\\', ' ', '/', '.'), maxLength: 30 }), (text) => {
      readArgumentRule(text)
    }),
  )
})

test.each(['/home/me/docs', '/home/me/docs/', '/home/me/docs/a/b.txt', '/home/me/docs/a b'])('a path rule lets %s through', (path) => {
  expect(keeps(DOCS, 'read_file', JSON.stringify({ path }))).toBe(true)
})

test.each([
  ['a sibling with the same beginning', '{"path":"/home/me/docs2/x"}'],
  ['a way out', '{"path":"/home/me/docs/../.ssh/id"}'],
  ['a way out in look-alike dots', '{"path":"/home/me/docs/\u2025/x"}'],
  ['a percent sign', '{"path":"/home/me/docs/%2e%2e/x"}'],
  ['a backslash', '{"path":"/home/me/docs\\\\..\\\\x"}'],
  ['a NUL', '{"path":"/home/me/docs/x\\u0000.txt"}'],
  ['no argument', '{}'],
  ['null', '{"path":null}'],
  ['a list', '{"path":["/home/me/docs"]}'],
  ['a key that stands twice', '{"path":"/home/me/docs","path":"/etc/passwd"}'],
  ['a key that stands twice, once in escapes', '{"path":"/home/me/docs","\\u0070ath":"/etc/passwd"}'],
  ['a key that folds onto it', '{"path":"/home/me/docs","Path":"/etc/passwd"}'],
  ['a look-alike alone', '{"ｐath":"/home/me/docs"}'],
  ['no object', '["/home/me/docs"]'],
])('a path rule refuses %s', (_name, args) => {
  expect(keeps(DOCS, 'read_file', args)).toBe(false)
})

test('a path rule refuses a second `arguments` that some reader would take', () => {
  const message = Buffer.from(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"/home/me/docs"},"Arguments":{"path":"/etc"}}}',
  )
  expect(readArguments(message)).toBeUndefined()
  expect(keepsArgumentRules(DOCS.map(rule), 'read_file', undefined)).toBe(false)
})

test('rules for one tool are alternatives, conditions of one rule all hold, and a tool without a rule is free', () => {
  const rules = ['read_*(path^=/a)', 'read_file(path^=/b, mode=r)']
  expect(keeps(rules, 'read_file', '{"path":"/a/x"}')).toBe(true)
  expect(keeps(rules, 'read_file', '{"path":"/b/x"}')).toBe(false)
  expect(keeps(rules, 'read_file', '{"path":"/b/x","mode":"r"}')).toBe(true)
  expect(keeps(rules, 'read_dir', '{"path":"/b/x","mode":"r"}')).toBe(false)
  expect(keeps(rules, 'other', '[1]')).toBe(true)
})

test('a path rule lets no path through that a resolver would take out of the root', () => {
  const piece = fc.constantFrom('..', '.', 'docs', 'x', '', '%2e', '\\', '․․', 'home')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const path = `/home/me/docs/${pieces.join('/')}`
      if (!keeps(DOCS, 'read_file', JSON.stringify({ path }))) return
      expect(new URL(`file://${path.normalize('NFKC')}`).pathname.startsWith('/home/me/docs')).toBe(true)
    }),
  )
})

test('rules cost no more than a look at each argument, however long its name or value is', () => {
  const long = 'x'.repeat(8000)
  const args = Array.from({ length: 1000 }, (_, index) => [`é${index}${long}`, 'v'] as const)
  const rules = Array.from({ length: 100 }, () => rule('t(a=b)'))
  const path = `/a/${'é'.repeat(4_000_000)}`
  const startMs = performance.now()
  expect(keepsArgumentRules(rules, 't', args)).toBe(false)
  expect(keepsArgumentRules([rule(`t(${Array(16).fill('p^=/a').join()})`)], 't', [['p', path]])).toBe(false)
  expect(performance.now() - startMs).toBeLessThan(1000)
})
