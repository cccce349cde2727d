import { expect, test } from 'vitest'
import { readElements } from '../../../../protocol/json/array-elements.ts'

const encoder = new TextEncoder()

test.each([
  ['[1, {"a":2} ,"x"]', ['1', '{"a":2}', '"x"'], true],
  ['[ ]', [], true],
  ['[{"a":1},{"a"', ['{"a":1}'], false],
  ['[1 2]', ['1'], false],
  ['[1,]', ['1'], false],
  ['{"a":1}', [], false],
  ['', [], false],
])('readElements() of %s gives the elements before a cut, and whether it is whole', (text, elements, isWhole) => {
  const told = readElements(encoder.encode(text), 0)
  expect([told.elements.map((span) => text.slice(...span)), told.isWhole]).toEqual([elements, isWhole])
})
