/** What a client object is told of the call that was under way when its server, the agent or the relay was killed; it goes on with the next. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ERRORS } from '../../../protocol/error-table.ts'
import { until, within } from '../../harness/deadline.ts'
import { createShare, fixture, startAgent, StateFolder } from '../../harness/selfhost.ts'
import type { Proof } from '../proof.ts'
import { ForeignClient } from './foreign-client.ts'
import { KillableRelay } from '../killable-relay.ts'
import type { RestartPlan } from './restarts.ts'

/** Once it has begun, a call is far from its end when something is killed. */
const SLOW_MS = 14_000
/** After this the relay has opened the call's stream, so that a client can come back to it. */
const STREAM_OPEN_MS = 6500
const TOLD_MS = 30_000

export interface LostCallPlan extends Pick<RestartPlan, 'name' | 'needs' | 'program' | 'by' | 'transport'> {
  /** Whether the library takes the answer to a call whose stream broke when the relay was killed; without it, it tells of the break. */
  readonly resumes?: true
  /** Why the relay is not killed in the middle of a call: what the library does then is no matter of ours. */
  readonly spared?: string
}

class LostCalls {
  readonly #client: ForeignClient
  readonly #journal: string
  /** The milliseconds name the call in the journal. */
  #ms = SLOW_MS

  constructor(client: ForeignClient, journal: string) {
    this.#client = client
    this.#journal = journal
  }

  /** Makes a call, and `end`s something once it has begun. What the client is told: the result's text, or the error's. */
  async during(what: string, end: () => Promise<unknown>, afterMs = 0): Promise<string> {
    const ms = ++this.#ms
    const told = this.#client.call('slow', { ms }).catch((error: unknown) => String(error))
    await until(async () => (await this.#times(ms)) > 0, `the call under way (${what})`)
    await delay(afterMs)
    await end()
    const text = await within(told, `what the client is told (${what})`, TOLD_MS)
    if ((await this.#times(ms)) !== 1) throw new Error(`${what}: the call ran ${await this.#times(ms)} times`)
    const next = `after ${what}`
    const echoed = await this.#client.call('echo', { text: next })
    if (echoed !== next) throw new Error(`${next}: ${echoed}`)
    return text
  }

  async #times(ms: number): Promise<number> {
    const journal = await readFile(this.#journal, 'utf8').catch(() => '')
    return journal.split('\n').filter((line) => line === `slow ${ms}`).length
  }
}

function expectTold(told: string, code: 'CHILD_DIED' | 'AGENT_LOST'): void {
  if (!told.includes(ERRORS[code].message)) throw new Error(`not told of ${code}: ${told.slice(0, 500)}`)
}

async function proveLostCalls({ program, resumes, spared, ...way }: LostCallPlan): Promise<void> {
  const started = await program()
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await StateFolder.create())
  const relay = stack.use(await KillableRelay.start(folder))
  const share = await createShare(relay.relay)
  const journal = join(folder.path, 'journal')
  const start = () => startAgent(share, { command: fixture('echo', '--journal', journal) })
  const agent = stack.use(await start())
  const client = stack.use(new ForeignClient(share, started, way))
  await client.connect()
  const calls = new LostCalls(client, journal)

  const pid = Number(await client.call('pid'))
  expectTold(await calls.during('the end of the server', () => Promise.resolve(process.kill(pid, 'SIGKILL'))), 'CHILD_DIED')
  const replace = async () => {
    await agent.program.kill9()
    stack.use(await start())
  }
  expectTold(await calls.during('the end of the agent', replace), 'AGENT_LOST')
  if (spared !== undefined) return console.log(`    the relay was not killed: ${spared}`)
  const told = await calls.during('the end of the relay', async () => stack.use(await relay.killAndStart()), STREAM_OPEN_MS)
  if (resumes && !told.startsWith('slept')) throw new Error(`the call was not taken up again: ${told.slice(0, 500)}`)
  console.log(`    of the relay's end the client was told: ${told.replaceAll(/\s+/g, ' ').slice(0, 160)}`)
}

/** The proof that a call under way is lost with a word, or not at all, and never runs twice. */
export function lostCallProof(plan: LostCallPlan): Proof {
  const { name, by, transport, needs } = plan
  return { name: `${name} by ${by} over ${transport}, its calls under way`, ...(needs && { needs }), run: () => proveLostCalls(plan) }
}
