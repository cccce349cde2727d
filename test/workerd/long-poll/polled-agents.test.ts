/** Agents of ours that poll, in the real runtime: who is let in, what outlives a lost request, and what ends a link. */
import { createExecutionContext, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { CLOSE } from '../../../protocol/handshake.ts'
import { MAX_BATCH_BYTES, POLL_IDLE_MS, POLL_MS } from '../../../protocol/limits.ts'
import app from '../../../worker/index.ts'
import { PollWaiter } from '../../../worker/long-poll/poll-waiter.ts'
import { verifies } from '../../requirements/verifies.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { batchOf, PollingAgent, register } from '../harness/polling-agent.ts'
import {
  askAsOwner,
  createShare,
  factsOf,
  fetchRelay,
  linkIdOf,
  revokeShare,
  serverOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'

afterEach(() => vi.restoreAllMocks())

async function codeOf(response: Response): Promise<string> {
  const { code } = await response.json<{ code: string }>()
  return `${response.status} ${code}`
}

/** A session of a client over a polling agent, and the channel that it has. */
async function begun(share: TestShare, agent: PollingAgent): Promise<{ readonly client: TestClient; readonly ch: string }> {
  const client = new TestClient(share)
  const response = client.initialize()
  const { header: open } = await agent.expect('open')
  const { header } = await agent.expect('call')
  await agent.answer(header, '0', BARE_SERVER)
  expect((await response).status).toBe(200)
  return { client, ch: open.ch }
}

function call(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`
}

/** The next call that the agent gets; what else comes is passed over. */
async function callFor(agent: PollingAgent): Promise<Call> {
  for (;;) {
    const { header } = await agent.next()
    if (header.type === 'call') return header
  }
}

/** The object of a session, reset as a crash or a deploy does. */
async function resetLink(session: string): Promise<void> {
  const stub = env.LONG_POLL.getByName(session.slice(0, 32))
  await runInDurableObject(stub, (_, state) => state.abort('reset by a test')).catch(() => undefined)
}

test('an agent that polls serves a server of a share that has a name, and begins anew at one that was removed', async () => {
  verifies('servers.own-path', 'servers.removed')
  const share = await createShare()
  const git = serverOf(share, 'git')
  for (const name of ['Git', 'k']) expect(await codeOf(await register(serverOf(share, name)))).toBe('400 SERVER_NAME_INVALID')
  for (const instance of ['one', 'two']) {
    const { client, ch } = await begun(git, await PollingAgent.connect(git, { instance }))
    expect([client.session !== undefined, ch !== '']).toEqual([true, true])
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/servers/git`)).status).toBe(204)
  }
  expect(await (await askAsOwner('GET', `/api/shares/${share.id}`)).json()).toMatchObject({ servers: [], agents: [] })
})

describe('register', () => {
  test('takes what a WebSocket takes, and refuses alike', async () => {
    verifies('link.poll.credentials')
    const share = await createShare()
    const other = await createShare()
    expect(await codeOf(await register(share, 'nonsense'))).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await register(share, share.clientToken))).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await register(share, other.agentToken))).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await register(share, share.agentToken, 'mcp-edge.v0'))).toBe('426 LINK_VERSION_REFUSED')
    const headers = { authorization: `Bearer ${share.agentToken}` }
    expect(
      await codeOf(await fetchRelay(`/agent/${share.id}/register?lane=1`, { method: 'POST', headers, body: '{"protocol":"mcp-edge.v1"}' })),
    ).toBe('404 LANE_UNKNOWN')
    expect(await codeOf(await fetchRelay(`/agent/${share.id}/register`, { method: 'POST', headers, body: 'x' }))).toBe(
      '426 LINK_VERSION_REFUSED',
    )
    await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await register(share)).status).toBe(401)
    await revokeShare(other)
    expect((await register(other)).status).toBe(404)
  })
})

