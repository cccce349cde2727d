/** Figures and what is made of them: percentiles of latencies, medians over rounds. */

/** Named numbers of one round, or of a case; the unit is in the name. */
export type Figures = Readonly<Record<string, number>>

/** The value below which `share` of the values lie; NaN for none. */
export function percentile(values: readonly number[], share: number): number {
  const ordered = Float64Array.from(values).toSorted()
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const ordered = Float64Array.from(values).toSorted()
  const middle = ordered.length >> 1
  const upper = ordered[middle] ?? Number.NaN
  return ordered.length % 2 === 1 ? upper : (upper + (ordered[middle - 1] ?? Number.NaN)) / 2
}

/** The median of each figure over the rounds that have it. */
export function medians(rounds: readonly Figures[]): Figures {
  const names = new Set(rounds.flatMap((round) => Object.keys(round)))
  const of = (name: string): number[] => rounds.flatMap((round) => round[name] ?? [])
  return Object.fromEntries([...names].map((name) => [name, median(of(name))]))
}

export interface Load {
  /** One a call, in milliseconds. */
  readonly latenciesMs: readonly number[]
  readonly elapsedMs: number
}

/**
 * Runs each task over and over, side by side, until the time is up and what runs then has ended.
 *
 * @throws whatever a task throws.
 */
export async function runLoad(tasks: readonly (() => Promise<unknown>)[], forMs: number): Promise<Load> {
  const latenciesMs: number[] = []
  const startMs = performance.now()
  const endMs = startMs + forMs
  await Promise.all(
    tasks.map(async (task) => {
      for (let atMs = performance.now(); atMs < endMs;) {
        await task()
        const doneMs = performance.now()
        latenciesMs.push(doneMs - atMs)
        atMs = doneMs
      }
    }),
  )
  return { latenciesMs, elapsedMs: performance.now() - startMs }
}

/** What is said of a load in every table. */
export function loadFigures({ latenciesMs, elapsedMs }: Load): Figures {
  return {
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    callsPerS: (latenciesMs.length / elapsedMs) * 1000,
    calls: latenciesMs.length,
  }
}
