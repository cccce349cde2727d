import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PolicyJudge } from '../../../../protocol/policy/judge.ts'
import { cutLists, noteTool, readToolPage } from '../../../../protocol/policy/list-cut.ts'
import { readPolicy } from '../../../../protocol/policy/policy.ts'

function judge(value: unknown): PolicyJudge {
  const read = readPolicy(value)
  if (!read.ok) throw new Error(read.error)
  return new PolicyJudge([read.value])
}

function cut(text: string, policy: unknown): string | undefined {
  const left = cutLists(Buffer.from(text), 0, judge(policy))
  return left === undefined ? undefined : Buffer.from(left).toString()
}

const READ = { access: 'read' }

test('cutLists() leaves every byte beside the hidden entries as it was', () => {
  const seen = '{ "big":12345678901234567890, "annotations" : {"readOnlyHint":true},"name":"a" , "x":1.0}'
  const hidden = '{"name":"b","annotations":{"readOnlyHint":false}}'
  expect(cut(`{ "tools" : [ ${hidden} ,\n ${seen} , ${hidden} ], "nextCursor":"c" }`, READ)).toBe(
    `{ "tools" : [ ${seen} ], "nextCursor":"c" }`,
  )
  expect(cut(`{"tools":[${hidden}]}`, READ)).toBe('{"tools":[]}')
  expect(cut(`{"tools":[${seen}]}`, READ)).toBe(`{"tools":[${seen}]}`)
})

test.each([
  ['prompts/list', '{"prompts":[{"name":"a"},{"name":"b"}]}', { prompts: { deny: ['b'] } }, '{"prompts":[{"name":"a"}]}'],
  ['resources/list', '{"resources":[{"uri":"x:/a"},{"uri":"y:/b"}]}', { resources: { allow: ['x:*'] } }, '{"resources":[{"uri":"x:/a"}]}'],
  [
    'resources/templates/list',
    '{"resourceTemplates":[{"uriTemplate":"x:/{a}"},{"uriTemplate":"y:/{b}"}]}',
    { resources: { allow: ['x:*'] } },
    '{"resourceTemplates":[{"uriTemplate":"x:/{a}"}]}',
  ],
] as const)('cutLists() of %s hides what its rule does not allow', (_method, text, policy, left) => {
  expect(cut(text, policy)).toBe(left)
})

test.each(['"tools"', 'null', '{"content":[{"type":"text","text":"tools"}],"structuredContent":{"tools":[{"name":"b"}]}}', '{"tools":[]}'])(
  'cutLists() leaves %s as it is',
  (text) => {
    expect(cut(text, READ)).toBe(text)
  },
)

test.each([
  ['a list that stands twice', '{"tools":[],"tools":[{"name":"secret"}]}'],
  ['a list beside one that looks like it', '{"tools":[],"Tools":[{"name":"secret"}]}'],
  ['a list that breaks off', '{"tools":[{"name":"a"}'],
  ['entries without a comma', '{"tools":[{"name":"a"}{"name":"b"}]}'],
  ['what is no list', '{"tools":{"name":"secret"}}'],
])('cutLists() gives nothing of %s', (_name, text) => {
  expect(cut(text, READ)).toBeUndefined()
})

test.each([
  ['that is no object', '"secret"'],
  ['without a name', '{"title":"x","annotations":{"readOnlyHint":true}}'],
  ['whose name stands twice', '{"name":"a","name":"b","annotations":{"readOnlyHint":true}}'],
  ['whose name has a look-alike', '{"name":"a","Name":"b","annotations":{"readOnlyHint":true}}'],
  ['whose hint stands twice', '{"name":"a","annotations":{"readOnlyHint":true,"readOnlyHint":false}}'],
  ['whose hint is no boolean', '{"name":"a","annotations":{"readOnlyHint":"true"}}'],
  ['whose annotations are null', '{"name":"a","annotations":null}'],
])('cutLists() hides an entry %s from who may only read', (_name, entry) => {
  expect(cut(`{"tools":[${entry}]}`, READ)).toBe('{"tools":[]}')
})

test('cutLists() leaves what JSON.parse and a filter leave', () => {
  const entry = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    annotations: fc.record({ readOnlyHint: fc.boolean() }),
    more: fc.jsonValue(),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), (tools) => {
      const text = JSON.stringify({ first: 1, tools, nextCursor: 'x' }, null, 1)
      const left = cut(text, { access: 'read', tools: { deny: ['b'] } })
      const kept = tools.filter(({ name, annotations }) => annotations.readOnlyHint && name !== 'b')
      expect(JSON.parse(left ?? '')).toEqual(JSON.parse(JSON.stringify({ first: 1, tools: kept, nextCursor: 'x' })))
    }),
  )
})

test('cutLists() and readToolPage() take any bytes without throwing', () => {
  const piece = fc.constantFrom('{', '}', '[', ']', '"tools"', ':', ',', '"name"', '"a"', '"\\', '\\u00', '1', 'null', '\ud800')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const bytes = Buffer.from(`{"tools":[${pieces.join('')}`)
      cutLists(bytes, 0, judge(READ))
      readToolPage(bytes, 0)
    }),
  )
})

test('readToolPage() reads what tools say of themselves, absent hints as the worse', () => {
  const text =
    '{"tools":[{"name":"a","annotations":{"readOnlyHint":true}},{"name":"b"},{"name":"c","annotations":{"destructiveHint":false}},{}],"nextCursor":"\\u0032"}'
  expect(readToolPage(Buffer.from(text), 0)).toEqual({
    tools: [
      { name: 'a', facts: { isReadOnly: true, isDestructive: true } },
      { name: 'b', facts: { isReadOnly: false, isDestructive: true } },
      { name: 'c', facts: { isReadOnly: false, isDestructive: false } },
    ],
    nextCursor: '2',
  })
})

test('noteTool() holds the worse of a tool that is listed twice', () => {
  const tools = new Map()
  noteTool(tools, { name: 'a', facts: { isReadOnly: true, isDestructive: false } })
  noteTool(tools, { name: 'a', facts: { isReadOnly: false, isDestructive: true } })
  noteTool(tools, { name: 'a', facts: { isReadOnly: true, isDestructive: false } })
  expect(tools.get('a')).toEqual({ isReadOnly: false, isDestructive: true })
})
