/** Owns what a run prints: the figures, and the story of each offending call. */
import type { CallRecord, Proof } from './account.ts'
import type { ChaosAgent } from './agent.ts'
import type { History } from './history.ts'
import type { PlannedFault } from './plan.ts'
import { apart, PROMPT_MS, spreadOf, type Telling, tooLate } from './telling.ts'
import type { Verdict, Violation } from './verdict.ts'

/** Share of the calls among the living that must be answered. */
const MIN_ANSWERED = 0.999
const PROOF_NAMES: Readonly<Record<Proof['kind'], string>> = {
  hello: 'from new hello to error, after a kill',
  death: "from a child's death to the error",
}
const PROOFS = ['hello', 'death'] as const
/** Stories that are told in full; the rest is counted. */
const STORIES = 5
/** Calls that were told late, latest first, of which a line is printed. */
const LATE_LINES = 20

export interface Findings {
  readonly verdict: Verdict
  readonly records: readonly CallRecord[]
  readonly tellings: readonly Telling[]
  readonly agents: readonly ChaosAgent[]
  readonly faults: readonly PlannedFault[]
  readonly evictions: number
  /** Faults after which things did not become as they were. */
  readonly stuck: readonly string[]
  /** Messages that listening clients got and that were not theirs. */
  readonly strays: readonly string[]
  readonly relayEnds: number
  readonly orphans: number
}

/** What makes the run a failure, besides single calls. */
export function complaints({ verdict, tellings, agents, stuck, strays, relayEnds, orphans }: Findings): string[] {
  const ended = agents.filter(({ unexpectedEnds }) => unexpectedEnds > 0).map(({ where, unexpectedEnds }) => `${where}: ${unexpectedEnds}`)
  return [
    ...(verdict.undisturbedAnswered < verdict.undisturbed * MIN_ANSWERED
      ? [`only ${share(verdict)} of the calls whose child, agent and relay lived were answered`]
      : []),
    ...PROOFS.flatMap((kind) => {
      const late = tooLate(tellings.filter(({ proof }) => proof.kind === kind))
      return late.length === 0 ? [] : [`${PROOF_NAMES[kind]}: ${late.length} calls were told far too late`]
    }),
    ...(ended.length > 0 ? [`agents ended by themselves: ${ended.join(', ')}`] : []),
    ...stuck,
    ...strays,
    ...(relayEnds > 0 ? [`workerd ended by itself ${relayEnds} times`] : []),
    ...(orphans > 0 ? [`${orphans} servers outlived their agents`] : []),
  ]
}

export function figures(findings: Findings): string[] {
  const { verdict, faults, evictions } = findings
  const { violations } = verdict
  const failed = [...verdict.failed].toSorted(([, a], [, b]) => b - a)
  const row = (name: string, value: string | number): string => `${name.padEnd(44)} ${value}`
  return [
    row('calls sent', verdict.sent),
    row('answered', verdict.answered),
    row(
      'failed with a typed error',
      failed.reduce((sum, [, times]) => sum + times, 0),
    ),
    ...failed.map(([code, times]) => row(`  ${code}`, times)),
    row('connection broken by a killed relay', verdict.disconnected),
    row('large answer cut off by a death', verdict.cutShort),
    row('answered where child, agent and relay lived', `${verdict.undisturbedAnswered} of ${verdict.undisturbed} (${share(verdict)})`),
    ...countsOf(verdict.undisturbedFailed.map((record) => `  not: ${nameOf(record)}`)).map(([name, times]) => row(name, times)),
    row('lost', countOf(violations, 'lost')),
    row('executed twice', countOf(violations, 'executed twice')),
    row('wrong answers', countOf(violations, 'wrong answer')),
    ...countsOf(violations.map(({ rule }) => rule)).map(([rule, times]) => row(`violation: ${rule}`, times)),
    row(
      'faults',
      countsOf(faults.map(({ fault }) => fault.kind))
        .map(([kind, times]) => `${kind} ${times}`)
        .join(', '),
    ),
    row('objects found evicted', evictions),
    ...PROOFS.flatMap((kind) => tellingRows(kind, findings, row)),
  ]
}

