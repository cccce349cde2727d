/** CPU profiles of workerd and of the agent under the same load. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../../test/harness/program.ts'
import { freePort } from '../contenders/contender.ts'
import { runLoad } from '../report/figures.ts'
import { Caller } from './caller.ts'
import { type CpuProfile, moduleOfLine, type Naming, type Share, timeByName } from './cpu-profile.ts'
import { Inspector } from './inspector.ts'
import { ProfiledRelay } from './relay.ts'

export interface Spent {
  readonly title: string
  readonly calls: number
  readonly byFunction: readonly Share[]
  readonly byModule: readonly Share[]
}

const WARM_UP_MS = 2000

/** Profiles both while so many calls are in flight on one session. */
export async function profileCpu(inFlight: number, forMs: number): Promise<readonly Spent[]> {
  await using relay = await ProfiledRelay.start(join(ROOT, 'worker/index.ts'), { inspect: true })
  const share = await relay.createShare()
  const agentPort = await freePort()
  await relay.startAgent(share, [`--inspect=127.0.0.1:${agentPort}`], [])
  using caller = new Caller({ port: relay.port, path: share.path })
  await caller.initialize()
  const tasks = Array.from({ length: inFlight }, () => () => caller.call())
  await runLoad(tasks, WARM_UP_MS)
  await using atWorkerd = await Inspector.connect(relay.inspectorPort)
  await using atAgent = await Inspector.connect(agentPort)
  await Promise.all([atWorkerd.start(), atAgent.start()])
  const { latenciesMs } = await runLoad(tasks, forMs)
  const [workerd, agent] = await Promise.all([atWorkerd.stop(), atAgent.stop()])
  const moduleOf = moduleOfLine(await readFile(relay.bundleFile, 'utf8'))
  const inBundle = (url: string, line: number): string => (url === 'worker.js' ? moduleOf(line) : url || 'native')
  const inTree = (url: string): string => (url === '' ? 'native' : url.replace('file://', '').replace(`${ROOT}/`, ''))
  return [spent('workerd', workerd, latenciesMs.length, inBundle), spent('agent', agent, latenciesMs.length, inTree)]
}

function spent(title: string, profile: CpuProfile, calls: number, moduleOf: (url: string, line: number) => string): Spent {
  const isBuiltIn = (name: string): boolean => name.startsWith('(')
  const byFunction: Naming = (name, url, line) => (isBuiltIn(name) ? name : `${name || '(anonymous)'} ${moduleOf(url, line)}:${line + 1}`)
  const byModule: Naming = (name, url, line) => (isBuiltIn(name) ? name : moduleOf(url, line))
  return { title, calls, byFunction: timeByName(profile, byFunction), byModule: timeByName(profile, byModule) }
}
