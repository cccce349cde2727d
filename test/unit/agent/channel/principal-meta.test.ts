import { expect, test } from 'vitest'
import { withPrincipal } from '../../../../agent/channel/principal-meta.ts'
import { verifies } from '../../../requirements/verifies.ts'

const TOLD = '"mcp-edge/principal":"client:0"'

test.each([
  [
    '{"id":1.0,"method":"m","params":{"_meta":{"progressToken":1.0},"a":{}}}',
    `{"id":1.0,"method":"m","params":{"_meta":{${TOLD},"progressToken":1.0},"a":{}}}`,
  ],
  [' {"params": { "_meta" : { } , "a":1}}', ` {"params": { "_meta" : {${TOLD} } , "a":1}}`],
  ['{"params":{"a":{"_meta":{}}}}', `{"params":{"_meta":{${TOLD}},"a":{"_meta":{}}}}`],
  ['{"params":{}}', `{"params":{"_meta":{${TOLD}}}}`],
  ['{"method":"m","id":1}', `{"params":{"_meta":{${TOLD}}},"method":"m","id":1}`],
  ['{"params":[1]}', '{"params":[1]}'],
  ['{"params":{"_meta":7}}', '{"params":{"_meta":7}}'],
])('withPrincipal() writes it into %s', (body, told) => {
  verifies('promise.1.tells-principal')
  expect(Buffer.from(withPrincipal(Buffer.from(body), 'client:0')).toString()).toBe(told)
})
