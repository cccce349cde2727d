/** Judges the figures of a soak: what has grown, and whether it should have. */
import { type Sample, trendOf } from '../report/trend.ts'

/** Samples in KiB, by what they are of. */
export type Series = ReadonlyMap<string, readonly Sample[]>

/** Until then memory grows as it should: code is compiled, and the heap finds its size. */
const WARM_UP_SHARE = 0.3
/** An agent remembers the keys of its calls for ten minutes (CALL_KEY_MS): so long it grows with every call. */
const AGENT_WARM_UP_MINUTES = 11
const MAX_WARM_UP_SHARE = 0.7
const FILLING = '; not judged: for its first ten minutes an agent remembers ever more keys'

/** What each has grown by once it was warm, and which have grown too much. `limitKib`: KiB a minute that count as flat. */
export function judgeGrowth(series: Series, minutes: number, limitKib: number): { lines: string[]; growing: string[] } {
  const lines: string[] = []
  const growing: string[] = []
  for (const [name, samples] of series) {
    const isAgent = name.startsWith('agent')
    const warmUpShare = isAgent ? Math.max(WARM_UP_SHARE, AGENT_WARM_UP_MINUTES / minutes) : WARM_UP_SHARE
    const isFilling = warmUpShare > MAX_WARM_UP_SHARE
    const settled = samples.slice(Math.floor(samples.length * (isFilling ? WARM_UP_SHARE : warmUpShare)))
    const { perMinute, errorPerMinute } = trendOf(settled)
    const mib = (one: Sample | undefined): string => ((one?.value ?? 0) / 1024).toFixed(1)
    const range = `${settled.length} samples, ${mib(settled[0])} -> ${mib(settled.at(-1))} MiB`
    lines.push(`${name}: ${perMinute.toFixed(0)} KiB/min ± ${errorPerMinute.toFixed(0)} (${range})${isFilling ? FILLING : ''}`)
    if (!isFilling && !(perMinute - 2 * errorPerMinute <= limitKib)) growing.push(`${name} grows by ${perMinute.toFixed(0)} KiB a minute`)
  }
  return { lines, growing }
}
