import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { glance, scalarIn } from '../../../../../worker/bridge/json/glance.ts'
import { MAX_GLANCE_BYTES } from '../../../../../worker/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from '../bytes.ts'

const PARAMS = ['_meta', 'name', 'uri', 'taskId', 'cursor', 'level', 'protocolVersion', 'requestState', 'notifications']

describe('glance()', () => {
  test('sees of any message what JSON.parse sees of it, as far as it looks', () => {
    const params = fc.record(Object.fromEntries([...PARAMS, 'arguments', 'x'].map((key) => [key, fc.jsonValue()])), { requiredKeys: [] })
    const message = fc.record(
      { jsonrpc: fc.constant('2.0'), id: fc.oneof(fc.string(), fc.integer()), method: fc.string(), params, x: fc.jsonValue() },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(message, (whole) => {
        const { x: _, ...looked } = JSON.parse(JSON.stringify(whole))
        if (looked.params !== undefined) {
          delete looked.params.arguments
          delete looked.params.x
        }
        expect(glance(bytesOf(JSON.stringify(whole, undefined, 1)))).toEqual({ ok: true, value: looked })
      }),
    )
  })

  test.each([
    ['{"params":null}', { params: null }],
    ['{"params":[{},{}]}', { params: [] }],
    ['{"result":{"a":[]},"error":null}', { result: {}, error: null }],
    ['{"id":[1],"method":{"a":1}}', { id: {}, method: {} }],
    ['[{}]', {}],
    ['7', {}],
  ])('sees of %s what stands there', (text, value) => {
    expect(glance(bytesOf(text))).toEqual({ ok: true, value })
  })

  test('refuses by name an object that is longer than it may be, and takes a long text', () => {
    verifies('promise.10.small-heap', 'promise.10.named')
    const meta = `{"a":"${'x'.repeat(MAX_GLANCE_BYTES)}"}`
    expect(glance(bytesOf(`{"params":{"_meta":${meta}}}`))).toMatchObject({ error: { code: 'BODY_TOO_LARGE', at: 'params._meta' } })
    const state = 'x'.repeat(MAX_GLANCE_BYTES)
    expect(glance(bytesOf(`{"params":{"requestState":"${state}"}}`))).toEqual({ ok: true, value: { params: { requestState: state } } })
  })
})

describe('scalarIn()', () => {
  test.each([
    [['a', 'b'], 7],
    [['a', 'c'], undefined],
    [['a', 'd'], undefined],
    [['a', 'constructor'], undefined],
    [['e'], null],
    [['f', 'g'], undefined],
  ])('at %j gives %j', (path, value) => {
    expect(scalarIn(bytesOf('{"a":{"b":7,"c":[1],"d":{}},"e":null,"f":"g"}'), ...path)).toBe(value)
  })
})
