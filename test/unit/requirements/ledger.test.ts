/** The ledger and the tests agree: every requirement has its proof, and docs/requirements.md says so. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { allRequirements, SECTIONS } from '../../requirements/ledger.ts'
import { renderPage } from '../../requirements/page.ts'
import { readProofs } from '../../requirements/proofs.ts'
import { hasRun, readAllProofs } from '../../requirements/test-files.ts'

const { proofs, faults } = readAllProofs()
const entries = allRequirements()
const ids = entries.map(([id]) => id)

describe('the ledger', () => {
  test('has no id twice', () => {
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  })

  test('has a test for every requirement of ours, one that fails for what is known to, and none for what is not ours', () => {
    const proofsOf = (id: string): string[] =>
      proofs.filter((proof) => proof.id === id).map(({ isOfFailure }) => (isOfFailure ? 'failure' : 'proof'))
    const missing = entries.filter(([id, { notOurs, knownFailure, provedBy = [] }]) => {
      if (notOurs !== undefined) return proofsOf(id).length > 0
      if (knownFailure !== undefined) return !proofsOf(id).includes('failure')
      return !proofsOf(id).includes('proof') && provedBy.length === 0
    })
    expect(missing.map(([id]) => id)).toEqual([])
  })

  test('names runs that there are', () => {
    const named = entries.flatMap(([, { provedBy = [] }]) => provedBy)
    expect(named.filter((run) => !hasRun(run))).toEqual([])
    expect(hasRun('conformance: no-such-scenario') || hasRun('matrix: nothing') || hasRun('chaos: nothing')).toBe(false)
  })
})

describe('verifies()', () => {
  test('stands where it counts, everywhere', () => {
    expect(faults).toEqual([])
  })

  test('names ids of the ledger only', () => {
    expect(proofs.filter(({ id }) => !ids.includes(id))).toEqual([])
  })
})

test('docs/requirements.md is what `npm run requirements` makes', () => {
  const page = readFileSync(new URL('../../../docs/requirements.md', import.meta.url), 'utf8')
  expect(page === renderPage(SECTIONS, proofs), 'run `npm run requirements`').toBe(true)
})

describe('readProofs()', () => {
  const found = (source: string): string[] => readProofs('a.test.ts', source).proofs.map(({ id, title }) => `${title}: ${id}`)
  const faultCount = (source: string): number => readProofs('a.test.ts', source).faults.length

  test('finds marks of tests, of suites and of files', () => {
    expect(found(`test('t', () => { verifies('a', 'b'); expect(1) })`)).toEqual(['t: a', 't: b'])
    expect(found(`test.each([1])('n %s', { timeout: 1 }, async (n) => { verifies('a'); verifies('b'); expect(n) })`)).toEqual([
      'n %s: a',
      'n %s: b',
    ])
    expect(found(`describe('s', () => { verifies('a'); test('t', () => { verifies('b'); expect(1) }) })`)).toEqual(['s > t: b', 's: a'])
    expect(found(`import 'x'\nverifies('a')\ntest('t', () => {})`)).toEqual([': a'])
    expect(found(`function suite(): void { test('it\\'s', () => { verifies('a'); expect(1) }) }\nsuite()`)).toEqual([`it's: a`])
    expect(found(`export function suite(): void { test('t', () => { verifies('a'); expect(1) }) }`)).toEqual(['t: a'])
    expect(found(`test('t', () => { verifies('a'); expect(1) }, LONG_MS)`)).toEqual(['t: a'])
  })

  test('knows which tests are to fail', () => {
    expect(readProofs('a.test.ts', `test.fails('t', () => { verifies('a'); expect(1) })`).proofs).toMatchObject([{ isOfFailure: true }])
  })

  test.each([
    `test.skip('t', () => { verifies('a') })`,
    `test.todo('t', () => { verifies('a') })`,
    `test.skipIf(x)('t', () => { verifies('a') })`,
    `test('t', { skip: true }, () => { verifies('a') })`,
    `test('t', { ...options }, () => { verifies('a') })`,
    `describe.skip('s', () => { test('t', () => { verifies('a') }) })`,
    `describe.runIf(x)('s', () => { verifies('a'); test('t', () => {}) })`,
    `if (x) test('t', () => { verifies('a') })`,
    `test('t', () => { expect(1); verifies('a') })`,
    `test('t', () => { if (x) verifies('a') })`,
    `describe('s', () => { verifies('a') })`,
    `verifies('a')`,
    `const f = () => { verifies('a') }`,
    `verifies('a')\ntest.skip('t', () => {})`,
    `test('t', options, () => { verifies('a'); expect(1) })`,
    `test('t', { [key]: true }, () => { verifies('a'); expect(1) })`,
    `test('t', { fails: true }, () => { verifies('a'); expect(1) })`,
    `describe('s', () => { verifies('a'); test.fails('t', () => {}) })`,
    `describe('s', () => { verifies('a'); return; test('t', () => {}) })`,
    `test.each([])('t', () => { verifies('a'); expect(1) })`,
    `function never(): void { test('t', () => { verifies('a'); expect(1) }) }`,
    `test('t', () => { verifies('a') })`,
    `test('t', () => { verifies('a'); return })`,
  ])('takes no mark for a proof that may not run: %s', (source) => {
    expect([found(source), faultCount(source)]).toEqual([[], 1])
  })

  test('takes no other function for a test', () => {
    expect(faultCount(`const it = test.skip\nit('t', () => { verifies('a'); expect(1) })`)).toBe(1)
  })

  test('takes no id that is not written out', () => {
    expect(faultCount(`test('t', () => { verifies(id) })`)).toBe(1)
  })
})
