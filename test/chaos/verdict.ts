/** Owns the comparison of what clients were told with what was executed. Pure: records and journal in, violations out. */
import { type CallRecord, type Interval, isRepeatable, type JournalLine, type Misfortunes } from './account.ts'

export type Rule =
  | 'lost'
  | 'wrong answer'
  | 'error without type'
  | 'connection broke though the relay lived'
  | 'said no, but ran'
  | 'said yes, but did not run'
  | 'executed twice'
  | 'answered, but not executed'
  | 'accepted, but not delivered'

export interface Violation {
  readonly rule: Rule
  readonly record: CallRecord
  readonly executions: readonly JournalLine[]
}

export interface Verdict {
  readonly sent: number
  readonly answered: number
  /** By error code and what it said of the execution. */
  readonly failed: ReadonlyMap<string, number>
  /** Connections that broke because the relay itself was killed. */
  readonly disconnected: number
  /** Large answers whose body was cut off by the death of who gave them: what has begun cannot become an error. */
  readonly cutShort: number
  readonly violations: readonly Violation[]
  /** Calls whose child, agent and relay lived, and how many of them were answered. */
  readonly undisturbed: number
  readonly undisturbedAnswered: number
  /** Those that were not, though nothing died. */
  readonly undisturbedFailed: readonly CallRecord[]
}

/** A client may hear of the end of a killed relay's connection this much later. */
const BREAK_MS = 2000
/** The relay may hear so much later that a child is gone, and what it sends there meanwhile is accepted (docs/protocol.md, receipts). */
const TOLD_MS = 2000

export function judge(records: readonly CallRecord[], journal: readonly JournalLine[], misfortunes: Misfortunes): Verdict {
  const executions = startsByArg(journal)
  const ways = new Ways(records, executions, misfortunes.agentOf)
  const failed = new Map<string, number>()
  const violations: Violation[] = []
  const undisturbed: CallRecord[] = []
  let disconnected = 0
  let cutShort = 0
  for (const record of records) {
    const { outcome } = record
    const starts = executions.get(record.arg) ?? []
    if (outcome.kind === 'failed') count(failed, `${outcome.code} (${outcome.executed})`)
    const isDuringOutage = overlaps(record, misfortunes.relayOutages, BREAK_MS)
    if (outcome.kind === 'disconnected' && isDuringOutage) disconnected++
    const isCutShort = !isDuringOutage && isBodyCutOff(record, starts, misfortunes)
    if (isCutShort) cutShort++
    const isUndisturbed = !isDuringOutage && !isBereaved(record, starts, misfortunes, ways)
    if (isUndisturbed) undisturbed.push(record)
    for (const rule of brokenRules(record, starts.length, isDuringOutage || isCutShort, isUndisturbed))
      violations.push({ rule, record, executions: starts })
  }
  const undisturbedFailed = undisturbed.filter(({ outcome }) => outcome.kind !== 'answered')
  return {
    sent: records.length,
    answered: records.filter(({ outcome }) => outcome.kind === 'answered').length,
    failed,
    disconnected,
    cutShort,
    violations,
    undisturbed: undisturbed.length,
    undisturbedAnswered: undisturbed.length - undisturbedFailed.length,
    undisturbedFailed,
  }
}

function brokenRules({ tool, outcome }: CallRecord, times: number, mayBreak: boolean, isUndisturbed: boolean): Rule[] {
  const rules: Rule[] = []
  if (times > 1 && !isRepeatable(tool)) rules.push('executed twice')
  switch (outcome.kind) {
    case 'answered':
      if (tool !== 'note' && times === 0) rules.push('answered, but not executed')
      // Accepted means taken by the child's stdin: one that dies may not have read it.
      if (tool === 'note' && times === 0 && isUndisturbed) rules.push('accepted, but not delivered')
      break
    case 'wrong':
      rules.push('wrong answer')
      break
    case 'failed':
      if (outcome.executed === 'no' && times > 0) rules.push('said no, but ran')
      if (outcome.executed === 'yes' && times === 0) rules.push('said yes, but did not run')
      break
    case 'untyped':
      rules.push('error without type')
      break
    case 'disconnected':
      if (!mayBreak) rules.push('connection broke though the relay lived')
      break
    case 'lost':
      rules.push('lost')
      break
  }
  return rules
}

