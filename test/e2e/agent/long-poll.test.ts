/** An agent behind something that lets no WebSocket through, with real processes: it falls back to polls, loses nothing, and leaves them again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type UpgradeFate, UpgradeBlocker } from '../../fixtures/blocks-upgrades.ts'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import {
  type Agent,
  createShare,
  fixture,
  type Relay,
  Selfhost,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
} from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

/** An agent that dials through a middlebox. */
async function startBehind(blocker: UpgradeBlocker, share: Share, args: readonly string[] = [], command = fixture('echo')): Promise<Agent> {
  const way = ['--relay', blocker.origin, '--poll-retry-delay', '50ms', '--reconnect-delay', '50ms', ...args]
  return stack.use(await startAgent(share, { command, args: way }))
}

describe('an agent behind something that does to upgrades what it should not', () => {
  test('falls back to polls, says so, and serves, whatever that is', async () => {
    verifies('link.poll.falls-back', 'link.poll.serves')
    const fates: readonly UpgradeFate[] = ['403', '200', 'strip', 'cut', 'hang']
    const serve = async (fate: UpgradeFate): Promise<string> => {
      await using blocker = await UpgradeBlocker.start(relay.origin, fate)
      const share = await createShare(relay)
      const agent = await startBehind(blocker, share)
      expect(await agent.event('link.polls')).toMatchObject({ level: 'warn', retryMs: 300_000 })
      const client = await RawClient.connect(share)
      const said = toolText((await client.callTool('echo', { text: fate })).last['result'])
      expect(await agent.program.stop('SIGTERM')).toHaveProperty('code', 0)
      return said
    }
    expect(await Promise.all(fates.map(serve))).toEqual(fates)
  }, 120_000)

  test('is told by the relay itself that its token is no more, and ends', async () => {
    verifies('link.poll.falls-back')
    await using blocker = await UpgradeBlocker.start(relay.origin, '403')
    const share = await createShare(relay)
    const agent = await startBehind(blocker, share)
    expect((await relay.api('DELETE', `shares/${share.id}`)).status).toBe(204)
    expect(await agent.program.exited).toHaveProperty('code', 6)
  }, 60_000)
})

describe('over polls', () => {
  test('large bodies go both ways byte for byte, whatever answers are lost on the way', async () => {
    verifies('link.poll.in-order', 'link.poll.serves')
    await using blocker = await UpgradeBlocker.start(relay.origin, '403')
    const share = await createShare(relay)
    const agent = await startBehind(blocker, share, ['--transport', 'poll'])
    const client = await RawClient.connect(share)
    const text = Array.from({ length: 900_000 }, (_, at) => String(at % 10_000_000).padStart(8, '0')).join('')
    blocker.lose('poll', 'message', 'poll', 'poll', 'message')
    const answer = await client.callTool('echo', { text })
    expect(toolText(answer.last['result']) === text).toBe(true)
    expect(blocker.upgrades).toBe(0)
    await agent.program.kill9()
  }, 120_000)

  test('calls run once over a restart of the relay and the death of a connection', async () => {
    verifies('link.poll.restart')
    const folder = stack.use(await StateFolder.create())
    const first = await Selfhost.start(['--relay-only', '--port', '0', '--data', folder.path])
    const origin = new URL(first.line.relay).origin
    const made = await fetch(`${origin}/api/shares`, {
      method: 'POST',
      headers: { authorization: `Bearer ${first.line.ownerToken}`, 'content-type': 'application/json' },
      body: '{"pinning":"off"}',
    })
    const facts = asObject(await made.json())
    const share = {
      ...(await createShare(relay)),
      url: String(facts['url']),
      clientToken: String(facts['client_token']),
      agentToken: String(facts['agent_token']),
    }
    await using blocker = await UpgradeBlocker.start(origin, '403')
    const agent = await startBehind(blocker, share)
    const client = await RawClient.connect(share)
    expect(toolText((await client.callTool('count')).last['result'])).toBe('1')
    await first.program.kill9()
    const second = stack.use(await Selfhost.start(['--relay-only', '--data', folder.path]))
    expect(new URL(second.line.relay).origin).toBe(origin)
    expect(toolText((await client.callTool('count')).last['result'])).toBe('2')
    await agent.program.kill9()
  }, 120_000)

  test('the server asks its client, and what it tells reaches who listens', async () => {
    verifies('link.poll.serves')
    await using blocker = await UpgradeBlocker.start(relay.origin, '403')
    const share = await createShare(relay)
    const agent = await startBehind(blocker, share, ['--transport', 'poll'])
    const client = await RawClient.connect(share, { capabilities: { elicitation: {} } })
    await using listener = await client.listen()
    await client.request('resources/subscribe', { uri: 'echo://resource/1' })
    await client.callTool('update', { uri: 'echo://resource/1' })
    expect(await listener.nextNotification('notifications/resources/updated')).toMatchObject({ params: { uri: 'echo://resource/1' } })
    const asked: Promise<Response>[] = []
    const onMessage = ({ id, method }: JsonObject): void => {
      if (method === 'elicitation/create') asked.push(client.respond(id, { action: 'decline' }))
    }
    expect(toolText((await client.callTool('elicit', {}, { onMessage })).last['result'])).toContain('decline')
    expect(asked).toHaveLength(1)
    await agent.program.kill9()
  }, 60_000)

  test('a session goes on with the next agent when the one that polled is killed', async () => {
    verifies('link.poll.gone')
    await using blocker = await UpgradeBlocker.start(relay.origin, '403')
    const share = await createShare(relay)
    const args = ['--transport', 'poll', '--name', 'same']
    const first = await startBehind(blocker, share, args)
    const client = await RawClient.connect(share)
    expect(toolText((await client.callTool('echo', { text: 'before' })).last['result'])).toBe('before')
    await first.program.kill9()
    const second = await startBehind(blocker, share, args)
    expect(toolText((await client.callTool('echo', { text: 'after' })).last['result'])).toBe('after')
    await second.program.kill9()
  }, 60_000)

  test('leaves them as soon as a WebSocket gets through, in the middle of a call that runs once', async () => {
    verifies('link.poll.returns')
    await using blocker = await UpgradeBlocker.start(relay.origin, '403')
    const share = await createShare(relay)
    const agent = await startBehind(blocker, share, ['--websocket-retry', '200ms'])
    await agent.event('link.polls')
    const client = await RawClient.connect(share)
    blocker.fate = 'pass'
    await agent.event('link.websocket')
    const answers = []
    for (let count = 1; count <= 20; count++) answers.push(toolText((await client.callTool('count')).last['result']))
    expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => String(at + 1)))
    const polls = blocker.requests.length
    for (let count = 0; count < 3; count++) await client.callTool('count')
    expect(blocker.requests.length).toBe(polls)
    await agent.program.kill9()
  }, 60_000)
})
