import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FAULT_KINDS, type FaultKind } from '../../chaos/plan-faults.ts'
import { makePlan, type PlanOptions, WORLDS } from '../../chaos/plan.ts'
import { Random } from '../../chaos/random.ts'

const KINDS = Object.keys(FAULT_KINDS) as FaultKind[]
const OPTIONS: PlanOptions = {
  seed: 1,
  calls: 4000,
  callsPerSecond: 20,
  agents: 3,
  clients: 4,
  worlds: WORLDS,
  faults: KINDS,
  faultEveryMs: 400,
}

test('Random gives the same future for the same seed, and another for another', () => {
  const draws = (seed: number): number[] => {
    const random = new Random(seed)
    return Array.from({ length: 20 }, () => random.next())
  }
  expect(draws(7)).toEqual(draws(7))
  expect(draws(7)).not.toEqual(draws(8))
})

test('Random.between() stays within its bounds and reaches both', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 3 }), (seed, from, width) => {
      const random = new Random(seed)
      const drawn = new Set(Array.from({ length: 200 }, () => random.between(from, from + width)))
      expect([...drawn].toSorted((a, b) => a - b)).toEqual(Array.from({ length: width + 1 }, (_, at) => from + at))
    }),
  )
})

test('makePlan() gives the same calls and faults for the same seed, and others for another', () => {
  expect(makePlan(OPTIONS)).toEqual(makePlan(OPTIONS))
  expect(makePlan({ ...OPTIONS, seed: 2 }).calls).not.toEqual(makePlan(OPTIONS).calls)
  expect(makePlan({ ...OPTIONS, seed: 2 }).faults).not.toEqual(makePlan(OPTIONS).faults)
})

test('makePlan() plans as many calls as asked, in order of time, each with an argument of its own', () => {
  const { calls } = makePlan(OPTIONS)
  expect(calls).toHaveLength(OPTIONS.calls)
  expect(new Set(calls.map(({ arg }) => arg)).size).toBe(OPTIONS.calls)
  expect(calls.map(({ atMs }) => atMs)).toEqual(calls.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
})

test('makePlan() plans every kind of fault, and with a choice only those', () => {
  const kinds = (faults: readonly FaultKind[]): Set<FaultKind> =>
    new Set(makePlan({ ...OPTIONS, faults }).faults.map(({ fault }) => fault.kind))
  expect(kinds(KINDS)).toEqual(new Set(KINDS))
  expect(kinds(['cut', 'reset'])).toEqual(new Set(['cut', 'reset']))
  expect(kinds([])).toEqual(new Set())
})
