import { describe, expect, test } from 'vitest'
import { GRACE_MS } from '../../../../../protocol/limits.ts'
import { MAX_BREAKS, MAX_CALL_TRIES, RETRY_MS } from '../../../../../worker/limits.ts'
import { CallTries } from '../../../../../worker/mcp/call/tries.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const AWAY = { kind: 'away', isExpected: true } as const
const SHARE = { awayWaitMs: 20_000 }

describe('CallTries.begin()', () => {
  test('says nothing with the first try, and that it is another with the next', () => {
    const tries = new CallTries()
    expect(tries.begin(0)).toBeUndefined()
    expect(tries.begin(5)).toEqual({ isRetry: true })
  })

  test('says of what an agent may have that it is sent again, and how old it is', () => {
    const tries = new CallTries()
    tries.begin(100)
    tries.broken(150)
    expect(tries.isResend).toBe(true)
    expect(tries.begin(400)).toEqual({ isRetry: true, isResend: true, ageMs: 300 })
  })
})

describe('CallTries.behind()', () => {
  test('are those of a first try where there was none before', () => {
    expect(CallTries.behind(undefined, 5).begin(10)).toBeUndefined()
  })

  test('begin with another where that has not run, and with one that an agent may have where it may have', () => {
    expect(CallTries.behind('unrun', 5).begin(10)).toEqual({ isRetry: true })
    expect(CallTries.behind('repeatable', 5).begin(10)).toEqual({ isRetry: true, isResend: true, ageMs: 5 })
  })

  test('count that one', () => {
    const tries = CallTries.behind('unrun', 0)
    const failures = Array.from({ length: MAX_CALL_TRIES - 1 }, () => {
      tries.begin(1)
      return tries.end('again', 1)
    })
    expect(failures.findIndex((failure) => failure !== undefined)).toBe(MAX_CALL_TRIES - 2)
  })
})

describe('CallTries.held()', () => {
  test('says that no agent had it, whatever was thought of it, and that it was held', () => {
    const tries = new CallTries()
    tries.begin(100)
    tries.broken(150)
    tries.held()
    expect(tries.isResend).toBe(false)
    expect(tries.begin(400)).toEqual({ isRetry: true, wasHeld: true })
  })
})

describe('the age of a call', () => {
  test('counts from the first try that may have reached an agent, whatever waited before', () => {
    verifies('promise.2.holder-only')
    for (const end of ['broken', 'repeat'] as const) {
      const tries = new CallTries()
      tries.begin(0)
      tries.away(AWAY, false, SHARE, 1)
      tries.begin(10_000)
      tries.end('again', 10_001)
      tries.begin(20_000)
      tries[end](20_500)
      expect(tries.begin(21_000)).toEqual({ isRetry: true, isResend: true, ageMs: 1_000 })
      tries.broken(22_000)
      expect(tries.begin(23_000)?.ageMs).toBe(3_000)
    }
  })
})

describe('CallTries.end()', () => {
  /** How many tries are made at once, and how it ends. */
  function triesAtOnce(tries: CallTries, everyMs: number, next: 'again' | 'renewed' = 'again'): [number, unknown] {
    for (let count = 1; count < 100; count++) {
      tries.begin(count * everyMs)
      const failure = tries.end(next, count * everyMs)
      if (failure !== undefined) return [count, failure]
    }
    return [100, undefined]
  }

  test('gives a call up that the Share wants made again too often, which has not run', () => {
    expect(triesAtOnce(new CallTries(), RETRY_MS)).toEqual([MAX_CALL_TRIES, { code: 'INTERNAL', executed: 'no' }])
  })

  test('says that the server has ended where each try finds another child', () => {
    verifies('promise.7.list-failure')
    expect(triesAtOnce(new CallTries(), RETRY_MS, 'renewed')).toEqual([MAX_CALL_TRIES, { code: 'CHILD_DIED', executed: 'no' }])
  })

  test('does not know whether a call has run that was resent', () => {
    const tries = new CallTries()
    tries.broken(0)
    expect(triesAtOnce(tries, 1)[1]).toEqual({ code: 'INTERNAL', executed: 'unknown' })
  })

  test('goes on with a resent call for as long as its tries last a while', () => {
    const tries = new CallTries()
    tries.broken(0)
    for (let at = 0; at < 20 * RETRY_MS; at += RETRY_MS) {
      tries.begin(at)
      expect(tries.end('again', at + RETRY_MS)).toBeUndefined()
    }
  })

  test('gives a resent call up as well where each try finds another child, however long they last', () => {
    verifies('promise.7.list-failure')
    const tries = new CallTries()
    tries.broken(0)
    let failure: unknown
    for (let count = 1; count <= MAX_CALL_TRIES; count++) {
      tries.begin(count * RETRY_MS)
      failure = tries.end('renewed', (count + 1) * RETRY_MS)
    }
    expect(failure).toEqual({ code: 'CHILD_DIED', executed: 'unknown' })
  })

  test('counts no try that is waited for', () => {
    const tries = new CallTries()
    for (let at = 0; at < 20; at++) {
      tries.begin(at)
      expect(tries.end(at % 2 === 0 ? 'wait' : { kind: 'news', away: AWAY, maxMs: 1 }, at)).toBeUndefined()
    }
  })
})

