/** The promises that the project makes of its speed and size, as ratios and bounds over a run's figures. */
import { type CaseResult, figure, type Matching, type Ratio } from './results.ts'

type Figure = (contender: string) => number | undefined

interface Pledge {
  readonly what: string
  readonly case: string
  readonly figure: string
  /** Our figure alone when there is nothing to compare with. */
  readonly ours?: string
  readonly peer?: string
  readonly atMost?: number
  readonly atLeast?: number
  readonly unit?: string
}

const PLEDGES: readonly Pledge[] = [
  { what: 'one call at a time, p50 ÷ supergateway', case: 'one-at-a-time', figure: 'p50Ms', peer: 'supergateway', atMost: 1.3 },
  {
    what: 'one call at a time, p50 ÷ (mcp-proxy + pipenet)',
    case: 'one-at-a-time',
    figure: 'p50Ms',
    peer: 'mcp-proxy+pipenet',
    atMost: 0.5,
  },
  {
    what: 'the same by the SDK’s client, p50 ÷ supergateway',
    case: 'sdk-one-at-a-time',
    figure: 'p50Ms',
    peer: 'supergateway',
    atMost: 1.3,
  },
  { what: '16 in flight, calls/s ÷ supergateway', case: '16-in-flight', figure: 'callsPerS', peer: 'supergateway', atLeast: 0.9 },
  {
    what: '16 in flight by the SDK’s client, calls/s ÷ supergateway',
    case: 'sdk-16-in-flight',
    figure: 'callsPerS',
    peer: 'supergateway',
    atLeast: 0.9,
  },
  {
    what: '16 in flight, calls/s ÷ (mcp-proxy + pipenet)',
    case: '16-in-flight',
    figure: 'callsPerS',
    peer: 'mcp-proxy+pipenet',
    atLeast: 3,
  },
  { what: '1 MiB results, MB/s ÷ supergateway', case: 'result-1m', figure: 'mbPerS', peer: 'supergateway', atLeast: 1 },
  { what: '16 MiB results, MB/s ÷ supergateway', case: 'result-16m', figure: 'mbPerS', peer: 'supergateway', atLeast: 1 },
  { what: 'memory per idle session, relay', case: 'idle-streams', figure: 'relayKiBOpen', ours: 'ours-share', atMost: 128, unit: ' KiB' },
  { what: 'memory per idle session, agent', case: 'idle-streams', figure: 'agentKiBOpen', ours: 'ours-share', atMost: 32, unit: ' KiB' },
  { what: '16 sessions, memory without the servers', case: 'footprint', figure: 'ownMiB', atMost: 200, unit: ' MiB' },
  { what: '16 sessions, memory in all ÷ supergateway', case: 'footprint', figure: 'allMiB', peer: 'supergateway', atMost: 1.05 },
  { what: '16 sessions, processes', case: 'footprint', figure: 'processes', atMost: 20, unit: '' },
]

/** Those whose figures are there. */
export function ratios(cases: readonly CaseResult[]): Ratio[] {
  return PLEDGES.flatMap((pledge) => {
    const of: Figure = (contender) => figure(cases, pledge.case, contender, pledge.figure)
    const ours = of(pledge.ours ?? 'ours')
    const peer = pledge.peer === undefined ? 1 : of(pledge.peer)
    if (ours === undefined || peer === undefined) return []
    const value = ours / peer
    const { atMost, atLeast, unit = '', what } = pledge
    const target = atMost === undefined ? `≥ ${atLeast}${unit}` : `≤ ${atMost}${unit}`
    return [{ what, value, target, met: atMost === undefined ? value >= (atLeast ?? 0) : value <= atMost }]
  })
}

/** Sizes and numbers that are compared; below them a step's fixed cost shows, and not its growth. */
const SMALL_BYTES = 64 * 1024
const FEW_PENDING = 1000
/** What caches cost: a table that fits into none of them is slower, however its steps are counted. */
const LINEAR_AT_MOST = 2
const CONSTANT_AT_MOST = 4

/** Whether work grows with the bytes only, and a call's not at all: the worst step decides. */
export function growth({ bySize, byPending }: Matching): Ratio[] {
  const [small, large] = [bySize.find(({ bytes }) => bytes === SMALL_BYTES), bySize.at(-1)]
  const [few, many] = [byPending.find(({ pending }) => pending === FEW_PENDING), byPending.at(-1)]
  if (small === undefined || large === undefined || few === undefined || many === undefined) return []
  const perByte = worst(large.us, small.us)
  const perCall = worst(many.ns, few.ns)
  const times = large.bytes / small.bytes
  return [
    ratio(`time per byte, 16 MiB ÷ 64 KiB, worst step (${perByte.step})`, perByte.value / times, LINEAR_AT_MOST),
    ratio(`time per call, 100,000 ÷ 1,000 waiting, worst step (${perCall.step})`, perCall.value, CONSTANT_AT_MOST),
  ]
}

function ratio(what: string, value: number, atMost: number): Ratio {
  return { what, value, target: `≤ ${atMost}`, met: value <= atMost }
}

function worst(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): { readonly step: string; readonly value: number } {
  const steps = Object.entries(after).map(([step, value]) => ({ step, value: value / (before[step] ?? Number.NaN) }))
  return steps.toSorted((a, b) => b.value - a.value)[0] ?? { step: 'none', value: Number.NaN }
}
