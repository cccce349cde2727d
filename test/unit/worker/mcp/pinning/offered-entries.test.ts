import { expect, test } from 'vitest'
import type { PinKind } from '../../../../../protocol/policy/pins.ts'
import { MAX_PINS } from '../../../../../protocol/policy/pins.ts'
import type { ServerEntry } from '../../../../../worker/contract/pinned-server.ts'
import { OfferedEntries } from '../../../../../worker/mcp/pinning/offered-entries.ts'
import { MAX_OFFERED_NAME_BYTES, MAX_OFFERED_TEXT_BYTES } from '../../../../../worker/trust-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function entry(kind: PinKind, name: string, text = '{}'): ServerEntry {
  return { kind, name, digest: `of ${name.slice(0, 9)}`, text, isReadOnly: false }
}

test('OfferedEntries has each entry once, whatever era it was listed in', () => {
  const offered = new OfferedEntries()
  for (const name of ['a', 'b', 'a']) offered.add(entry('tools', name))
  offered.add(entry('prompts', 'a'))
  expect(offered.all.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['tools a', 'tools b', 'prompts a'])
  expect(offered.cut).toEqual([])
})

test.each([
  ['more than MAX_PINS of a kind', MAX_PINS + 1, 10],
  ['more than MAX_OFFERED_NAME_BYTES of names', 5, MAX_OFFERED_NAME_BYTES / 2 / 4],
])('OfferedEntries takes no %s, and the same of the others', (_what, count, chars) => {
  verifies('promise.11.pinned-bounded')
  const offered = new OfferedEntries()
  for (const kind of ['resources', 'tools'] as const) {
    for (let n = 0; n < count; n++) offered.add(entry(kind, String(n).padEnd(chars)))
    expect([offered.isCut(kind), offered.isCut('prompts')]).toEqual([true, false])
  }
  expect(offered.all).toHaveLength(2 * (count - 1))
})

test('OfferedEntries leaves out texts beyond MAX_OFFERED_TEXT_BYTES, and keeps their entries', () => {
  verifies('promise.11.pinned-bounded')
  const offered = new OfferedEntries()
  const text = 'x'.repeat(MAX_OFFERED_TEXT_BYTES / 2 / 2)
  for (const name of ['a', 'b', 'c']) offered.add(entry('tools', name, text))
  expect(offered.all.map((one) => one.text.length)).toEqual([text.length, text.length, 0])
  expect(offered.cut).toEqual([])
})
