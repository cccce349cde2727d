/** Has a client leave each kind of request, stream and start, and sees whether the object sleeps soon, and serves the next call. */
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { GRACE_MS } from '../../protocol/limits.ts'
import { StateFolder } from '../../test/harness/selfhost.ts'
import { NODE, Program } from '../../test/harness/program.ts'
import { type ProfiledRelay, type ShareAccess, untilReady } from '../profile/relay.ts'
import { type Kind, KINDS, LeavingClient } from './kinds.ts'

/** What is left must let the object go within 15 s. */
const LET_GO_MS = 15_000
/** workerd takes 10 s, and a little, until an object that is idle is gone. */
const IDLE_MS = 12_000
const SERVER_FILE = join(import.meta.dirname, 'server.ts')

export const ABANDONED_HEADINGS = ['left by its client', 'object slept', 'next call']

interface Abandoned {
  readonly name: string
  readonly hasSlept: boolean
  /** What the next call was answered with, where that was no result. */
  readonly failure: string | undefined
}

export function isLetGo({ hasSlept, failure }: Abandoned): boolean {
  return hasSlept && failure === undefined
}

export function shownAbandoned({ name, hasSlept, failure }: Abandoned): string[] {
  return [name, hasSlept ? 'yes' : 'NO', failure === undefined ? 'works' : `FAILS: ${failure}`]
}

/** One for each kind, all measured at once, each on a share of its own. */
export async function measureAbandoned(relay: ProfiledRelay): Promise<Abandoned[]> {
  return await Promise.all(KINDS.map((kind) => measure(relay, kind)))
}

async function measure(relay: ProfiledRelay, kind: Kind): Promise<Abandoned> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await StateFolder.create())
  const share = await relay.createShare()
  const agent = stack.use(await startAgent(relay, share, folder.path))
  const client = new LeavingClient(`${relay.origin}${share.path}`)
  if (kind.isAway === true) {
    await client.open()
    await agent.stop('SIGTERM')
  }
  await kind.leave(client)
  const before = await relay.incarnation(share)
  // An agent that has left is given up by alarm, and the call that waited for it has come back once before.
  await delay((kind.isAway === true ? GRACE_MS : LET_GO_MS + (kind.alarmMs ?? 0)) + IDLE_MS)
  const hasSlept = (await relay.incarnation(share)) !== before
  if (kind.isAway === true) stack.use(await startAgent(relay, share, folder.path))
  const next = new LeavingClient(`${relay.origin}${share.path}`)
  await next.open()
  const answer = await next.call('echo')
  return { name: kind.name, hasSlept, failure: answer.includes('"content"') ? undefined : answer.slice(0, 100) }
}

async function startAgent(relay: ProfiledRelay, share: ShareAccess, folder: string): Promise<Program> {
  // Its pings, which wake nobody, are those of any agent.
  const own = ['agent/cli.ts', '--relay', relay.origin, '--json', '--era', 'legacy', '--', NODE, SERVER_FILE, folder]
  const agent = new Program(NODE, own, { env: { MCP_EDGE_TOKEN: share.agentToken } })
  await untilReady(agent)
  return agent
}
