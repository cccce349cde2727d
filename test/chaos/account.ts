/** Owns the words of the account: what a client was told of a call, what the server wrote of it, and what befell them. */
import type { Executed } from '../../protocol/errors.ts'

/** `once`, `slow`, `big` and `chatty` must not run twice; `lookup` is read-only, `put` idempotent; `note` is a notification; `visit` is `once` in a session of its own. */
export const TOOLS = ['once', 'slow', 'big', 'chatty', 'lookup', 'put', 'note', 'visit'] as const
export type Tool = (typeof TOOLS)[number]

/** Whether a tool may run more than once for one call: its annotations say so. */
export function isRepeatable(tool: Tool): boolean {
  return tool === 'lookup' || tool === 'put'
}

/** What a client was told. */
export type Outcome =
  /** The right answer; for a notification that it was accepted. */
  | { readonly kind: 'answered' }
  /** An answer or a message that is another's, or not what the server said. */
  | { readonly kind: 'wrong'; readonly detail: string }
  /** An error of the relay's contract. */
  | { readonly kind: 'failed'; readonly code: string; readonly executed: Executed; readonly retryable: boolean }
  /** Some other error: the client cannot know whether its call ran. */
  | { readonly kind: 'untyped'; readonly detail: string }
  /** The HTTP connection broke; or its client waited in vain, and cannot tell. */
  | { readonly kind: 'disconnected'; readonly detail: string; readonly isInVain?: true }
  /** Nothing came before the deadline. */
  | { readonly kind: 'lost' }

export interface CallRecord {
  /** The call's argument, which no other call of the run has. */
  readonly arg: string
  readonly tool: Tool
  readonly world: string
  readonly client: string
  /** Milliseconds since 1970, here and below. */
  readonly sentMs: number
  readonly endedMs: number
  readonly outcome: Outcome
  /** When its client had gone away from the answer, by its own choice, and could be told nothing. */
  readonly absences: readonly Interval[]
}

/** One line of the server's journal. */
export interface JournalLine {
  readonly phase: 'start' | 'end'
  readonly arg: string
  readonly pid: number
  readonly atMs: number
}

export interface Interval {
  readonly fromMs: number
  readonly toMs: number
}

/** Of an agent, or of a child of it. */
export interface Outage extends Interval {
  readonly agent: string
}

/** What is on the way of all that goes over a link, or to a world, or to the relay: a cut, a delay, an agent asleep. */
export interface Disturbance extends Interval {
  readonly kind: string
  /** `relay`, a world, or a world and an agent. */
  readonly where: string
  /** Of an agent's link to one lane alone. */
  readonly lane?: number
}

/** From when on clients can be told of the end of processes: their agent's next hello has passed, or a child was killed under it. */
export interface Proof {
  readonly kind: 'hello' | 'death'
  /** World and agent, and the lane whose calls it is about. */
  readonly where: string
  readonly lane: number
  readonly pids: ReadonlySet<number>
  readonly killedMs: number
  readonly atMs: number
}

/** What befell processes; faults of links are not among it, since no call may suffer from them. */
export interface Misfortunes {
  /** Times at which there was no relay, or at which it was killed. */
  readonly relayOutages: readonly Interval[]
  /** By world: times at which one of its agents, or a child of it, was dead or told to leave. */
  readonly processOutages: ReadonlyMap<string, readonly Outage[]>
  /** The agent of each child. */
  readonly agentOf: ReadonlyMap<number, string>
  /** When a child was killed, or its agent was. */
  readonly childDeaths: ReadonlyMap<number, number>
  /** Times at which an agent had been out of reach for longer than the grace time, because it slept, and counts as lost. */
  readonly lostAsleep: readonly Outage[]
}

/** @throws SyntaxError for a line that the server did not write. */
export function readJournal(text: string): JournalLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [phase, arg, pid, atMs] = line.split(' ')
      if ((phase !== 'start' && phase !== 'end') || arg === undefined || pid === undefined || atMs === undefined)
        throw new SyntaxError(`no line of a journal: ${line}`)
      return { phase, arg, pid: Number(pid), atMs: Number(atMs) }
    })
}

export function journalLine({ phase, arg, pid, atMs }: JournalLine): string {
  return `${phase} ${arg} ${pid} ${atMs}\n`
}

/** The text that the server answers: `kib` KiB that follow from the argument, so that nobody else's can pass for it. */
export function answerText(arg: string, kib = 0): string {
  const text = `value of ${arg};`
  return kib === 0 ? text : text.repeat(Math.ceil((kib * 1024) / text.length))
}
