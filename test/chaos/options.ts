/** Owns the command line of `npm run chaos`. */
import { parseArgs } from 'node:util'
import { FAULT_KINDS, type FaultKind, isFaultKind } from './plan-faults.ts'
import { type PlanOptions, WORLDS, type WorldName } from './plan.ts'

export const USAGE = `npm run chaos -- [options]

Real relay, agents, servers and clients under a seeded schedule of faults; what clients were told is compared with what ran.

  --seed N          the same seed gives the same calls and faults (default: 1)
  --calls N         calls to make (default: 2000)
  --rate N          calls a second (default: 80)
  --minutes N       make fewer calls if need be, so that the schedule takes no longer
  --agents N        agents of each share (default: 3)
  --clients N       clients of each share (default: 8)
  --lanes N         objects that carry each share (default: 1)
  --worlds a,b      kinds of shares: ${WORLDS.join(', ')} (default: all)
  --faults a,b      kinds of faults, or none (default: all): ${Object.keys(FAULT_KINDS).join(', ')}
  --fault-every MS  mean pause between two faults (default: 1000)
  --keep            keep logs and journal of a run without violation, too`

export interface Options extends PlanOptions {
  readonly lanes: number
  readonly keep: boolean
  readonly help: boolean
}

/** @throws {Error} that says what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      calls: { type: 'string', default: '2000' },
      rate: { type: 'string', default: '80' },
      minutes: { type: 'string' },
      agents: { type: 'string', default: '3' },
      clients: { type: 'string', default: '8' },
      lanes: { type: 'string', default: '1' },
      worlds: { type: 'string', default: WORLDS.join(',') },
      faults: { type: 'string', default: Object.keys(FAULT_KINDS).join(',') },
      'fault-every': { type: 'string', default: '1000' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const callsPerSecond = positive(values.rate, '--rate')
  const limit = values.minutes === undefined ? Infinity : Math.floor(positive(values.minutes, '--minutes') * 60 * callsPerSecond)
  return {
    seed: Number(values.seed),
    calls: Math.min(positive(values.calls, '--calls'), limit),
    callsPerSecond,
    agents: positive(values.agents, '--agents'),
    clients: positive(values.clients, '--clients'),
    lanes: positive(values.lanes, '--lanes'),
    worlds: list(values.worlds, isWorld, '--worlds'),
    faults: values.faults === 'none' ? [] : list<FaultKind>(values.faults, isFaultKind, '--faults'),
    faultEveryMs: positive(values['fault-every'], '--fault-every'),
    keep: values.keep,
    help: values.help,
  }
}

function positive(text: string, name: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${name} must be a positive number`)
  return value
}

function list<T extends string>(text: string, isOne: (word: string) => word is T, name: string): T[] {
  const words = text.split(',').map((word) => word.trim())
  const wrong = words.find((word) => !isOne(word))
  if (wrong !== undefined) throw new Error(`${name}: "${wrong}" is none; see --help`)
  return words.filter(isOne)
}

function isWorld(text: string): text is WorldName {
  return (WORLDS as readonly string[]).includes(text)
}