/**
 * Whether the call's child or agent died under it, or its agent was asleep for so long that it counts as lost; of a call that never ran,
 * whether one was that it would have gone to.
 */
function isBereaved(record: CallRecord, starts: readonly JournalLine[], misfortunes: Misfortunes, ways: Ways): boolean {
  const { processOutages, childDeaths, lostAsleep, agentOf } = misfortunes
  if (starts.length > 0) {
    const ran = new Set(starts.map(({ pid }) => agentOf.get(pid)))
    const slept = lostAsleep.filter(({ agent }) => ran.has(agent))
    return hasDied(record, starts, childDeaths) || overlaps(record, slept, 0)
  }
  const agents = ways.of(record)
  const outages = [...(processOutages.get(record.world) ?? []), ...lostAsleep.filter(({ agent }) => agent.startsWith(`${record.world} `))]
  const own = outages.filter(({ agent }) => agents === undefined || agents.has(agent))
  return overlaps(record, own, record.tool === 'note' ? TOLD_MS : 0)
}

/** Which agents calls would have gone to that never ran: those that ran the calls of the same client just before and after. */
class Ways {
  readonly #runs = new Map<string, { readonly atMs: number; readonly agent: string }[]>()

  constructor(records: readonly CallRecord[], executions: ReadonlyMap<string, readonly JournalLine[]>, agentOf: Misfortunes['agentOf']) {
    for (const record of records) {
      // A visit begins a session, which any agent may get, and tells nothing of where the others are.
      if (record.tool === 'visit') continue
      for (const { atMs, pid } of executions.get(record.arg) ?? []) {
        const agent = agentOf.get(pid)
        const runs = this.#runs.get(clientOf(record)) ?? []
        if (agent !== undefined) runs.push({ atMs, agent })
        this.#runs.set(clientOf(record), runs)
      }
    }
    for (const runs of this.#runs.values()) runs.sort((a, b) => a.atMs - b.atMs)
  }

  /** Undefined where any agent of the world may be meant. */
  of(record: CallRecord): ReadonlySet<string> | undefined {
    const runs = record.tool === 'visit' ? [] : (this.#runs.get(clientOf(record)) ?? [])
    const before = runs.findLast(({ atMs }) => atMs <= record.sentMs)
    const after = runs.find(({ atMs }) => atMs >= record.endedMs)
    const near = [before, after].flatMap((run) => (run === undefined ? [] : [run.agent]))
    return near.length === 0 ? undefined : new Set(near)
  }
}

function clientOf({ world, client }: CallRecord): string {
  return `${world} ${client}`
}

/** Whether the connection broke because an answer had begun in it that could not be finished any more. */
function isBodyCutOff(record: CallRecord, starts: readonly JournalLine[], { childDeaths }: Misfortunes): boolean {
  const { tool, outcome } = record
  return tool === 'big' && outcome.kind === 'disconnected' && outcome.isInVain !== true && hasDied(record, starts, childDeaths)
}

/** Whether a process that ran the call was dead before its client was told. */
function hasDied({ endedMs }: CallRecord, starts: readonly JournalLine[], deaths: Misfortunes['childDeaths']): boolean {
  return starts.some(({ pid }) => (deaths.get(pid) ?? Infinity) <= endedMs)
}

function overlaps({ sentMs, endedMs }: CallRecord, intervals: readonly Interval[], lateMs: number): boolean {
  return intervals.some(({ fromMs, toMs }) => sentMs <= toMs + lateMs && endedMs >= fromMs)
}

function startsByArg(journal: readonly JournalLine[]): Map<string, JournalLine[]> {
  const starts = new Map<string, JournalLine[]>()
  for (const line of journal) {
    if (line.phase !== 'start') continue
    const known = starts.get(line.arg)
    if (known === undefined) starts.set(line.arg, [line])
    else known.push(line)
  }
  return starts
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
