/** Calls that say who makes them, to an agent that wants to know: both eras of client on both eras of server, in the real runtime. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { discovered, ELICITS, initializeText, SERVER } from '../harness/bridged-session.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare, TestClient, type TestShare } from '../harness/relay.ts'
import { initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
const LIST = '{"jsonrpc":"2.0","id":7,"method":"prompts/list"}'
const CLIENT = /^client:[0-9a-f]{24}$/

/** What the next call of this method says of its principal. */
async function namedIn(agent: ScriptedAgent, method: string): Promise<string | undefined> {
  for (;;) {
    const { header } = await agent.next()
    if (header.type === 'notify') agent.send({ type: 'receipts', keys: [header.key] })
    if (header.type === 'call' && header.method === method) return header.principal
    if (header.type === 'call')
      agent.answer(header, '0', '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}')
  }
}

type Scene = (share: TestShare, agent: ScriptedAgent) => Promise<string | undefined>

const SCENES: readonly (readonly [string, 'legacy' | 'modern', Scene])[] = [
  [
    'a session, a server of the handshake era',
    'legacy',
    async (share, agent) => {
      const client = new TestClient(share)
      await initialize(agent, client)
      void client.post(PING)
      return namedIn(agent, 'ping')
    },
  ],
  [
    'a session, a server of 2026-07-28',
    'modern',
    async (share, agent) => {
      const client = new TestClient(share)
      const begun = client.post(initializeText(ELICITS))
      await agent.expect('open')
      await discovered(agent, SERVER)
      client.session = (await begun).headers.get('mcp-session-id') ?? undefined
      void client.post(LIST)
      return namedIn(agent, 'prompts/list')
    },
  ],
  [
    'a client of 2026-07-28, a server of its era',
    'modern',
    (share, agent) => {
      void postModern(share, 'prompts/list')
      return namedIn(agent, 'prompts/list')
    },
  ],
  [
    'a client of 2026-07-28, a server of the handshake era',
    'legacy',
    (share, agent) => {
      void postModern(share, 'prompts/list')
      return namedIn(agent, 'prompts/list')
    },
  ],
]

describe.each(SCENES)('%s', (_, era, scene) => {
  test('a call names its principal to an agent that wants to know, and to no other', async () => {
    verifies('promise.1.tells-principal')
    for (const wants of [{ wantsPrincipal: true } as const, {}]) {
      const share = await createShare()
      const named = await scene(share, await ScriptedAgent.connect(share, { era, ...wants }))
      if ('wantsPrincipal' in wants) expect(named).toMatch(CLIENT)
      else expect(named).toBeUndefined()
    }
  })
})
