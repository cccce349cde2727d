import { expect, test } from 'vitest'
import { BATCH_REVISION, isLegacyRevision, LEGACY_REVISIONS, takesEmptyEvents } from '../../../../worker/bridge/revision.ts'

test('isLegacyRevision() knows the revisions that begin with initialize, and no other text', () => {
  expect(LEGACY_REVISIONS.every(isLegacyRevision)).toBe(true)
  for (const other of ['2026-07-28', '2025-11-25 ', '', 'nonsense']) expect(isLegacyRevision(other), other).toBe(false)
})

test('LEGACY_REVISIONS has the newest first, and the one that has batches', () => {
  expect(LEGACY_REVISIONS.toSorted().toReversed()).toEqual([...LEGACY_REVISIONS])
  expect(LEGACY_REVISIONS).toContain(BATCH_REVISION)
})

test('takesEmptyEvents() is true of 2025-11-25 alone', () => {
  expect(LEGACY_REVISIONS.filter(takesEmptyEvents)).toEqual(['2025-11-25'])
})
