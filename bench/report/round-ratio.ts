/** How two versions compare that were measured in turns. Pure. */
import { type Figures, median } from './figures.ts'

/** After ÷ before. */
export interface RoundRatio {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Ratios of the rounds, each of the two that were measured next to each other: what slows a machine down for a while slows both. */
export function roundRatio(before: readonly Figures[], after: readonly Figures[], figure: string): RoundRatio {
  const ratios = after.map((round, at) => (round[figure] ?? Number.NaN) / (before[at]?.[figure] ?? Number.NaN))
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}

/** The two in turn, so that neither is always the first of a round: A B, B A, A B. */
export function inTurn<T>(before: T, after: T, round: number): readonly [T, T] {
  return round % 2 === 0 ? [before, after] : [after, before]
}
