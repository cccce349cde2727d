/** `npm run chaos`: runs a schedule of calls and faults against real parts, and compares what clients were told with what ran. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startGuard } from '../../agent/server/guard.ts'
import { isAlive } from '../harness/processes.ts'
import { type CallRecord, type Interval, type Outage, readJournal } from './account.ts'
import { DEADLINE_MS } from './clients.ts'
import { History } from './history.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { makePlan, type Plan, type PlannedCall, type PlannedFault } from './plan.ts'
import { Pulse } from './pulse.ts'
import { ChaosRelay } from './relay.ts'
import { complaints, figures, type Findings, lateCalls, stories, undisturbedFailures } from './report.ts'
import { tellingsOf } from './telling.ts'
import { judge } from './verdict.ts'
import { World } from './world.ts'

/** A server that has been told to end has this long. */
const ORPHAN_MS = 6000

interface Scene {
  readonly relay: ChaosRelay
  readonly worlds: readonly World[]
  readonly history: History
}

/** Sets everything up, carries the plan out, takes everything down, and looks at what is left. */
async function perform(options: Options, plan: Plan, folder: string, history: History): Promise<Findings> {
  const journal = join(folder, 'journal.txt')
  writeFileSync(journal, '')
  const output = openSync(join(folder, 'workerd.log'), 'a')
  await using stack = new AsyncDisposableStack()
  stack.defer(() => closeSync(output))
  const guard = startGuard((reason) => history.event('guard', reason), process.platform)
  stack.defer(guard.end)
  const onProcess = guard.add
  const relay = stack.use(await ChaosRelay.start(folder, history, output, onProcess))
  const worlds: World[] = []
  for (const name of options.worlds) {
    const { agents, clients, lanes } = options
    worlds.push(stack.use(await World.start({ name, agents, clients, lanes, folder, journal, onProcess }, relay, history)))
  }
  const pulse = stack.use(new Pulse())
  const { records, stuck } = await carryOut(plan, { relay, worlds, history })
  const agents = worlds.flatMap((world) => world.agents)
  const misfortunes = {
    relayOutages: relay.outages,
    processOutages: new Map(worlds.map((world) => [world.name, outagesOf(world)])),
    childDeaths: new Map(agents.flatMap(({ childDeaths }) => [...childDeaths])),
    lostAsleep: agents.flatMap(({ where, lostAsleep }) => lostAsleep.map((interval) => ({ ...interval, agent: where }))),
    agentOf: new Map(agents.flatMap(({ where, allChildren }) => [...allChildren].map((pid) => [pid, where] as const))),
  }
  await stack.disposeAsync()
  const lines = readJournal(readFileSync(journal, 'utf8'))
  const disturbances = [...agents.flatMap((agent) => agent.disturbances), ...relay.disturbances]
  const proofs = agents.flatMap((agent) => agent.proofs)
  return {
    verdict: judge(records, lines, misfortunes),
    records,
    tellings: tellingsOf(records, lines, proofs, disturbances, pulse.stops),
    agents,
    faults: plan.faults,
    evictions: worlds.reduce((sum, { evictions }) => sum + evictions, 0),
    stuck,
    strays: worlds.flatMap(({ clients }) => clients.flatMap(({ name, strays = [] }) => strays.map((text) => `${name} heard ${text}`))),
    relayEnds: relay.unexpectedEnds,
    orphans: await orphansOf(agents.flatMap(({ allChildren }) => [...allChildren])),
  }
}

async function carryOut({ calls, faults }: Plan, { worlds, history }: Scene): Promise<{ records: CallRecord[]; stuck: string[] }> {
  const startMs = Date.now()
  const made: Promise<CallRecord>[] = []
  const suffered: Promise<string | undefined>[] = []
  const worldOf = (name: string): World => {
    const world = worlds.find((one) => one.name === name)
    if (world === undefined) throw new Error(`no world ${name}`)
    return world
  }
  const steps = [...calls, ...faults].toSorted((a, b) => a.atMs - b.atMs)
  for (const step of steps) {
    const waitMs = startMs + step.atMs - Date.now()
    if (waitMs > 0) await delay(waitMs)
    if ('fault' in step) suffered.push(suffer(worldOf(step.world), step, history))
    else made.push(makeCall(worldOf(step.world), step))
  }
  const stuck = (await Promise.all(suffered)).filter((error) => error !== undefined)
  history.event('relay', `the schedule is through; waiting for calls, at most ${DEADLINE_MS / 1000} s`)
  return { records: await Promise.all(made), stuck }
}

/** Resolves when all is as it was, or with why it is not. */
async function suffer(world: World, planned: PlannedFault, history: History): Promise<string | undefined> {
  const { kind, ...how } = planned.fault
  const where = kind === 'restart-relay' ? 'relay' : kind === 'reset' || kind === 'evict' ? world.name : `${world.name} ${planned.agent}`
  history.event(where, `${kind} ${JSON.stringify(how)}`)
  try {
    await world.suffer(planned)
  } catch (error) {
    history.event(where, String(error))
    return `${kind} of ${where}: ${String(error)}`
  }
  if (planned.fault.ms > 0) history.event(where, `${kind} is over`)
  return undefined
}

async function makeCall(world: World, call: PlannedCall): Promise<CallRecord> {
  const client = world.clients[call.client]
  if (client === undefined) throw new Error(`no client ${call.client}`)
  const sentMs = Date.now()
  const absences: Interval[] = []
  const outcome = await client.make(call, (absence) => absences.push(absence))
  return { arg: call.arg, tool: call.tool, world: world.name, client: client.name, sentMs, endedMs: Date.now(), outcome, absences }
}

function outagesOf(world: World): Outage[] {
  return world.agents.flatMap(({ where: agent, outages, proofs }) => [
    ...outages.map((outage) => ({ ...outage, agent })),
    ...proofs.filter(({ kind }) => kind === 'death').map(({ atMs }) => ({ fromMs: atMs, toMs: atMs, agent })),
  ])
}

async function orphansOf(pids: readonly number[]): Promise<number> {
  for (let waitedMs = 0; waitedMs < ORPHAN_MS && pids.some(isAlive); waitedMs += 250) await delay(250)
  return pids.filter(isAlive).length
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-chaos-'))
  const history = new History(join(folder, 'history.txt'))
  const plan = makePlan(options)
  console.log(`seed ${options.seed}: ${plan.calls.length} calls and ${plan.faults.length} faults in ${Math.round(plan.lengthMs / 1000)} s`)
  const findings = await perform(options, plan, folder, history)
  const wrong = complaints(findings)
  const isGood = wrong.length === 0 && findings.verdict.violations.length === 0
  console.log([...figures(findings), ...undisturbedFailures(findings, history), ...lateCalls(findings, history)].join('\n'))
  if (!isGood || options.keep) {
    console.log([...stories(findings, history), '', ...wrong.map((text) => `violation: ${text}`)].join('\n'))
    history.writeFrames(join(folder, 'frames.txt'))
    writeFileSync(join(folder, 'calls.txt'), findings.records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    console.log(`logs, journal, history, frames and calls: ${folder}`)
  } else rmSync(folder, { recursive: true, force: true })
  if (!isGood) {
    console.log(`seed ${options.seed} FAILED`)
    return 1
  }
  console.log(`seed ${options.seed}: no violation`)
  return 0
}

process.exitCode = await main()
