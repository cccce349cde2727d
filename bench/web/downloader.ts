/** A thread that downloads from the app without end, as fast as it comes, or at a pace: so that the bench's own thread has its calls alone. */
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { WebClient, type WebEndpoint } from './client.ts'

export interface DownloadOrder {
  readonly endpoint: WebEndpoint
  /** Size of one of the downloads that follow one another. */
  readonly bytes: number
  /** Bytes a second at most; 0 for as many as come. */
  readonly perS: number
}

const { endpoint, bytes, perS } = workerData as DownloadOrder
using client = new WebClient(endpoint)
const startMs = performance.now()
for (let sum = 0; ;) {
  sum += await client.ask(`/down?bytes=${bytes}`)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(bytes)
  if (perS > 0) await delay(Math.max(0, (sum / perS) * 1000 - (performance.now() - startMs)))
}
