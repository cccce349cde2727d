/** What the platform alone costs, as a contender: Worker, object, WebSocket, agent and pipe, with nothing done on the way. */
import { join } from 'node:path'
import { type Contender, StartFailure } from './contender.ts'
import { ProfiledRelay } from '../profile/relay.ts'

export const BARE: Contender = {
  name: 'bare',
  title: 'the bare platform',
  start: async ({ command }) => {
    const commands = ['workerd serve (bench/profile/worker/bare.ts)', `node bench/profile/echo-agent.ts ${command.join(' ')}`]
    const relay = await ProfiledRelay.start(join(import.meta.dirname, '../profile/worker/bare.ts'))
    try {
      const agent = await relay.startEchoAgent(command)
      return {
        endpoint: { port: relay.port, path: '/mcp' },
        commands,
        roots: [relay.workerd.pid, agent.pid],
        agentPid: agent.pid,
        [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
      }
    } catch (error) {
      await relay[Symbol.asyncDispose]()
      throw new StartFailure(commands, error)
    }
  },
}
