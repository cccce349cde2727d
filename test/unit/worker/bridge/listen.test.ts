import { describe, expect, test } from 'vitest'
import {
  acknowledgement,
  honouredFilter,
  isWanted,
  listenResult,
  readFilter,
  subscriptionChanges,
  subscriptionEdits,
} from '../../../../worker/bridge/listen.ts'
import { MAX_LISTEN_BYTES } from '../../../../worker/limits.ts'
import { editedBy } from './bytes.ts'

describe('readFilter()', () => {
  test('keeps what is asked for, each URI once, and ignores the rest', () => {
    const notifications = { toolsListChanged: true, promptsListChanged: false, resourceSubscriptions: ['a:1', 'a:1'], taskIds: ['t'] }
    expect(readFilter({ notifications })).toEqual({ ok: true, value: { toolsListChanged: true, resourceSubscriptions: ['a:1'] } })
  })

  test.each([
    [{}],
    [{ notifications: [] }],
    [{ notifications: { toolsListChanged: 'yes' } }],
    [{ notifications: { resourceSubscriptions: 'a:1' } }],
    [{ notifications: { resourceSubscriptions: [1] } }],
    [{ notifications: { resourceSubscriptions: Array.from({ length: 1001 }, (_, at) => `a:${at}`) } }],
  ])('refuses %j', (params) => {
    expect(readFilter(params)).toMatchObject({ ok: false, error: { code: 'PARAMS_INVALID' } })
  })

  test('refuses more bytes of URIs than MAX_LISTEN_BYTES: they are one row', () => {
    const resourceSubscriptions = [`a:${'b'.repeat(MAX_LISTEN_BYTES)}`]
    expect(readFilter({ notifications: { resourceSubscriptions } })).toMatchObject({ ok: false, error: { code: 'PARAMS_INVALID' } })
  })
})

test.each([
  [{}, {}],
  [{ tools: {}, prompts: { listChanged: false }, resources: {} }, {}],
  [{ tools: { listChanged: true } }, { toolsListChanged: true }],
  [{ resources: { subscribe: true } }, { resourceSubscriptions: ['a:1'] }],
  [
    { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } },
    { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['a:1'] },
  ],
])('honouredFilter() of a server with %j is %j', (capabilities, honoured) => {
  const asked = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['a:1'] } as const
  expect(honouredFilter(asked, capabilities)).toEqual(honoured)
})

test.each(['1', '"1"', '"listen:0"', '1.0'])(
  'acknowledgement(), listenResult() and subscriptionEdits() give the id %s as it was sent',
  (rawId) => {
    const mark = `"io.modelcontextprotocol/subscriptionId":${rawId}`
    expect(acknowledgement(rawId, { toolsListChanged: true })).toBe(
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{${mark}},"notifications":{"toolsListChanged":true}}}`,
    )
    expect(listenResult(rawId)).toBe(`{"resultType":"complete","_meta":{${mark}}}`)
    const stamped = (text: string): string => editedBy(text, (bytes) => subscriptionEdits(bytes, rawId))
    expect(stamped('{"method":"m"}')).toBe(`{"params":{"_meta":{${mark}}},"method":"m"}`)
    expect(stamped('{"method":"m","params":{}}')).toBe(`{"method":"m","params":{"_meta":{${mark}}}}`)
    expect(stamped('{"params":{"uri":"a:1","_meta":{"k":1.0}}}')).toBe(`{"params":{"uri":"a:1","_meta":{${mark},"k":1.0}}}`)
    expect(stamped('{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":9}}}')).toBe(`{"params":{"_meta":{${mark}}}}`)
  },
)

test.each([
  ['notifications/tools/list_changed', undefined, true],
  ['notifications/prompts/list_changed', undefined, false],
  ['notifications/message', undefined, false],
  ['notifications/progress', undefined, false],
  ['notifications/resources/updated', 'file:///a', true],
  ['notifications/resources/updated', 'file:///a/part', true],
  ['notifications/resources/updated', 'file:///a#part', true],
  ['notifications/resources/updated', 'file:///ab', false],
  ['notifications/resources/updated', 'file:///dir/x', true],
  ['notifications/resources/updated', 'file:///other', false],
  ['notifications/resources/updated', undefined, false],
])('isWanted() of %s with uri %s is %s', (method, uri, expected) => {
  const filter = { toolsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///dir/'] } as const
  expect(isWanted(filter, method, uri)).toBe(expected)
})

test('subscriptionChanges() subscribes for the first listen and unsubscribes after the last', () => {
  const one = { resourceSubscriptions: ['a', 'b'] }
  const two = { resourceSubscriptions: ['b', 'c'] }
  expect(subscriptionChanges([], [one])).toEqual({ subscribe: ['a', 'b'], unsubscribe: [] })
  expect(subscriptionChanges([one], [one, two])).toEqual({ subscribe: ['c'], unsubscribe: [] })
  expect(subscriptionChanges([one, two], [two])).toEqual({ subscribe: [], unsubscribe: ['a'] })
  expect(subscriptionChanges([two, {}], [])).toEqual({ subscribe: [], unsubscribe: ['b', 'c'] })
})
