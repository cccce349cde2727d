import { describe, expect, test } from 'vitest'
import { MAX_CHANNEL_CHARS } from '../../../../protocol/limits.ts'
import { channelName, spareGroup } from '../../../../worker/contract/groups.ts'
import { newSessionId, revisionOf } from '../../../../worker/mcp/session-id.ts'

describe('newSessionId()', () => {
  test('is of visible ASCII, never the same, and fits into the name of a channel', () => {
    for (const proposed of [undefined, '2025-11-25', '2027-01-01']) {
      const id = newSessionId(proposed)
      expect(id).toMatch(/^[\x21-\x7e]+$/)
      expect(newSessionId(proposed)).not.toBe(id)
      expect(channelName(spareGroup(id, 'f'.repeat(32)), 1_000_000).length).toBeLessThanOrEqual(MAX_CHANNEL_CHARS)
    }
  })
})

describe('revisionOf()', () => {
  test.each([
    ['2025-11-25', '2027-01-01', '2027-01-01'],
    [undefined, '2027-01-01', '2027-01-01'],
    ['2027-01-01', '2027-01-01', '2025-11-25'],
    ['2027-01-01', '2026-05-11', '2025-11-25'],
    ['DRAFT', 'DRAFT', '2025-11-25'],
    ['2027-01-01', '2025-03-26', '2025-03-26'],
    ['2027-01-01', undefined, undefined],
  ])('of a session for which %s was proposed reads %s as %s', (proposed, header, revision) => {
    expect(revisionOf(header, newSessionId(proposed))).toBe(revision)
  })

  test('leaves the header alone where there is no session', () => {
    expect(revisionOf('2027-01-01', undefined)).toBe('2027-01-01')
  })
})
