import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RateLimits } from '../../../../../protocol/policy/rate-limits.ts'
import type { Charge } from '../../../../../worker/contract/trust/metering.ts'
import { MAX_METERED_CALL_MS } from '../../../../../worker/trust-limits.ts'
import { type MeterNotes, Meters } from '../../../../../worker/share/trust/meters.ts'
import type { Used } from '../../../../../worker/share/trust/used-table.ts'

const NOW_MS = 1_796_000_000_000

class Notes implements MeterNotes {
  noted: readonly (readonly [string, Used])[] = []
  exhaustions = 0

  load(): readonly (readonly [string, Used])[] {
    return this.noted
  }

  changed(used: { entries(): Iterable<readonly [string, Used]> }): void {
    this.noted = [...used.entries()]
  }

  exhausted(): void {
    this.exhaustions++
  }

  forget(): void {
    this.noted = []
  }
}

function charge(name: string, limits: RateLimits): Charge {
  return { name, limits }
}

const TEN: RateLimits = { calls: { count: 10, per: 'minute' } }

/** Asks for a call with each of these keys; those of the calls that are let through. */
function spend(meters: Meters, charges: readonly Charge[], keys: readonly string[], nowMs = NOW_MS): string[] {
  return keys.filter((key) => meters.order({ op: 'spend', key, charges, bytes: 100 }, nowMs) === undefined)
}

function keysOf(count: number, prefix = 'k'): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`)
}

describe('Meters', () => {
  test('lets exactly as many calls through as there is room for, under any interleaving of tries, ends and losses of its memory', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('call', 'again', 'end', 'sleep'), { minLength: 30, maxLength: 200 }), (steps) => {
        const notes = new Notes()
        let meters = new Meters(notes)
        const charges = [charge('share', TEN)]
        const taken: string[] = []
        let tried = 0
        for (const step of steps) {
          if (step === 'call') {
            tried++
            taken.push(...spend(meters, charges, [`k${tried}`]))
          } else if (step === 'end') meters.order({ op: 'settle', key: taken.at(-1) ?? '', charges, bytes: 0, ms: 0 }, NOW_MS)
          else if (step === 'sleep') meters = new Meters(notes)
        }
        expect(taken.length).toBe(Math.min(10, tried))
      }),
    )
  })

  test('charges a call once, however often it is made', () => {
    const meters = new Meters(new Notes())
    const charges = [charge('share', TEN)]
    expect(
      spend(
        meters,
        charges,
        Array.from({ length: 50 }, () => 'same'),
      ).length,
    ).toBe(50)
    expect(spend(meters, charges, keysOf(20)).length).toBe(9)
  })

  test('charges a call to all of its limits or to none', () => {
    const meters = new Meters(new Notes())
    const share = charge('share', { calls: { count: 3, per: 'hour' } })
    const link = charge('a', { calls: { count: 2, per: 'hour' } })
    expect(spend(meters, [share, link], keysOf(9)).length).toBe(2)
    // What the link's limit refused has used nothing of the share's.
    expect(spend(meters, [share, charge('b', TEN)], keysOf(9, 'b')).length).toBe(1)
    expect(spend(meters, [link], keysOf(1, 'c')).length).toBe(0)
    expect(spend(meters, [charge('b', TEN)], keysOf(20, 'd')).length).toBe(9)
  })

  test('names the limit for which a caller waits longest', () => {
    const meters = new Meters(new Notes())
    const charges = [
      charge('share', { calls: { count: 1, per: 'second' } }),
      charge('a', { calls: { count: 1, per: 'minute' }, concurrent: 1 }),
    ]
    expect(spend(meters, charges, ['k']).length).toBe(1)
    expect(meters.order({ op: 'look', charges }, NOW_MS)).toEqual({ kind: 'limited', retryAfterMs: 60_000, detail: 'calls of the link' })
    expect(meters.order({ op: 'look', charges }, NOW_MS + 60_000)).toEqual({
      kind: 'limited',
      retryAfterMs: 1000,
      detail: 'concurrent of the link',
    })
    meters.order({ op: 'settle', key: 'k', charges, bytes: 0, ms: 0 }, NOW_MS + 60_000)
    expect(meters.order({ op: 'look', charges }, NOW_MS + 60_000)).toBeUndefined()
  })

  test('counts what calls have used when they are over, beyond the limit too', () => {
    const meters = new Meters(new Notes())
    const charges = [charge('share', { bytes: { count: 1000, per: 'day' }, seconds: { count: 5000, per: 'day' } })]
    expect(spend(meters, charges, keysOf(2)).length).toBe(2)
    meters.order({ op: 'settle', key: 'k0', charges, bytes: 700, ms: 4999 }, NOW_MS)
    expect(spend(meters, charges, ['k3']).length).toBe(1)
    meters.order({ op: 'settle', key: 'k1', charges, bytes: 0, ms: 1 }, NOW_MS)
    expect(meters.order({ op: 'look', charges }, NOW_MS)?.detail).toBe('bytes of the share')
  })

  test('refuses a request that is larger than what is left', () => {
    const meters = new Meters(new Notes())
    const charges = [charge('share', { bytes: { count: 150, per: 'day' } })]
    expect(spend(meters, charges, keysOf(2)).length).toBe(1)
    expect(meters.order({ op: 'look', charges }, NOW_MS)).toBeUndefined()
  })

  test('gives back the place of a call whose end was never told', () => {
    const meters = new Meters(new Notes())
    const charges = [charge('share', { concurrent: 2 })]
    expect(spend(meters, charges, keysOf(3)).length).toBe(2)
    expect(spend(meters, charges, keysOf(3, 'b'), NOW_MS + MAX_METERED_CALL_MS).length).toBe(0)
    expect(spend(meters, charges, keysOf(3, 'c'), NOW_MS + MAX_METERED_CALL_MS + 1).length).toBe(2)
  })

  test('has it noted that a limit is used up', () => {
    const notes = new Notes()
    expect(spend(new Meters(notes), [charge('share', TEN)], keysOf(12)).length).toBe(10)
    expect(notes.exhaustions).toBe(2)
  })
})
