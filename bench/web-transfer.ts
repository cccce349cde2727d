/** `node bench/web-transfer.ts`: a large download and upload of a web app through a relay on this machine, byte for byte; does memory stay flat? Nothing is written. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { digestOf, LocalApp, patterned } from '../test/harness/local-app.ts'
import { descendants } from '../test/harness/processes.ts'
import { createShare, startAgent, startRelay } from '../test/harness/selfhost.ts'
import { argumentsOf, rssBytes } from './process-tree.ts'

const USAGE = `node bench/web-transfer.ts [options]

  --mib N      size of the download, and of the upload (default 1024)
  --limit N    growth of the memory of workerd and of the agent, each, that is taken for flat, in MiB (default 200)

Exit code: 0 when all bytes were right and memory stayed flat, else 1.`

const MIB = 1024 * 1024
const SAMPLE_MS = 100

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    limit: { type: 'string', default: '200' },
    help: { type: 'boolean', default: false },
  },
})

/** The most memory that processes had while something ran, in MiB. */
async function watched(pids: readonly number[], run: () => Promise<void>): Promise<number[]> {
  const most = pids.map(() => 0)
  const look = (): void => pids.forEach((pid, at) => (most[at] = Math.max(most[at] ?? 0, rssBytes(pid) / MIB)))
  look()
  const timer = setInterval(look, SAMPLE_MS)
  await run()
  clearInterval(timer)
  return most
}

async function main(): Promise<number> {
  const bytes = Number(values.mib) * MIB
  const expected = digestOf(bytes)
  await using stack = new AsyncDisposableStack()
  const app = stack.use(await LocalApp.start())
  const relay = stack.use(await startRelay())
  const share = await createShare(relay)
  const agent = stack.use(await startAgent(share, { args: ['--http', app.origin] }))
  const workerd = descendants(relay.program.pid).find((pid) => basename(argumentsOf(pid)[0] ?? '').startsWith('workerd'))
  if (workerd === undefined) throw new Error('there is no workerd')
  const pids = [workerd, agent.program.pid]
  const base = `${relay.origin}/s/${share.id}/http`
  const headers = { authorization: `Bearer ${share.clientToken}` }
  const download = async (size: number): Promise<string> => {
    const request = httpRequest(`${base}/down?bytes=${size}`, { headers, agent: false }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const hash = createHash('sha256')
    for await (const part of response) hash.update(part as Buffer)
    return hash.digest('hex')
  }
  const upload = async (size: number): Promise<string> => {
    const request = httpRequest(`${base}/up`, { method: 'PUT', headers, agent: false })
    Readable.from(patterned(size)).pipe(request)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return Buffer.concat(await response.toArray()).toString()
  }
  // What each of them needs at all.
  await download(32 * MIB)
  await upload(32 * MIB)
  let isGood = true
  for (const [name, transfer] of [
    ['down', download],
    ['up', upload],
  ] as const) {
    const before = pids.map((pid) => rssBytes(pid) / MIB)
    const sinceMs = performance.now()
    let digest = ''
    const most = await watched(pids, async () => {
      digest = await transfer(bytes)
    })
    const rate = bytes / MIB / ((performance.now() - sinceMs) / 1000)
    const growth = most.map((mib, at) => mib - (before[at] ?? 0))
    const isRight = digest === expected
    const isFlat = growth.every((mib) => mib <= Number(values.limit))
    isGood &&= isRight && isFlat
    const memory = ['workerd', 'agent']
      .map((who, at) => `${who} ${(most[at] ?? 0).toFixed(0)} MiB (+${(growth[at] ?? 0).toFixed(0)})`)
      .join(', ')
    process.stdout.write(
      `${name}: ${values.mib} MiB, ${rate.toFixed(0)} MiB/s, ${isRight ? 'byte for byte' : 'WRONG BYTES'}; at most ${memory}\n`,
    )
  }
  return isGood ? 0 : 1
}

if (values.help) process.stdout.write(`${USAGE}\n`)
else process.exitCode = await main()
