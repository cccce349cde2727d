import { expect, test } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { isFinal, type Item, responseItem } from '../../../../../worker/mcp/call/item.ts'

const PLACE = { ch: 'c.1', n: 1, at: 0, size: 2, key: 'k', ra: 'ck' }

function frame(header: AgentFrame, size: number): Item {
  return { kind: 'frame', header, body: new Uint8Array(size), restarted: false }
}

test.each<[string, Item, boolean]>([
  ['a whole answer', frame({ ...PLACE, type: 'answer', id: [0, 1], failed: false }, 2), true],
  ['the first part of an answer', frame({ ...PLACE, type: 'answer', id: [0, 1], failed: false }, 1), false],
  ['a chunk', frame({ type: 'chunk', ch: 'c.1', n: 1, at: 0, offset: 1, last: true }, 1), false],
  ['a notification', frame({ ...PLACE, type: 'notification', method: 'm' }, 2), false],
  ['a failure of the agent', frame({ type: 'failed', ch: 'c.1', key: 'k', ra: 'ck', code: 'CHILD_DIED', executed: 'no' }, 0), true],
  ['a failure of the relay', { kind: 'failed', failure: { code: 'INTERNAL' } }, true],
  ['a response of the relay', responseItem('{}'), true],
  ['a result of the relay', { kind: 'result', result: '{}' }, true],
  ['a message of the relay', { kind: 'message', text: '{}' }, false],
])('isFinal() of %s is %s', (_what, item, expected) => {
  expect(isFinal(item)).toBe(expected)
})
