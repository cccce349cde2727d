/** What the client itself costs: the same calls to a server that does nothing. Nothing in the tables can be faster. */
import { Worker } from 'node:worker_threads'
import { freePort, portOpen } from './contender.ts'
import { type Figures, loadFigures, runLoad } from '../report/figures.ts'
import { HttpClient } from '../cases/http-client.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello 1"}}}'
const WARM_UP_MS = 500

/** Latency one at a time, and calls a second with 16 and 1,000 in flight. */
export async function measureFloor(forMs: number): Promise<Figures> {
  const port = await freePort()
  const worker = new Worker(new URL('echo-server.ts', import.meta.url), { workerData: port })
  try {
    await portOpen(port)
    using client = new HttpClient({ port, path: '/mcp' })
    const call = () => client.send('POST', { 'content-type': 'application/json' }, CALL)
    await runLoad([call], WARM_UP_MS)
    const one = loadFigures(await runLoad([call], forMs))
    const sixteen = loadFigures(
      await runLoad(
        Array.from({ length: 16 }, () => call),
        forMs,
      ),
    )
    const thousand = loadFigures(
      await runLoad(
        Array.from({ length: 1000 }, () => call),
        forMs,
      ),
    )
    return {
      p50Ms: one['p50Ms'] ?? Number.NaN,
      p99Ms: one['p99Ms'] ?? Number.NaN,
      callsPerS16: sixteen['callsPerS'] ?? Number.NaN,
      callsPerS1000: thousand['callsPerS'] ?? Number.NaN,
    }
  } finally {
    await worker.terminate()
  }
}
