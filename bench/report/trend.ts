/** A straight line through samples: whether something grows. */

export interface Sample {
  readonly atMs: number
  readonly value: number
}

export interface Trend {
  /** What is gained in a minute. */
  readonly perMinute: number
  /** Standard error of that: a slope below twice of it is noise. */
  readonly errorPerMinute: number
}

const MINUTE_MS = 60_000

/** Least squares. Of fewer than three samples, or of samples at one time, there is no trend: all is NaN. */
export function trendOf(samples: readonly Sample[]): Trend {
  const count = samples.length
  const minutes = samples.map(({ atMs }) => atMs / MINUTE_MS)
  const meanX = minutes.reduce((sum, x) => sum + x, 0) / count
  const meanY = samples.reduce((sum, { value }) => sum + value, 0) / count
  const spread = minutes.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
  if (count < 3 || spread === 0) return { perMinute: Number.NaN, errorPerMinute: Number.NaN }
  const shared = samples.reduce((sum, { value }, at) => sum + ((minutes[at] ?? 0) - meanX) * (value - meanY), 0)
  const perMinute = shared / spread
  const rest = samples.reduce((sum, { value }, at) => sum + (value - meanY - perMinute * ((minutes[at] ?? 0) - meanX)) ** 2, 0)
  return { perMinute, errorPerMinute: Math.sqrt(rest / (count - 2) / spread) }
}
