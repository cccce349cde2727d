import { describe, expect, test } from 'vitest'
import { readRateLimits } from '../../../../protocol/policy/rate-limits.ts'

describe('readRateLimits()', () => {
  test.each([
    [{}, {}],
    [{ calls: '10/minute' }, { calls: { count: 10, per: 'minute' } }],
    [{ bytes: '10MB/day' }, { bytes: { count: 10_000_000, per: 'day' } }],
    [{ bytes: '1KiB/second' }, { bytes: { count: 1024, per: 'second' } }],
    [{ bytes: '7/hour' }, { bytes: { count: 7, per: 'hour' } }],
    [{ bytes: '1000GB/day' }, { bytes: { count: 1e12, per: 'day' } }],
    [
      { seconds: '600/day', concurrent: 4 },
      { seconds: { count: 600_000, per: 'day' }, concurrent: 4 },
    ],
  ])('reads %j', (value, limits) => {
    expect(readRateLimits(value)).toEqual({ ok: true, value: limits })
  })

  test.each([
    [null, 'limits must be an object'],
    [['10/minute'], 'limits must be an object'],
    [{ call: '1/day' }, 'limits has a member "call"; the known ones are: calls, bytes, seconds, concurrent'],
    [{ calls: 10 }, 'limits.calls must be like "10/minute", per second, minute, hour or day'],
    [{ calls: '1.5/day' }, 'limits.calls must be like'],
    [{ calls: ' 1/day' }, 'limits.calls must be like'],
    [{ calls: '1/Day' }, 'limits.calls must be like'],
    [{ calls: '10MB/day' }, 'limits.calls must be like'],
    [{ seconds: '10B/day' }, 'limits.seconds must be like'],
    [{ bytes: '10mb/day' }, 'limits.bytes must be like "10MB/day"'],
    [{ calls: '0/minute' }, 'limits.calls must be from 1 to 1000000000 per minute'],
    [{ bytes: '2GB/hour' }, 'limits.bytes must be from 1 to 1000000000 per hour'],
    [{ bytes: '1001GB/day' }, 'limits.bytes must be from 1 to 1000000000000 per day'],
    [{ seconds: '1000001/hour' }, 'limits.seconds must be from 1 to 1000000 per hour'],
    [{ concurrent: 0 }, 'limits.concurrent must be a whole number from 1 to 1000'],
    [{ concurrent: 1001 }, 'limits.concurrent must be a whole number from 1 to 1000'],
    [{ concurrent: '4' }, 'limits.concurrent must be a whole number from 1 to 1000'],
    [{ concurrent: null }, 'limits.concurrent must be a whole number from 1 to 1000'],
  ])('names what is wrong in %j', (value, error) => {
    expect(readRateLimits(value)).toEqual({ ok: false, error: expect.stringContaining(error) })
  })
})
