import { describe, expect, test } from 'vitest'
import type { CallRecord, Disturbance, JournalLine, Proof } from '../../chaos/account.ts'
import { spreadOf, type Telling, tellingsOf, tooLate } from '../../chaos/telling.ts'

const HELLO: Proof = { kind: 'hello', where: 'session 0', lane: 0, pids: new Set([7]), killedMs: 1000, atMs: 2000 }
const DEATH: Proof = { ...HELLO, kind: 'death', atMs: 1000 }
const RAN: JournalLine = { phase: 'start', arg: 'a', pid: 7, atMs: 600 }

function call(more: Partial<CallRecord> = {}, code = 'CHILD_DIED'): CallRecord {
  const outcome = { kind: 'failed', code, executed: 'unknown', retryable: false } as const
  return { arg: 'a', tool: 'once', world: 'session', client: 'session.1', sentMs: 500, endedMs: 2050, outcome, absences: [], ...more }
}

function told(record: CallRecord, proof: Proof, disturbances: readonly Disturbance[] = []): Telling | undefined {
  const tellings = tellingsOf([record], [RAN], [proof], disturbances)
  expect(tellings.length).toBeLessThan(2)
  return tellings[0]
}

/** So many calls of one death, each told after this time. */
function late(calls: number, delayMs: number, disturbances: readonly Disturbance[] = []): Telling[] {
  const proof = { ...DEATH }
  return Array.from({ length: calls }, () => ({ record: call(), proof, delayMs, disturbances }))
}

const RESET: Disturbance = { kind: 'reset', where: 'session', fromMs: 0, toMs: 1 }

describe('tellingsOf()', () => {
  test('counts from the hello that proves the death, or from the death itself', () => {
    expect(told(call(), HELLO)?.delayMs).toBe(50)
    expect(told(call(), DEATH)?.delayMs).toBe(1050)
  })

  test('does not count for how long the run itself was held up', () => {
    const stops = [
      { fromMs: 1900, toMs: 2010 },
      { fromMs: 2020, toMs: 2025 },
    ]
    expect(tellingsOf([call()], [RAN], [HELLO], [], stops)[0]?.delayMs).toBe(35)
  })

  test.each<[string, CallRecord, Proof]>([
    ['was answered', call({ outcome: { kind: 'answered' } }), HELLO],
    ['was sent after the kill', call({ sentMs: 1001 }), HELLO],
    ['ended before the hello', call({ endedMs: 1999 }), HELLO],
    ['ran in another process', call(), { ...HELLO, pids: new Set([8]) }],
    ['ended with another error than the death of its child', call({}, 'CHANNEL_CLOSED'), DEATH],
  ])('leaves out a call that %s', (_, record, proof) => {
    expect(told(record, proof)).toBeUndefined()
  })

  test.each<[string, Partial<Disturbance>, boolean]>([
    ['of its link', { where: 'session 0' }, true],
    ['of its link to the lane', { where: 'session 0', lane: 0 }, true],
    ['of its share', { where: 'session' }, true],
    ['of the relay', { where: 'relay' }, true],
    ['of another link', { where: 'session 1' }, false],
    ['of its link to another lane', { where: 'session 0', lane: 1 }, false],
    ['of another share', { where: 'shared' }, false],
    ['that was over before the hello', { toMs: 1999 }, false],
    ['that came after the error', { fromMs: 2051, toMs: 3000 }, false],
  ])('finds a disturbance %s on the way: %o, %s', (_, more, isOnTheWay) => {
    const disturbance = { kind: 'delay', where: 'session 0', fromMs: 1990, toMs: 2010, ...more }
    expect(told(call(), HELLO, [disturbance])?.disturbances).toEqual(isOnTheWay ? [disturbance] : [])
  })

  test('finds that the client was away', () => {
    const away = { fromMs: 1950, toMs: 2010 }
    expect(told(call({ absences: [away] }), HELLO)?.disturbances).toMatchObject([{ kind: 'client away', ...away }])
    expect(told(call({ absences: [{ fromMs: 1800, toMs: 1990 }] }), HELLO)?.disturbances).toEqual([])
  })
})

describe('spreadOf()', () => {
  test('counts what is beyond the promise of 100 ms', () => {
    expect(spreadOf([...late(97, 10), ...late(1, 100), ...late(2, 101)])).toEqual({
      calls: 100,
      p50Ms: 10,
      p99Ms: 101,
      maxMs: 101,
      late: 2,
    })
    expect(spreadOf([])).toBeUndefined()
  })
})

describe('tooLate()', () => {
  test('finds more than one in a hundred calls of several deaths', () => {
    expect(tooLate([...late(197, 10), ...late(2, 301), ...late(1, 301)])).toHaveLength(3)
  })

  test.each<[string, readonly Telling[]]>([
    ['one in a hundred', [...late(198, 10), ...late(1, 301), ...late(1, 301)]],
    ['what came together, of one death', [...late(100, 10), ...late(20, 400)]],
    ['what is not much later than promised', [...late(10, 300), ...late(10, 300)]],
    ['what was disturbed', [...late(10, 400, [RESET]), ...late(10, 400, [RESET])]],
  ])('lets pass %s', (_, tellings) => {
    expect(tooLate(tellings)).toEqual([])
  })

  test('does not count what was disturbed among those that were in time', () => {
    expect(tooLate([...late(300, 10, [RESET]), ...late(97, 10), ...late(1, 301), ...late(1, 301)])).toHaveLength(2)
  })
})
