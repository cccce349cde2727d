import { expect, test } from 'vitest'
import { KEEPALIVE_MS, UNTAKEN_MS } from '../../../../../worker/limits.ts'
import { MAX_POSTED_FAILURE_BYTES, MAX_POSTED_FAILURES } from '../../../../../worker/routing-limits.ts'
import { PostedFailures } from '../../../../../worker/share/clients/posted-failures.ts'

const FRAME = new Uint8Array([1])

test('PostedFailures.of() names those of a session that its stream may not have brought, once each', () => {
  const failures = new PostedFailures()
  failures.note('s', 'old', FRAME, 0)
  failures.note('s', 'again', FRAME, 0)
  failures.note('s', 'again', new Uint8Array([2]), KEEPALIVE_MS + UNTAKEN_MS - 1)
  failures.note('other', 'k', new Uint8Array([3]), 5)
  expect(failures.of('s', 5)).toHaveLength(2)
  expect(failures.of('s', KEEPALIVE_MS + UNTAKEN_MS)).toEqual([new Uint8Array([2])])
  failures.forget()
  expect(failures.of('other', 5)).toEqual([])
})

test('PostedFailures keeps the newest, MAX_POSTED_FAILURES and MAX_POSTED_FAILURE_BYTES', () => {
  const failures = new PostedFailures()
  for (let at = 0; at <= MAX_POSTED_FAILURES; at++) failures.note('s', `k-${at}`, FRAME, 0)
  expect(failures.of('s', 0)).toHaveLength(MAX_POSTED_FAILURES)
  for (const key of ['a', 'b', 'c']) failures.note('s', key, new Uint8Array(MAX_POSTED_FAILURE_BYTES / 2), 0)
  expect(failures.of('s', 0)).toHaveLength(2)
})
