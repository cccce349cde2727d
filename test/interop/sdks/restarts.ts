/** One client object through restarts of all that is behind its URL: the server's process, the agent, the relay. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE, ROOT } from '../../harness/program.ts'
import { type Agent, type Command, createShare, fixture, type Share, startAgent, StateFolder } from '../../harness/selfhost.ts'
import { KillableRelay } from '../killable-relay.ts'
import type { Proof } from '../proof.ts'
import { ForeignClient, type ForeignProgram, type Way } from './foreign-client.ts'

/** What a client answers to the server's asks, as a part of the tool's text. */
const ANSWERS = { elicitation: 'Grace', sampling: 'sampled', roots: 'file:///tmp/root' }

export interface RestartPlan extends Way {
  /** The library and its version. */
  readonly name: string
  readonly needs?: Proof['needs']
  /** Fetches and builds what the program needs, outside the bounds of the proof's own steps, and says how it is started. */
  readonly program: () => Promise<ForeignProgram>
  /** What its library lets it answer. */
  readonly asks: readonly (keyof typeof ANSWERS)[]
  /** Why its library has to connect anew after the relay was killed, where it has to. */
  readonly reconnects?: string
  /** The server: ours of the handshake era, which hides nothing (`echo`), or the SDK's of both eras. */
  readonly server?: 'echo' | 'both eras'
  /** Each of its calls has a session, and so a server, of its own: none is left to be killed. */
  readonly hasSessionPerCall?: true
}

function expectEqual(what: string, seen: string, expected: string): void {
  if (seen !== expected) throw new Error(`${what}: ${seen.slice(0, 500)} instead of ${expected}`)
}

/** A foreign client of a share whose server, agent and relay are killed one after the other. */
class RestartRun {
  readonly #client: ForeignClient
  readonly #share: Share
  readonly #journal: string
  #calls = 0

  constructor(client: ForeignClient, share: Share, journal: string) {
    this.#client = client
    this.#share = share
    this.#journal = journal
  }

  startAgent(server: RestartPlan['server']): Promise<Agent> {
    const both: Command = [NODE, join(ROOT, 'test/interop/servers/sdk2-server.ts'), '--journal', this.#journal]
    return startAgent(this.#share, { command: server === 'both eras' ? both : fixture('echo', '--journal', this.#journal) })
  }

  /** A call that no other is equal to: the journal shows whether it ran twice. */
  async call(when: string): Promise<void> {
    const text = `call ${++this.#calls} ${when} grüße 漢字 🙂`
    expectEqual(`the call ${when}`, await this.#client.call('echo', { text }), text)
  }

  async list(): Promise<void> {
    const names = await this.#client.list()
    if (!names.some((name) => name.endsWith('echo'))) throw new Error(`no tool echo among ${names.join(', ')}`)
  }

  async ask(asks: RestartPlan['asks']): Promise<void> {
    if (asks.length === 0) return
    const text = await this.#client.ask()
    for (const ask of asks) if (!text.includes(ANSWERS[ask])) throw new Error(`no answer to ${ask} in: ${text}`)
  }

  /** Ends when the agent knows of it: a call in between may have reached the server, and nobody could say. */
  async killServer(agent: Agent): Promise<void> {
    process.kill(Number(await this.#client.call('pid')), 'SIGKILL')
    const killed = (line: string): true | undefined => (/"channel\.end".*"SIGKILL"/.test(line) ? true : undefined)
    await agent.program.stderr.find(killed, 'the end of the server')
  }

  async expectEachOnce(): Promise<void> {
    const lines = (await readFile(this.#journal, 'utf8')).trim().split('\n')
    if (lines.length !== this.#calls || new Set(lines).size !== this.#calls) {
      throw new Error(`${this.#calls} calls were made, and these ran:\n${lines.join('\n')}`)
    }
  }
}

/** Connects once and goes on through the end of the server, the agent and the relay. */
async function proveRestarts({ program, asks, reconnects, hasSessionPerCall, server, ...way }: RestartPlan): Promise<void> {
  const started = await program()
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await StateFolder.create())
  const first = stack.use(await KillableRelay.start(folder))
  const share = await createShare(first.relay)
  const client = stack.use(new ForeignClient(share, started, way))
  const run = new RestartRun(client, share, join(folder.path, 'journal'))
  const firstAgent = stack.use(await run.startAgent(server))

  const hello = await client.connect()
  await run.list()
  await run.call('before')
  await run.ask(asks)
  if (hasSessionPerCall !== true) await run.killServer(firstAgent)
  await run.call('after the end of the server')
  await firstAgent.program.kill9()
  const waiting = run.call('without an agent')
  waiting.catch(() => {})
  stack.use(await run.startAgent(server))
  await waiting
  stack.use(await first.killAndStart())
  if (reconnects !== undefined) await client.connect()
  await run.call('after the end of the relay')
  await run.list()
  await run.ask(asks)
  await client.close()
  await run.expectEachOnce()
  const limit = reconnects === undefined ? '' : `; connected anew after the relay's end: ${reconnects}`
  console.log(`    ${hello}; asked for ${asks.join(', ') || 'nothing'}; calls tried again: ${client.retries}${limit}`)
}

/** The proof that a client goes on, as one object, while server, agent and relay are killed and started again. */
export function restartProof(plan: RestartPlan): Proof {
  const { name, by, transport, needs, server = 'echo' } = plan
  return {
    name: `${name} by ${by} over ${transport}, through restarts${server === 'echo' ? '' : ` of a server of ${server}`}`,
    ...(needs && { needs }),
    run: () => proveRestarts(plan),
  }
}