describe('CallTries.endedBy()', () => {
  const FAILED = { kind: 'failed', failure: { code: 'SERVER_UNREACHABLE', executed: 'no' } } as const

  test('believes that a call has not run which no agent may have', () => {
    expect(new CallTries().endedBy(FAILED)).toBe(FAILED)
  })

  test('does not know it of one that an agent may have had before', () => {
    const tries = new CallTries()
    tries.broken(0)
    expect(tries.endedBy(FAILED)).toEqual({ kind: 'failed', failure: { code: 'SERVER_UNREACHABLE', executed: 'unknown' } })
    const item = { kind: 'result', result: '{}' } as const
    expect(tries.endedBy(item)).toBe(item)
  })
})

describe('CallTries.broken()', () => {
  test('tries again at once after the first break, then waits, and gives up after MAX_BREAKS in a row', () => {
    const tries = new CallTries()
    const decisions = Array.from({ length: MAX_BREAKS + 1 }, (_, at) => tries.broken(at))
    expect(decisions[0]).toBe('again')
    expect(new Set(decisions.slice(1, MAX_BREAKS))).toEqual(new Set(['wait']))
    expect(decisions[MAX_BREAKS]).toEqual({ kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } })
  })

  test('counts from the start once the stream was reached', () => {
    const tries = new CallTries()
    tries.broken(0)
    tries.broken(1)
    tries.reached()
    expect(tries.broken(2)).toBe('again')
  })
})

describe('CallTries.away()', () => {
  const failed = (failure: object) => ({ kind: 'failed', failure: expect.objectContaining(failure) as unknown })

  test('waits for an agent that was here, from when it was first found away', () => {
    const tries = new CallTries()
    expect(tries.away(AWAY, false, SHARE, 5_000)).toEqual({ kind: 'news', away: AWAY, maxMs: SHARE.awayWaitMs })
    expect(tries.away(AWAY, false, SHARE, 5_000 + SHARE.awayWaitMs - 1)).toEqual({ kind: 'news', away: AWAY, maxMs: 1 })
    expect(tries.away(AWAY, false, SHARE, 5_000 + SHARE.awayWaitMs)).toEqual(failed({ code: 'AGENT_AWAY', executed: 'no' }))
  })

  test('lets no probe wait', () => {
    expect(new CallTries().away(AWAY, true, SHARE, 0)).toEqual(failed({ code: 'AGENT_AWAY' }))
  })

  test('waits the grace time for an agent that may be running the call, probe or not, and then nobody knows', () => {
    const tries = new CallTries()
    tries.repeat(1_000)
    expect(tries.away({ kind: 'away', isExpected: false }, true, SHARE, 1_000 + GRACE_MS - 1)).toMatchObject({
      kind: 'news',
      maxMs: 1,
    })
    expect(tries.away(AWAY, false, SHARE, 1_000 + GRACE_MS)).toEqual(failed({ code: 'AGENT_LOST', executed: 'unknown' }))
  })
})
