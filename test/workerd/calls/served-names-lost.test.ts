/** Agents of one share that serve different names (--serves), where one is lost or comes while calls run: no call runs twice, and none is told of another's agent. */
import { describe, expect, test } from 'vitest'
import type { Hello } from '../../../protocol/handshake.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, resetShare, TestClient, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { SelfAnsweringAgent } from '../harness/self-answering-agent.ts'

const callOf = (id: number, name: string): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":{}}}`

interface Scene {
  readonly share: TestShare
  readonly git: SelfAnsweringAgent
  readonly files: SelfAnsweringAgent
}

/** A share whose clients begin with the agent `git`. */
async function scene(hello: Partial<Omit<Hello, 'type'>> = {}): Promise<Scene> {
  const share = await createShare()
  const git = await SelfAnsweringAgent.connect(share, 'git', { tools: ['git_log'] }, { patterns: ['a_git', 'git_*'], ...hello })
  const files = await SelfAnsweringAgent.connect(share, 'files', { tools: ['fs_read'] }, { patterns: ['fs_*'], ...hello })
  return { share, git, files }
}

describe('a call that may have run', () => {
  test('is not made on an agent that has come since, whose patterns fit better', async () => {
    verifies('promise.serves.once')
    const { share, files } = await scene()
    const client = new TestClient(share)
    await client.initialize()
    files.held.add('fs_read')
    const response = client.post(callOf(1, 'fs_read'))
    await files.call('tools/call')
    const better = { patterns: ['fs_read'] }
    const newer = await SelfAnsweringAgent.connect(share, 'newer', { tools: ['fs_read'] }, better)
    // Its child for the session is there before the call is made again.
    await client.post('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    const [ch = ''] = newer.opened.keys()
    await resetShare(share)
    const channels = [{ ch, n: newer.agent.lastNumber(ch) }]
    const link = await ScriptedAgent.connect(share, { agent: 'newer', instance: 'newer-1', ...better, channels })
    const back = new SelfAnsweringAgent(link, 'newer', { tools: ['fs_read'] }, false)
    expect(await (await response).json()).toMatchObject({ error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(newer.count('tools/call') + back.count('tools/call')).toBe(0)
  })
})
