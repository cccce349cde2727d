import { describe, expect, test } from 'vitest'
import { type CallRecord, type JournalLine, type Misfortunes, type Outcome, type Tool } from '../../chaos/account.ts'
import { judge, type Rule } from '../../chaos/verdict.ts'

const CALM: Misfortunes = { relayOutages: [], processOutages: new Map(), childDeaths: new Map(), lostAsleep: [], agentOf: new Map() }
const ANSWERED: Outcome = { kind: 'answered' }

function failed(executed: 'no' | 'yes' | 'unknown'): Outcome {
  return { kind: 'failed', code: 'AGENT_LOST', executed, retryable: false }
}

function call(outcome: Outcome, tool: Tool = 'once'): CallRecord {
  return { arg: 'a', tool, world: 'w', client: 'c', sentMs: 1000, endedMs: 2000, outcome, absences: [] }
}

/** So many executions of the call, each in a process of its own, from 1 on. */
function ran(times: number, arg = 'a'): JournalLine[] {
  return Array.from({ length: times }, (_, at) => [
    { phase: 'start' as const, arg, pid: at + 1, atMs: 1100 },
    { phase: 'end' as const, arg, pid: at + 1, atMs: 1200 },
  ]).flat()
}

function rules(record: CallRecord, journal: readonly JournalLine[], misfortunes = CALM): Rule[] {
  return judge([record], journal, misfortunes).violations.map(({ rule }) => rule)
}

describe('judge() finds', () => {
  test.each<[Rule, CallRecord, number]>([
    ['lost', call({ kind: 'lost' }), 1],
    ['wrong answer', call({ kind: 'wrong', detail: 'of another' }), 1],
    ['error without type', call({ kind: 'untyped', detail: '404' }), 0],
    ['connection broke though the relay lived', call({ kind: 'disconnected', detail: 'reset' }), 1],
    ['said no, but ran', call(failed('no')), 1],
    ['said yes, but did not run', call(failed('yes')), 0],
    ['executed twice', call(ANSWERED), 2],
    ['executed twice', call(failed('unknown')), 2],
    ['answered, but not executed', call(ANSWERED), 0],
    ['accepted, but not delivered', call(ANSWERED, 'note'), 0],
  ])('%s', (rule, record, times) => {
    expect(rules(record, ran(times))).toEqual([rule])
  })

  test.each<Tool>(['once', 'slow', 'big', 'chatty', 'note', 'visit'])('a second run of %s', (tool) => {
    expect(rules(call(ANSWERED, tool), ran(2))).toEqual(['executed twice'])
  })

  test('two faults of one call', () => {
    expect(rules(call({ kind: 'lost' }), ran(2))).toEqual(['executed twice', 'lost'])
  })

  test('no run of a call in those of others', () => {
    expect(rules(call(ANSWERED), ran(1, 'another'))).toEqual(['answered, but not executed'])
  })
})

describe('judge() allows', () => {
  test.each<[string, CallRecord, number]>([
    ['an answer to a call that ran', call(ANSWERED), 1],
    ['a second run of a tool that only reads', call(ANSWERED, 'lookup'), 2],
    ['a second run of an idempotent tool', call(ANSWERED, 'put'), 2],
    ['"no" for a call that did not run', call(failed('no')), 0],
    ['"yes" for a call that ran', call(failed('yes')), 1],
    ['"unknown" for a call that ran', call(failed('unknown')), 1],
    ['"unknown" for a call that did not run', call(failed('unknown')), 0],
  ])('%s', (_, record, times) => {
    expect(rules(record, ran(times))).toEqual([])
  })

  test('a connection that broke because the relay was killed, and counts it apart', () => {
    const verdict = judge([call({ kind: 'disconnected', detail: 'reset' })], [], { ...CALM, relayOutages: [{ fromMs: 1500, toMs: 1600 }] })
    expect(verdict).toMatchObject({ violations: [], disconnected: 1, undisturbed: 0 })
  })

  test('a large answer to be cut off by the death of who gives it, and counts it apart; but no wait in vain, and no other tool', () => {
    const misfortunes = { ...CALM, childDeaths: new Map([[1, 1500]]) }
    const broken = { kind: 'disconnected', detail: 'terminated' } as const
    expect(judge([call(broken, 'big')], ran(1), misfortunes)).toMatchObject({ violations: [], cutShort: 1, disconnected: 0 })
    for (const [outcome, tool, befell] of [
      [broken, 'big', CALM],
      [broken, 'once', misfortunes],
      [{ ...broken, isInVain: true }, 'big', misfortunes],
    ] as const)
      expect(rules(call(outcome, tool), ran(1), befell)).toEqual(['connection broke though the relay lived'])
  })

  test('a notification to be lost with the child that had taken it', () => {
    const misfortunes = { ...CALM, processOutages: new Map([['w', [{ fromMs: 1500, toMs: 1600, agent: 'x' }]]]) }
    expect(rules(call(ANSWERED, 'note'), [], misfortunes)).toEqual([])
  })

  test('a notification to be lost that was sent to a child of whose end the relay may not have heard, and no later one', () => {
    const misfortunes = { ...CALM, processOutages: new Map([['w', [{ fromMs: 500, toMs: 600, agent: 'x' }]]]) }
    const noted = { ...call(ANSWERED, 'note'), sentMs: 2600, endedMs: 2700 }
    expect(rules(noted, [], misfortunes)).toEqual([])
    expect(rules({ ...noted, sentMs: 2601 }, [], misfortunes)).toEqual(['accepted, but not delivered'])
  })
})

