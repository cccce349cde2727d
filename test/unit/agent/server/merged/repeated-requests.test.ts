import { expect, test } from 'vitest'
import { MERGED_SUBSCRIPTION_BYTES, MERGED_SUBSCRIPTIONS } from '../../../../../agent/limits.ts'
import { RepeatedRequests } from '../../../../../agent/server/merged/repeated-requests.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function said(repeated: RepeatedRequests, server: string, hasLogging = true): unknown[] {
  return repeated.of(server, hasLogging).map((bytes) => {
    const { method, params } = JSON.parse(Buffer.from(bytes).toString()) as { method: string; params: unknown }
    return [method, params]
  })
}

test('RepeatedRequests says the level and the subscriptions of a server, and of no other', () => {
  verifies('promise.merged.death')
  const repeated = new RepeatedRequests()
  repeated.setLevel('debug')
  for (const level of ['x'.repeat(1000), undefined]) repeated.setLevel(level)
  for (const [server, uri] of [
    ['a', 'x:1'],
    ['b', 'x:"2"'],
    ['a', 'x:3'],
  ] as const)
    repeated.subscribed(server, uri)
  repeated.unsubscribed('a', 'x:1')
  expect(said(repeated, 'a')).toEqual([
    ['logging/setLevel', { level: 'debug' }],
    ['resources/subscribe', { uri: 'x:3' }],
  ])
  expect(said(repeated, 'b', false)).toEqual([['resources/subscribe', { uri: 'x:"2"' }]])
  repeated.forget('b')
  expect(said(repeated, 'b', false)).toEqual([])
})

test('RepeatedRequests keeps MERGED_SUBSCRIPTIONS of them, of which the oldest give way', () => {
  const repeated = new RepeatedRequests()
  for (let n = 0; n <= MERGED_SUBSCRIPTIONS; n++) repeated.subscribed('a', `x:${n}`)
  const all = said(repeated, 'a')
  expect([all.length, all[0]]).toEqual([MERGED_SUBSCRIPTIONS, ['resources/subscribe', { uri: 'x:1' }]])
})

test('RepeatedRequests keeps MERGED_SUBSCRIPTION_BYTES of URIs, refuses one beyond, and has room again for what has ended', () => {
  const repeated = new RepeatedRequests()
  const half = (name: string): string => name.repeat(MERGED_SUBSCRIPTION_BYTES / 2 - 2)
  for (const name of ['x', 'x', 'y']) {
    expect(repeated.refusalOf('a', half(name))).toBeUndefined()
    repeated.subscribed('a', half(name))
  }
  expect(repeated.refusalOf('a', half('x'))).toBeUndefined()
  expect(repeated.refusalOf('a', 'z')).toMatchObject({ code: 'SHARE_BUSY', executed: 'no' })
  repeated.subscribed('a', 'z')
  expect(said(repeated, 'a')).toHaveLength(2)
  repeated.forget('a')
  expect(repeated.refusalOf('a', half('z'))).toBeUndefined()
})
