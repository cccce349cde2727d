/** What Cloudflare's paid plan charges for what `bench/cost.ts` measures. Prices in USD; docs/cost.md says where they stand. */

/** What one event of a kind takes. */
export interface Usage {
  readonly workerRequests: number
  readonly objectRequests: number
  /** WebSocket messages that an object gets; twenty are billed as one request, and those that it sends are free. */
  readonly messagesIn: number
  readonly rowsRead: number
  /** Setting an alarm counts as one. */
  readonly rowsWritten: number
  /** Wall time in which an object has something in flight. */
  readonly awakeMs: number
  readonly cpuMs: number
}

const PER_MILLION = { workerRequests: 0.3, objectRequests: 0.15, rowsRead: 0.001, rowsWritten: 1, cpuMs: 0.02, gbSeconds: 12.5 } as const
const MESSAGES_PER_REQUEST = 20
/** An object is billed for all of its isolate's memory. */
const OBJECT_GB = 0.128

/** A million such events, with nothing included and nothing awake at the same time. */
export function usdPerMillion(usage: Usage): number {
  const { workerRequests, objectRequests, messagesIn, rowsRead, rowsWritten, awakeMs, cpuMs } = usage
  return (
    workerRequests * PER_MILLION.workerRequests +
    (objectRequests + messagesIn / MESSAGES_PER_REQUEST) * PER_MILLION.objectRequests +
    rowsRead * PER_MILLION.rowsRead +
    rowsWritten * PER_MILLION.rowsWritten +
    (awakeMs / 1000) * OBJECT_GB * PER_MILLION.gbSeconds +
    cpuMs * PER_MILLION.cpuMs
  )
}
