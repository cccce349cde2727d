import { expect, test } from 'vitest'
import { requireNode } from '../../../agent/node-version.ts'

test('requireNode() refuses a Node that is too old in words that say which is needed, and takes any other', () => {
  expect(() => requireNode('20.19.5')).toThrow('this needs Node 22 or later, and is run by 20.19.5: update Node')
  expect(() => requireNode('22.0.0')).not.toThrow()
  expect(() => requireNode('100.1.0')).not.toThrow()
})
