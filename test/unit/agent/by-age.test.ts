import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByAge } from '../../../agent/by-age.ts'

type Step = { readonly kind: 'set' | 'delete'; readonly key: string } | { readonly kind: 'drop the oldest' }

const key = fc.constantFrom('a', 'b', 'c', 'd')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set' as const, 'delete' as const), key }),
  fc.constant({ kind: 'drop the oldest' as const }),
)

test('ByAge holds what a Map with the same history holds, in the order in which it was set', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const byAge = new ByAge<number>()
      const model = new Map<string, number>()
      for (const [at, one] of steps.entries()) {
        const oldest = model.entries().next().value
        expect(byAge.oldest()).toEqual(oldest === undefined ? undefined : expect.objectContaining({ key: oldest[0], sinceMs: oldest[1] }))
        if (one.kind === 'set') {
          byAge.set(one.key, at, at)
          model.delete(one.key)
          model.set(one.key, at)
        } else {
          const gone = one.kind === 'delete' ? one.key : oldest?.[0]
          if (gone === undefined) continue
          expect(byAge.delete(gone)).toBe(model.get(gone))
          model.delete(gone)
        }
        expect([...byAge.keys()]).toEqual([...model.keys()])
        expect([...model.keys()].map((known) => byAge.get(known))).toEqual([...model.values()])
        expect(byAge.size).toBe(model.size)
      }
    }),
  )
})