describe('a link that polls', () => {
  test('serves a client', async () => {
    verifies('link.poll.serves')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const { client } = await begun(share, agent)
    const answer = client.post(call(1))
    await agent.answer(await callFor(agent), '1', '{"content":[]}')
    expect(await (await answer).json()).toEqual({ jsonrpc: '2.0', id: 1, result: { content: [] } })
    expect((await factsOf(share)).agents).toMatchObject([{ name: 'polling', product: 'polling/1' }])
  })

  test('is answered 204 when nothing comes in the time that it names, and never waits longer than the relay does', async () => {
    verifies('link.poll.ends')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    expect((await agent.ask(agent.taken, 0.05)).status).toBe(204)
    const restore = shortTimers(POLL_MS)
    for (const seconds of [30, 1e9, -1]) expect((await agent.ask(agent.taken, seconds)).status).toBe(204)
    restore()
  })

  test('gets again what was given to a poll that was lost, and nothing twice that it has acknowledged', async () => {
    verifies('link.poll.in-order')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const client = new TestClient(share)
    const response = client.initialize()
    const from = agent.taken
    await vi.waitUntil(async () => (await batchOf(await agent.ask(from))).messages.length === 2)
    const lost = await batchOf(await agent.ask(from))
    expect(await batchOf(await agent.ask(from))).toEqual(lost)
    expect(lost.first).toBe(from + 1)
    const behind = await batchOf(await agent.ask(from + 1))
    expect(behind).toEqual({ first: from + 2, messages: lost.messages.slice(1) })
    agent.taken = from + 1
    const { header } = await agent.expect('call')
    expect((await agent.ask(agent.taken, 0)).status).toBe(204)
    await agent.answer(header, '0', BARE_SERVER)
    expect((await response).status).toBe(200)
  })

  test('has what it posts twice passed on once, and is over when something before it is missing', async () => {
    verifies('link.poll.in-order')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const { client } = await begun(share, agent)
    const answers = [client.post(call(1)), client.post(call(2))]
    const first = agent.sent + 1
    const calls = [await callFor(agent), await callFor(agent)]
    const frames = calls.map((one, index) => agent.answerTo(one, String(index + 1), '{}'))
    const messages = frames.map(({ header, body }) => ({ kind: 'binary', data: encodeFrame(header, body) }) as const)
    expect((await agent.post(messages.slice(0, 1), first)).status).toBe(204)
    expect((await agent.post(messages, first)).status).toBe(204)
    for (const answer of answers) expect((await answer).status).toBe(200)
    // Each ping that is passed on has an answer of its own.
    const ping = agent.sent + 1
    for (const times of [1, 1, 2]) {
      const pings = Array.from({ length: times }, () => ({ kind: 'text', text: 'ping' }) as const)
      expect((await agent.post(pings, ping)).status).toBe(204)
    }
    const pongs = []
    while (pongs.length < 2) pongs.push(...(await agent.poll()).messages.filter(({ kind }) => kind === 'text'))
    expect(pongs).toEqual([
      { kind: 'text', text: 'pong' },
      { kind: 'text', text: 'pong' },
    ])
    expect((await agent.ask(agent.taken, 0.2)).status).toBe(204)
    expect(await codeOf(await agent.post(messages, first + 99))).toBe('503 POLL_LINK_OVER')
  })

  test('hears at once when another poll takes the place of the one that waits', async () => {
    verifies('link.poll.ends')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const waiting = agent.ask()
    await vi.waitUntil(async () => {
      const second = agent.ask(agent.taken, 0.01)
      return (await Promise.race([waiting, second])) !== undefined
    })
    expect((await waiting).status).toBe(204)
  })

  test('does not wait for the rest of the time of a poll whose client has left', async () => {
    verifies('link.poll.ends')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const leaving = new AbortController()
    const url = `https://relay.example/agent/${share.id}/poll?session_id=${agent.session}&ack=${agent.taken}`
    const init = { headers: { authorization: `Bearer ${share.agentToken}` }, signal: leaving.signal }
    const waiting = Promise.resolve(app.fetch(new Request(url, init), env, createExecutionContext()))
    const asked = vi.spyOn(PollWaiter.prototype, 'wait')
    await vi.waitUntil(() => asked.mock.calls.length > 0)
    leaving.abort()
    expect((await waiting).status).toBe(204)
  })

  test('is of use with its own token alone', async () => {
    verifies('link.poll.credentials')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent' })
    const { token } = await made.json<{ token: string }>()
    for (const bad of [agent.session.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), '', 'x'.repeat(64)]) {
      const forged = new PollingAgent(share, bad)
      expect(await codeOf(await forged.ask())).toBe('404 POLL_SESSION_UNKNOWN')
    }
    expect(await codeOf(await agent.ask(0, 0, token))).toBe('404 POLL_SESSION_UNKNOWN')
    expect(await codeOf(await agent.ask(0, 0, share.clientToken))).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await agent.postBody(new Uint8Array(8), token))).toBe('404 POLL_SESSION_UNKNOWN')
  })

  test('refuses what is no batch, and what is larger than one', async () => {
    verifies('link.poll.bounded')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    for (const body of [new Uint8Array(), new Uint8Array(8), new Uint8Array(20).fill(255), new Uint8Array(MAX_BATCH_BYTES + 1)])
      expect(await codeOf(await agent.postBody(body))).toBe('400 POLL_BATCH_REFUSED')
    expect((await factsOf(share)).agents).toHaveLength(1)
  })

  test('is told with the close what ends it: another agent, a revoked token', async () => {
    verifies('link.poll.ends')
    const share = await createShare()
    const first = await PollingAgent.connect(share)
    const second = await ScriptedAgent.connect(share, { join: 'replace' })
    expect((await first.poll()).messages.at(-1)).toMatchObject({ kind: 'close', code: CLOSE.REPLACED })
    second.close()
    const third = await PollingAgent.connect(share, { instance: 'two' })
    await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await third.poll()).messages.at(-1)).toMatchObject({ kind: 'close', code: CLOSE.TOKEN_REVOKED })
  })

  test('that is closed by its agent is closed at the Share with the same code', async () => {
    verifies('link.poll.ends')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    expect((await agent.post([{ kind: 'close', code: CLOSE.GOING_AWAY, reason: 'agent stopped' }])).status).toBe(204)
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 0)
  })

  test('V9 whose object was reset is told that it is over, never 404, and its calls go on once its agent is back', async () => {
    verifies('link.poll.restart')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const { client, ch } = await begun(share, agent)
    const answer = client.post(call(7))
    const made = await callFor(agent)
    await resetLink(agent.session)
    expect((await agent.poll()).messages).toMatchObject([{ kind: 'close', code: 1006 }])
    expect(await codeOf(await agent.post([{ kind: 'text', text: 'ping' }]))).toBe('503 POLL_LINK_OVER')
    const again = await PollingAgent.connect(share, { held: [made.key], channels: [{ ch, n: agent.lastNumber(ch) }] })
    await again.answer(made, '7', '{}')
    expect(await (await answer).json()).toMatchObject({ id: 7, result: {} })
  })

  test('is given up when polls stop, and to the Share that is a cut: its calls wait for the agent', async () => {
    verifies('link.poll.gone')
    const share = await createShare()
    const agent = await PollingAgent.connect(share)
    const { client, ch } = await begun(share, agent)
    const answer = client.post(call(3))
    const made = await callFor(agent)
    const restore = shortTimers(POLL_IDLE_MS)
    expect((await agent.ask(agent.taken, 0)).status).toBe(204)
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 0)
    restore()
    const again = await PollingAgent.connect(share, { held: [made.key], channels: [{ ch, n: agent.lastNumber(ch) }] })
    await again.answer(made, '3', '{}')
    expect(await (await answer).json()).toMatchObject({ id: 3, result: {} })
  })
})