/** A line for each call that was not answered though its child, agent and relay lived. */
export function undisturbedFailures({ verdict }: Findings, history: History): string[] {
  return verdict.undisturbedFailed.map((record) => `not answered: ${describe(record, history)}`)
}

/** The first violations of each rule, with all that is known of them. */
export function stories({ verdict }: Findings, history: History): string[] {
  const told = new Map<string, number>()
  const first = verdict.violations.filter(({ rule }) => {
    told.set(rule, (told.get(rule) ?? 0) + 1)
    return (told.get(rule) ?? 0) <= STORIES
  })
  const failed = verdict.undisturbedFailed.slice(0, STORIES)
  return [
    ...first.flatMap((violation) => storyOf(violation, history)),
    ...failed.flatMap((record) => ['', `not answered: ${describe(record, history)}`, ...history.story(record)]),
  ]
}

function storyOf({ rule, record, executions }: Violation, history: History): string[] {
  const runs = executions.map(({ pid, atMs }) => `  ran in ${pid} at ${history.time(atMs)}`)
  return ['', `${rule}: ${describe(record, history)}`, ...runs, ...history.story(record)]
}

/** The calls that were told late, and what was on the way. */
export function lateCalls({ tellings }: Findings, history: History): string[] {
  const late = tellings.filter(({ delayMs }) => delayMs > PROMPT_MS).toSorted((a, b) => b.delayMs - a.delayMs)
  return late.slice(0, LATE_LINES).map(({ record, proof, delayMs, disturbances }) => {
    const why = disturbances.map(({ kind, fromMs, toMs }) => `${kind} ${history.time(fromMs)}-${history.time(toMs)}`).join(', ')
    const at = `${proof.kind} of ${proof.where} at ${history.time(proof.atMs)}`
    return `told after ${delayMs} ms: ${at}: ${describe(record, history)}: ${why === '' ? 'nothing on the way' : why}`
  })
}

function describe(record: CallRecord, history: History): string {
  const { arg, tool, sentMs, endedMs, outcome } = record
  return `${tool} ${arg}, sent ${history.time(sentMs)}, ended ${history.time(endedMs)}: ${JSON.stringify(outcome)}`
}

function nameOf({ outcome }: CallRecord): string {
  if (outcome.kind === 'failed') return `${outcome.code} (${outcome.executed})`
  return 'detail' in outcome ? `${outcome.kind} ${outcome.detail.slice(0, 60)}` : outcome.kind
}

function tellingRows(kind: Proof['kind'], { tellings }: Findings, row: (name: string, value: string) => string): string[] {
  const { free, disturbed } = apart(tellings.filter(({ proof }) => proof.kind === kind))
  const names = disturbed.flatMap(({ disturbances }) => [...new Set(disturbances.map((one) => one.kind))])
  const why = countsOf(names).map(([name, times]) => `${name} ${times}`)
  return [
    row(PROOF_NAMES[kind], spread(free)),
    ...(disturbed.length === 0 ? [] : [row('  with something on the way', `${spread(disturbed)}: ${why.join(', ')}`)]),
  ]
}

function spread(tellings: readonly Telling[]): string {
  const found = spreadOf(tellings)
  if (found === undefined) return 'none seen'
  const { calls, p50Ms, p99Ms, maxMs, late } = found
  return `p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms, over ${PROMPT_MS} ms: ${late} of ${calls}`
}

function share({ undisturbed, undisturbedAnswered }: Verdict): string {
  return undisturbed === 0 ? 'none' : `${((100 * undisturbedAnswered) / undisturbed).toFixed(2)} %`
}

function countOf(violations: readonly Violation[], rule: Violation['rule']): number {
  return violations.filter((violation) => violation.rule === rule).length
}

function countsOf(names: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)
}
