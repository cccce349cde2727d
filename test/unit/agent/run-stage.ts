/** An agent that runs a scripted server for a scripted relay. */
import { LocalAgent } from './local-agent.ts'
import { ScriptedRelay } from './scripted-relay.ts'
import { scriptServer } from './script-server.ts'

/** Answers with the line it got; `note` sends that many notifications first, `big` answers with so many bytes. */
export const SERVER = scriptServer(`
  on = (message, line) => {
    if (message.id === undefined) return
    for (let n = 0; n < (message.params?.note ?? 0); n++) send({ jsonrpc: '2.0', method: 'notifications/message', params: { n } })
    if (message.method === 'later') return void process.once('SIGUSR2', () => result(message.id, 'later'))
    if (message.method === 'pid') return result(message.id, process.pid)
    if (message.method === 'die') return process.exit(7)
    if (message.method === 'burst') return raw([1, 2, 3].map((id) => JSON.stringify({ jsonrpc: '2.0', id, result: 'burst' }) + '\\n').join(''))
    if (message.method === 'silent') return
    result(message.id, message.params?.big === undefined ? line : '漢'.repeat(message.params.big / 3))
  }`)

/** What the server speaks is said, so that no process but those of the channels runs. */
export const FAST = ['--reconnect-delay', '10ms', '--era', 'legacy']

export interface Stage extends AsyncDisposable {
  readonly relay: ScriptedRelay
  readonly agent: LocalAgent
}

export async function stage(args: readonly string[] = FAST, server = SERVER): Promise<Stage> {
  const relay = await ScriptedRelay.start()
  const agent = new LocalAgent(relay.token(), [...args, '--', ...server])
  return {
    relay,
    agent,
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      await relay[Symbol.asyncDispose]()
    },
  }
}
