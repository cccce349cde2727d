import { expect, test } from 'vitest'
import { VerifiedCredentials } from '../../../../worker/access/verified.ts'
import { verifies } from '../../../requirements/verifies.ts'

const NOW_MS = 1000
const verified = { expiresAtMs: NOW_MS + 1 }

test('VerifiedCredentials forgets what has expired', () => {
  const known = new VerifiedCredentials()
  known.keep('a', verified)
  expect(known.recall('a', NOW_MS)).toBe(verified)
  expect(known.recall('a', NOW_MS + 1)).toBeUndefined()
  expect(known.size).toBe(0)
})

test('VerifiedCredentials keeps 1024, the newest', () => {
  verifies('promise.10.memory')
  const known = new VerifiedCredentials()
  for (let index = 0; index < 3000; index++) known.keep(`credential ${index}`, verified)
  expect(known.size).toBe(1024)
  expect(known.recall('credential 2999', NOW_MS)).toBe(verified)
  expect(known.recall('credential 1975', NOW_MS)).toBeUndefined()
})