describe('judge() counts as undisturbed', () => {
  test.each<[string, Outcome, number, Partial<Misfortunes>, number]>([
    ['a call of a calm run', failed('unknown'), 1, {}, 1],
    ['a call whose child died after it', ANSWERED, 1, { childDeaths: new Map([[1, 2001]]) }, 1],
    [
      'a call that ran, though others of its world died',
      ANSWERED,
      1,
      { processOutages: new Map([['w', [{ fromMs: 0, toMs: 9999, agent: 'x' }]]]) },
      1,
    ],
    [
      'a call beside the death of another world',
      failed('no'),
      0,
      { processOutages: new Map([['v', [{ fromMs: 0, toMs: 9999, agent: 'x' }]]]) },
      1,
    ],
    ['no call whose child died under it', failed('unknown'), 1, { childDeaths: new Map([[1, 1500]]) }, 0],
    [
      'no call that did not run while its world was dying',
      failed('no'),
      0,
      { processOutages: new Map([['w', [{ fromMs: 0, toMs: 1001, agent: 'x' }]]]) },
      0,
    ],
    [
      'a call that had ended when its sleeping agent counted as lost',
      failed('unknown'),
      1,
      { lostAsleep: [{ fromMs: 2001, toMs: 9999, agent: 'w x' }], agentOf: new Map([[1, 'w x']]) },
      1,
    ],
    [
      'a call of another agent than the one that slept',
      failed('unknown'),
      1,
      { lostAsleep: [{ fromMs: 1500, toMs: 9999, agent: 'w x' }], agentOf: new Map([[1, 'w y']]) },
      1,
    ],
    [
      'no call that waited until its sleeping agent counted as lost',
      failed('unknown'),
      1,
      { lostAsleep: [{ fromMs: 1500, toMs: 9999, agent: 'w x' }], agentOf: new Map([[1, 'w x']]) },
      0,
    ],
    [
      'no call that never ran, if it waited until then',
      failed('unknown'),
      0,
      { lostAsleep: [{ fromMs: 1500, toMs: 9999, agent: 'w x' }] },
      0,
    ],
    ['a call of another world', failed('unknown'), 0, { lostAsleep: [{ fromMs: 1500, toMs: 9999, agent: 'v x' }] }, 1],
    ['no call during an outage of the relay', failed('unknown'), 1, { relayOutages: [{ fromMs: 1500, toMs: 1600 }] }, 0],
  ])('%s', (_, outcome, times, misfortunes, undisturbed) => {
    expect(judge([call(outcome)], ran(times), { ...CALM, ...misfortunes }).undisturbed).toBe(undisturbed)
  })

  describe('a call that never ran', () => {
    const outage = { processOutages: new Map([['w', [{ fromMs: 1500, toMs: 1600, agent: 'x' }]]]) }
    const before = { ...call(ANSWERED), arg: 'before', sentMs: 100, endedMs: 200 }
    const undisturbed = (agent: string, tool: Tool): number => {
      const ranBefore = [{ phase: 'start' as const, arg: 'before', pid: 9, atMs: 150 }]
      const misfortunes = { ...CALM, ...outage, agentOf: new Map([[9, agent]]) }
      return judge([before, call(failed('no'), tool)], ranBefore, misfortunes).undisturbed - 1
    }

    test('whose client is served by another agent than the one that was dead', () => {
      expect(undisturbed('y', 'once')).toBe(1)
    })

    test('not one whose client is served by the agent that was dead', () => {
      expect(undisturbed('x', 'once')).toBe(0)
    })

    test('not one that begins a session, which any agent may get', () => {
      expect(undisturbed('y', 'visit')).toBe(0)
    })
  })

  test('answered and failed calls apart', () => {
    const verdict = judge([call(ANSWERED), { ...call(failed('unknown')), arg: 'b' }], [...ran(1), ...ran(1, 'b')], CALM)
    expect(verdict).toMatchObject({ sent: 2, answered: 1, undisturbed: 2, undisturbedAnswered: 1 })
    expect(verdict.undisturbedFailed.map(({ arg }) => arg)).toEqual(['b'])
    expect([...verdict.failed]).toEqual([['AGENT_LOST (unknown)', 1]])
  })
})
