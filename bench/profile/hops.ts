/** Where one call is at which time: mean times between the places it passes, one call after another. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allGone, descendants } from '../../test/harness/processes.ts'
import { Caller } from './caller.ts'
import { ProfiledRelay } from './relay.ts'

export interface Hop {
  readonly title: string
  /** Mean, in microseconds. */
  readonly us: number
}

/** The places in the order in which a call passes them. */
const PLACES = [
  ['client', ''],
  ['worker', 'client sends → Worker begins'],
  ['share', 'Worker → Share (admit, parse, RPC)'],
  ['agent', 'Share → agent has the frame (WebSocket)'],
  ['agentToChild', 'in the agent, towards the server'],
  ['child', 'agent → server has the line (pipe)'],
  ['childBack', 'in the server'],
  ['agentFromChild', 'server → agent has the line (pipe)'],
  ['agentBack', 'in the agent, towards the relay'],
  ['shareBack', 'agent → Share has the frame (WebSocket)'],
  ['workerBack', 'Share → Worker has its Response (RPC, splice)'],
  ['clientBack', 'Worker → client has the body'],
] as const

type Place = (typeof PLACES)[number][0]
type Stamp = readonly [Place, string, number]

/** workerd's clock cuts off the fraction of a millisecond; on average that is half of one. */
const CUT_MS = 0.5
/** Calls must come at any phase of workerd's milliseconds, or the mean would be wrong. */
const MAX_PAUSE_MS = 1

/** Measures for a while, after as long a warm-up. */
export async function measureHops(forMs: number): Promise<readonly Hop[]> {
  await using relay = await ProfiledRelay.start(join(import.meta.dirname, 'worker/hops.ts'))
  const tapFile = relay.file('taps')
  const tap = ['--import', join(import.meta.dirname, 'tap.ts')]
  const share = await relay.createShare()
  const agent = await relay.startAgent(share, tap, tap, { tapFile })
  using caller = new Caller({ port: relay.port, path: share.path })
  await caller.initialize()
  await callFor(caller, forMs)
  const own = await callFor(caller, forMs)
  const far = (await (await fetch(`${relay.origin}/stamps`)).json()) as Stamp[]
  const processes = [agent.pid, ...descendants(agent.pid)]
  await agent.stop()
  await allGone(processes)
  const taps = (await readFile(tapFile, 'utf8')).trim().split('\n')
  const near = taps.map((line) => JSON.parse(line) as Stamp)
  return toHops([...own, ...near, ...far.map(([place, id, atMs]): Stamp => [place, id, atMs + CUT_MS])], new Set(own.map(([, id]) => id)))
}

async function callFor(caller: Caller, forMs: number): Promise<Stamp[]> {
  const stamps: Stamp[] = []
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    spin(Math.random() * MAX_PAUSE_MS)
    const startMs = performance.timeOrigin + performance.now()
    const id = await caller.call()
    stamps.push(['client', id, startMs], ['clientBack', id, performance.timeOrigin + performance.now()])
  }
  return stamps
}

/** A timer would be too coarse. */
function spin(forMs: number): void {
  const endMs = performance.now() + forMs
  while (performance.now() < endMs);
}

function toHops(stamps: readonly Stamp[], ids: ReadonlySet<string>): Hop[] {
  const byId = new Map<string, Map<Place, number>>()
  for (const [place, id, atMs] of stamps) {
    if (!ids.has(id)) continue
    const known = byId.get(id) ?? new Map<Place, number>()
    // The first time counts: what is sent again is no hop.
    if (!known.has(place)) known.set(place, atMs)
    byId.set(id, known)
  }
  const whole = [...byId.values()].filter((places) => places.size === PLACES.length)
  if (whole.length < ids.size / 2) throw new Error(`only ${whole.length} of ${ids.size} calls were seen at every place`)
  const kept = withoutOutliers(whole)
  const mean = (from: Place, to: Place): number =>
    (kept.reduce((total, places) => total + (places.get(to) ?? 0) - (places.get(from) ?? 0), 0) / kept.length) * 1000
  const hops = PLACES.slice(1).map(([place, title], at): Hop => ({ title, us: mean(PLACES[at]?.[0] ?? 'client', place) }))
  return [...hops, { title: `all (mean of the faster nine tenths of ${whole.length} calls)`, us: mean('client', 'clientBack') }]
}

/** The slowest tenth is the machine's, not ours. */
function withoutOutliers(calls: readonly Map<Place, number>[]): readonly Map<Place, number>[] {
  const lasted = (places: Map<Place, number>): number => (places.get('clientBack') ?? 0) - (places.get('client') ?? 0)
  return calls.toSorted((one, other) => lasted(one) - lasted(other)).slice(0, Math.ceil(calls.length * 0.9))
}
