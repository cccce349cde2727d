/** Owns how a test connects an agent to all lanes of a share, and finds out which lane serves whom. */
import { expect } from 'vitest'
import { TestClient, type TestShare } from './relay.ts'
import { BARE_SERVER, ScriptedAgent } from './scripted-agent.ts'

export const LANES = 8

export async function connectAll(share: TestShare, hello: Parameters<typeof ScriptedAgent.connect>[1] = {}): Promise<ScriptedAgent[]> {
  return Promise.all(
    Array.from({ length: LANES }, (_, lane) => ScriptedAgent.connect(share, lane === 0 ? hello : { ...hello, join: 'replica' }, lane)),
  )
}

/** The next frame of whichever lane has one, and that lane. */
export async function nextOf(
  agents: readonly ScriptedAgent[],
): Promise<{ readonly lane: number; readonly frame: Awaited<ReturnType<ScriptedAgent['next']>> }> {
  for (;;) {
    const lane = agents.findIndex(({ waiting }) => waiting.length > 0)
    const agent = agents[lane]
    if (agent !== undefined) return { lane, frame: await agent.next() }
    await Promise.race(agents.map((one) => one.hasFrame()))
  }
}

/** The lane on which a channel is opened next. */
export async function opened(agents: readonly ScriptedAgent[]): Promise<{ readonly lane: number; readonly agent: ScriptedAgent }> {
  for (;;) {
    const { lane, frame } = await nextOf(agents)
    const agent = agents[lane]
    if (frame.header.type === 'open' && agent !== undefined) return { lane, agent }
  }
}

export interface Seat {
  readonly client: TestClient
  readonly lane: number
  readonly agent: ScriptedAgent
}

/** A session, and the lane that it was given. */
export async function seat(share: TestShare, agents: readonly ScriptedAgent[]): Promise<Seat> {
  const client = new TestClient(share)
  const response = client.initialize()
  const { lane, agent } = await opened(agents)
  agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
  expect((await response).status).toBe(200)
  return { client, lane, agent }
}
