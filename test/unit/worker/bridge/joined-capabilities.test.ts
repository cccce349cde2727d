import { expect, test } from 'vitest'
import { splice } from '../../../../protocol/splice.ts'
import { joinedCapabilities, joinedCapabilityEdits } from '../../../../worker/bridge/joined-capabilities.ts'
import { verifies } from '../../../requirements/verifies.ts'

const OFFERED = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } }

test('joinedCapabilities() offers the lists of all, beside what the server can do', () => {
  verifies('promise.serves.one-list')
  expect(joinedCapabilities({})).toEqual(OFFERED)
  expect(joinedCapabilities({ logging: {}, resources: { subscribe: true } })).toEqual({
    ...OFFERED,
    logging: {},
    resources: { subscribe: true, listChanged: true },
  })
})

test('joinedCapabilityEdits() writes that into an answer, and nothing else; into an error nothing', () => {
  verifies('promise.serves.one-list')
  const text = '{"jsonrpc":"2.0","id":0,"result":{"n":1.0,"capabilities":{"tools":{}},"serverInfo":{}}}'
  const body = new TextEncoder().encode(text)
  const told = new TextDecoder().decode(splice(body, joinedCapabilityEdits(body)))
  expect(told).toBe(text.replace('{"tools":{}}', JSON.stringify(OFFERED)))
  expect(joinedCapabilityEdits(new TextEncoder().encode('{"jsonrpc":"2.0","id":0,"error":{"code":1}}'))).toEqual([])
})
