import { expect, test } from 'vitest'
import { isJsonObject, parseObject } from '../../../selfhost/json.ts'

test('parseObject() gives the object that a text holds', () => {
  expect(parseObject(' {"a":[1]} ')).toEqual({ a: [1] })
})

test.each(['', '{', '[]', 'null', '1', '"{}"', '{"a":1} x'])('parseObject() gives nothing for %j', (text) => {
  expect(parseObject(text)).toBeUndefined()
})

test('isJsonObject() is false of lists and of null', () => {
  expect([{}, [], null, 'x', undefined].map(isJsonObject)).toEqual([true, false, false, false, false])
})
