/** What a case is: something that is done to every contender alike, in rounds, and ends in figures. */
import type { Running, StartOptions } from '../contenders/contender.ts'
import type { Figures } from '../report/figures.ts'

/** How long and how often, for the whole run. */
export interface Pace {
  readonly rounds: number
  readonly roundMs: number
  readonly isQuick: boolean
}

/** A contender in the state that a case measures. */
export interface Prepared extends AsyncDisposable {
  readonly round: (forMs: number) => Promise<Figures>
}

export interface Subject {
  /** Name of the contender. */
  readonly name: string
  readonly running: Running
  readonly childFile: string
}

export interface Case {
  readonly name: string
  readonly title: string
  /** What the table shows, by figure: heading, and digits after the point. */
  readonly columns: readonly Column[]
  /** Names of the contenders that it makes sense for. */
  readonly contenders: readonly string[]
  /** Of those, the ones that take more than a quick run has. */
  readonly notQuick?: readonly string[]
  readonly start?: Omit<StartOptions, 'command'>
  /** `standing`: on processes that other cases use too. `fresh`: on its own. `alone`: on its own, while no other contender is up. */
  readonly processes: 'standing' | 'fresh' | 'alone'
  /** Rounds, when they are not the pace's. */
  readonly rounds?: number
  /** Contenders are measured at the same time: they wait more than they work. */
  readonly together?: boolean
  readonly needsLong?: boolean
  readonly prepare: (subject: Subject, pace: Pace) => Promise<Prepared>
}

export interface Column {
  readonly figure: string
  readonly heading: string
  readonly digits: number
}

/** Most cases have nothing to clean up but a list of things. */
export function prepared(round: Prepared['round'], end: () => Promise<void> | void): Prepared {
  return { round, [Symbol.asyncDispose]: async () => await end() }
}
