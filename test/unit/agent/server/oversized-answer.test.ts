import { expect, test } from 'vitest'
import { oversizedAnswerId } from '../../../../agent/server/oversized-answer.ts'

/** Both ends of a line, as if the middle had been thrown away. */
function idOf(line: string, headBytes = 60, tailBytes = 60): string | undefined {
  const bytes = Buffer.from(line)
  return oversizedAnswerId(bytes.subarray(0, headBytes), bytes.subarray(-tailBytes))
}

const FILL = 'x'.repeat(500)

test.each([
  ['at the start', `{"jsonrpc":"2.0","id":7,"result":{"t":"${FILL}"}}`, '7'],
  ['a string at the start', `{"jsonrpc":"2.0","id":"a\\"b","result":{"t":"${FILL}"}}`, '"a\\"b"'],
  ['at the end', `{"result":{"t":"${FILL}"},"jsonrpc":"2.0","id":7}`, '7'],
  ['at the end, before the version', `{"result":{"t":"${FILL}"},"id":"é" , "jsonrpc":"2.0"}  `, '"é"'],
  ['at the end of an error', `{"jsonrpc":"2.0","error":{"t":"${FILL}"},"id":-1.5e3}`, '-1.5e3'],
])('oversizedAnswerId() finds the id %s', (_, line, id) => {
  expect(idOf(line)).toBe(id)
})

test.each([
  ['is a request', `{"jsonrpc":"2.0","id":7,"method":"m","params":{"t":"${FILL}"}}`],
  ['is a request with its id at the end', `{"jsonrpc":"2.0","method":"m","params":{"t":"${FILL}"},"id":7}`],
  ['is a notification', `{"method":"m","params":{"t":"${FILL}"}}`],
  ['ends inside its result', `{"result":{"t":"${FILL}","id":7},"jsonrpc":"2.0"}`],
  ['only speaks of an id in its text', `{"result":{"t":"${FILL},\\"id\\":7}"}}`],
  ['is no JSON', `${FILL},"id":7}`],
])('oversizedAnswerId() finds none where the line %s', (_, line) => {
  expect(idOf(line)).toBeUndefined()
})
