/** Owns the schedule of a run: every call and every fault with its time, all from one seed. Pure. */
import type { Tool } from './account.ts'
import { type Fault, FAULT_KINDS, type FaultKind, planFault } from './plan-faults.ts'
import { Random } from './random.ts'

/** How a share is used: one child a session, one child for all, or without sessions (revision 2026-07-28). */
export const WORLDS = ['session', 'shared', 'modern'] as const
export type WorldName = (typeof WORLDS)[number]

export interface PlanOptions {
  readonly seed: number
  readonly calls: number
  readonly callsPerSecond: number
  /** Of each world. */
  readonly agents: number
  readonly clients: number
  readonly worlds: readonly WorldName[]
  readonly faults: readonly FaultKind[]
  /** Mean pause between two faults. */
  readonly faultEveryMs: number
}

export interface PlannedCall {
  /** From the start of the run. */
  readonly atMs: number
  readonly world: WorldName
  /** From 0. */
  readonly client: number
  readonly arg: string
  readonly tool: Tool
  readonly ms: number
  readonly kib: number
  readonly steps: number
  /** Whether the client asks for progress. */
  readonly progress: boolean
  /** Whether the server is to say something to the log. */
  readonly log: boolean
  /** Whether the client goes away from the stream of its answer once, and comes back. */
  readonly leaves: boolean
}

export interface PlannedFault {
  readonly atMs: number
  readonly world: WorldName
  readonly agent: number
  readonly fault: Fault
}

export interface Plan {
  readonly calls: readonly PlannedCall[]
  readonly faults: readonly PlannedFault[]
  readonly lengthMs: number
}

/** The first calls run undisturbed, so that a broken set-up is not taken for the work of a fault. */
const CALM_MS = 2000
/** Calls of a burst that is to fill an agent's tail while its link is gone. */
const BURST_CALLS = 6

const TOOL_WEIGHTS: Readonly<Record<Tool, number>> = { once: 40, slow: 15, big: 4, chatty: 5, lookup: 12, put: 8, note: 10, visit: 2 }
const MODERN_TOOL_WEIGHTS = { ...TOOL_WEIGHTS, note: 0, visit: 0 }

export function makePlan(options: PlanOptions): Plan {
  const lengthMs = Math.ceil((options.calls / options.callsPerSecond) * 1000)
  // Apart, so that a run without some faults has the same calls at the same times.
  const faults = planFaults(options, lengthMs, new Random(options.seed))
  const bursts = planBursts(options, faults, new Random(options.seed + 1))
  const calls = planCalls({ ...options, calls: Math.max(0, options.calls - bursts.length) }, faults, lengthMs, new Random(options.seed + 2))
  return { calls: [...calls, ...bursts].toSorted((a, b) => a.atMs - b.atMs), faults, lengthMs }
}

function planFaults({ agents, worlds, faults: kinds, faultEveryMs }: PlanOptions, lengthMs: number, random: Random): PlannedFault[] {
  const weights = Object.fromEntries(kinds.map((kind) => [kind, FAULT_KINDS[kind]])) as Partial<Record<FaultKind, number>>
  const faults: PlannedFault[] = []
  /** Until when an agent, a world or the relay has its fault: two on the same would hide each other. */
  const busyUntil = new Map<string, number>()
  for (let atMs = CALM_MS + random.pauseMs(faultEveryMs); atMs < lengthMs && kinds.length > 0; atMs += random.pauseMs(faultEveryMs)) {
    const kind = random.weighted(weights)
    const world = random.pick(worlds)
    const agent = random.between(0, agents - 1)
    const fault = planFault(kind, random)
    const victim = kind === 'restart-relay' ? 'relay' : kind === 'reset' || kind === 'evict' ? world : `${world} ${agent}`
    if ((busyUntil.get(victim) ?? 0) > atMs || (kind === 'evict' && worlds.length < 2)) continue
    busyUntil.set(victim, atMs + fault.ms)
    faults.push({ atMs, world, agent, fault })
  }
  return faults
}

function planCalls(
  { calls, worlds, clients }: PlanOptions,
  faults: readonly PlannedFault[],
  lengthMs: number,
  random: Random,
): PlannedCall[] {
  const lulls = faults.filter(({ fault }) => fault.kind === 'evict')
  return Array.from({ length: calls }, (_, at) => {
    const atMs = Math.floor((at / calls) * lengthMs)
    const asleep = new Set(lulls.filter((lull) => atMs >= lull.atMs && atMs < lull.atMs + lull.fault.ms).map(({ world }) => world))
    const awake = worlds.filter((world) => !asleep.has(world))
    const world = random.pick(awake.length === 0 ? worlds : awake)
    const tool = random.weighted(world === 'modern' ? MODERN_TOOL_WEIGHTS : TOOL_WEIGHTS)
    return { atMs, world, arg: '', ...callOf(tool, random), client: random.between(0, clients - 1) }
  }).map((call, at) => ({ ...call, arg: `${call.world}.${call.client}.${at}` }))
}

function callOf(tool: Tool, random: Random): Pick<PlannedCall, 'tool' | 'ms' | 'kib' | 'steps' | 'progress' | 'log' | 'leaves'> {
  const plain = {
    tool,
    ms: random.chance(0.5) ? 0 : random.between(1, 40),
    kib: 0,
    steps: 0,
    progress: random.chance(0.2),
    log: random.chance(0.1),
    leaves: random.chance(0.1),
  }
  switch (tool) {
    case 'slow':
      return { ...plain, ms: random.chance(0.1) ? random.between(9_500, 16_000) : random.between(100, 3_000), steps: random.between(0, 3) }
    case 'big':
      return { ...plain, kib: random.chance(0.2) ? random.between(1_000, 3_000) : random.between(1, 600) }
    case 'chatty':
      return { ...plain, ms: random.between(0, 500), steps: random.between(5, 60), progress: true }
    default:
      return plain
  }
}

function planBursts({ clients }: PlanOptions, faults: readonly PlannedFault[], random: Random): PlannedCall[] {
  const tails = faults.filter(({ fault }) => fault.kind === 'tail')
  return tails.flatMap(({ atMs, world }, burst) =>
    Array.from({ length: BURST_CALLS }, (_, at): PlannedCall => {
      const client = random.between(0, clients - 1)
      const steps = random.between(150, 500)
      const arg = `${world}.${client}.burst-${burst}-${at}`
      return {
        atMs: atMs - 50,
        world,
        client,
        arg,
        tool: 'chatty',
        ms: random.between(200, 2_000),
        kib: 0,
        steps,
        progress: true,
        log: false,
        leaves: false,
      }
    }),
  )
}
