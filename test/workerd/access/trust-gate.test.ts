/** What an owner has decided is heeded by every door of a Share, in the real runtime: what the gate knows, asks and remembers. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import type { Pass, TrustChange } from '../../../worker/contract/trust/trust-rpc.ts'
import { MAX_LINK_ROWS, MAX_TOLD_CHARS, TELL_PAUSE_MS } from '../../../worker/trust-limits.ts'
import { DerivedLinks } from '../../../worker/registry/derived-links.ts'
import { Registry } from '../../../worker/registry/registry.ts'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { PlayingAgent } from '../harness/playing-agent.ts'
import {
  createClientToken,
  createShare,
  EventReader,
  factsOf,
  linkIdOf,
  openStream,
  passOf,
  resetShare,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const PING = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
/** What no `access` bounds. */
const GET_PROMPT = '{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"p"}}'
const FAR_MS = 4e12

afterEach(() => {
  vi.restoreAllMocks()
})

function linkChange(token: string, version: number, more: object): TrustChange {
  return { op: 'link_changed', trust: { id: linkIdOf(token), version, kind: 'client', expiresAtMs: FAR_MS, isRevoked: false, ...more } }
}

function shareChange(version: number, more: object): TrustChange {
  return { op: 'share_changed', trust: { version, expiresAtMs: FAR_MS, isPaused: false, ...more } }
}

async function codeOf(response: Response): Promise<unknown> {
  const { error }: { error?: { data?: { code?: string; detail?: string } } } = await response.json()
  return [response.status, error?.data?.code]
}

async function totalChanges(share: TestShare): Promise<number> {
  return (await factsOf(share)).counters.total_changes
}

describe('the gate', () => {
  test('asks the registry once about a link, writes what it says, and after that neither asks nor writes', async () => {
    const { share, agent, client } = await connected()
    const asked = vi.spyOn(DerivedLinks.prototype, 'trustOf')
    const other = new TestClient(share, await createClientToken(share))
    other.session = 'none'
    await Promise.all(Array.from({ length: 5 }, () => other.post(PING)))
    expect(asked).toHaveBeenCalledOnce()
    const changes = await totalChanges(share)
    const called = vi.spyOn(Share.prototype, 'call')
    for (let round = 0; round < 3; round++) {
      const response = client.post(PING)
      agent.answer((await agent.expect('call')).header, '7', '{}')
      expect((await response).status).toBe(200)
    }
    expect(called).toHaveBeenCalledTimes(3)
    expect(asked).toHaveBeenCalledOnce()
    expect(await totalChanges(share)).toBe(changes)
  })

  test('knows after sleep and after a reset what it knew, and asks nobody', async () => {
    const { share, client } = await connected()
    await stubOf(share).admin(linkChange(share.clientToken, 2, { isRevoked: true }))
    const asked = vi.spyOn(DerivedLinks.prototype, 'trustOf')
    await evictDurableObject(stubOf(share))
    expect(await codeOf(await client.post(PING))).toEqual([401, 'UNAUTHORIZED'])
    await resetShare(share)
    expect(await codeOf(await client.post(PING))).toEqual([401, 'UNAUTHORIZED'])
    expect(asked).not.toHaveBeenCalled()
  })

  test('keeps MAX_LINK_ROWS rows of links, and lets go of revoked ones first', async () => {
    const { share, agent, client } = await connected()
    await runInDurableObject(stubOf(share), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO link_trust SELECT printf('%024x', i), 2, 'client', ?, i % 2, NULL, '', NULL, NULL FROM n`,
        MAX_LINK_ROWS,
        FAR_MS,
      )
    })
    await stubOf(share).admin(linkChange(await createClientToken(share), 3, { isRevoked: true }))
    const counts = await runInDurableObject(stubOf(share), (_, { storage }) =>
      storage.sql.exec('SELECT count(*) AS count, sum(revoked = 0) AS live FROM link_trust').one(),
    )
    // Those of the client and its agent are live, too.
    expect(counts).toEqual({ count: MAX_LINK_ROWS, live: MAX_LINK_ROWS / 2 + 2 })
    const response = client.post(PING)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await response).status).toBe(200)
  })

  test('refuses a link that the registry does not know', async () => {
    const share = await createShare()
    vi.spyOn(DerivedLinks.prototype, 'trustOf').mockReturnValue(undefined)
    expect(await codeOf(await new TestClient(share).initialize())).toEqual([401, 'UNAUTHORIZED'])
  })

  test('asks the registry before it says that a link or share has ended, whose end may have been moved unheard', async () => {
    const { share, agent, client } = await connected()
    await stubOf(share).admin(linkChange(share.clientToken, 2, { expiresAtMs: Date.now() + 60_000 }))
    await runInDurableObject(stubOf(share), (_, state) => void state.storage.sql.exec('UPDATE link_trust SET expires_at_ms = 1'))
    await evictDurableObject(stubOf(share))
    const trust = { id: linkIdOf(share.clientToken), version: 3, kind: 'client', expiresAtMs: FAR_MS, isRevoked: false } as const
    const asked = vi.spyOn(DerivedLinks.prototype, 'trustOf').mockReturnValue(trust)
    const response = client.post(PING)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await response).status).toBe(200)
    asked.mockReturnValue({ ...trust, version: 4, expiresAtMs: 1 })
    await stubOf(share).admin(linkChange(share.clientToken, 4, { expiresAtMs: 1 }))
    for (let round = 0; round < 3; round++) expect(await codeOf(await client.post(PING))).toEqual([401, 'UNAUTHORIZED'])
    expect(asked).toHaveBeenCalledTimes(2)
  })

  test('heeds no change that is older than what it knows', async () => {
    const { share, client } = await connected()
    await stubOf(share).admin(linkChange(share.clientToken, 5, { isRevoked: true }))
    await stubOf(share).admin(linkChange(share.clientToken, 4, {}))
    expect((await client.post(PING)).status).toBe(401)
  })

  test('has a change that comes while it asks the registry in mind when the older answer is there', async () => {
    const share = await createShare()
    const id = linkIdOf(share.clientToken)
    const change = linkChange(share.clientToken, 2, { isRevoked: true })
    const told = { id, version: 1, kind: 'client', expiresAtMs: FAR_MS, isRevoked: false }
    vi.spyOn(Registry.prototype, 'chainTrust').mockImplementation((async () => {
      await env.SHARE.getByName(share.id).admin(change)
      return { share: { version: 1, expiresAtMs: FAR_MS, isPaused: false }, links: [told] }
    }) as never)
    const initialized = new TestClient(share).initialize()
    expect(await codeOf(await initialized)).toEqual([401, 'UNAUTHORIZED'])
  })

  test('has a Worker judge each request by the newest policy, in two round trips after a change and one when warm', async () => {
    const { share, agent, client } = await connected()
    const called = vi.spyOn(Share.prototype, 'call')
    const call = async (): Promise<number> => {
      called.mockClear()
      const response = client.post(GET_PROMPT)
      agent.answer((await agent.expect('call')).header, '7', '{}')
      expect((await response).status).toBe(200)
      return called.mock.calls.length
    }
    expect(await call()).toBe(1)
    await stubOf(share).admin(shareChange(2, { policy: '{"access":"read"}' }))
    expect([await call(), await call()]).toEqual([2, 1])
    const passes = called.mock.calls.map(([pass]) => pass.state)
    await evictDurableObject(stubOf(share))
    expect(await call()).toBe(1)
    await stubOf(share).admin(linkChange(share.clientToken, 3, { policy: '{"access":"write"}' }))
    expect([await call(), await call()]).toEqual([2, 1])
    expect(called.mock.calls.map(([pass]) => pass.state)).not.toEqual(passes)
    await stubOf(share).admin(shareChange(4, { isPaused: false, policy: '{"access":"read"}' }))
    // The policies are what they were.
    expect(await call()).toBe(1)
  })
})

test('a Worker that holds a stream is told what its client may do now, and its next call needs no second round trip', async () => {
  const { share, agent, client } = await connected()
  const events = new EventReader(await client.listen())
  await agent.expect('resume')
  const learned = vi.spyOn(ShareClient.prototype, 'learn')
  await stubOf(share).admin(shareChange(2, { policy: '{"access":"admin"}' }))
  const facts = { state: expect.any(String) as string, policies: ['{"access":"admin"}'] }
  await vi.waitFor(() => expect(learned).toHaveBeenCalledWith(facts))
  const called = vi.spyOn(Share.prototype, 'call')
  const response = client.post(PING)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  expect((await response).status).toBe(200)
  expect(called).toHaveBeenCalledOnce()
  await events.cancel()
})

describe('each method of a Share', () => {
  // What the platform, the owner and other lanes call.
  const OTHERS = ['constructor', 'admin', 'meter', 'hold', 'fetch', 'alarm', 'webSocketMessage', 'webSocketClose', 'webSocketError']
  const PASS_METHODS = Object.getOwnPropertyNames(Share.prototype).filter((name) => !OTHERS.includes(name))

  test('that a Worker calls is known here', () => {
    expect(PASS_METHODS.toSorted()).toEqual(
      [
        'abandon',
        'noteApproval',
        'admit',
        'call',
        'send',
        'chunk',
        'noteListing',
        'pin',
        'park',
        'parked',
        'passing',
        'resourceMetadata',
        'keepCall',
        'keptCall',
        'subscribe',
        'task',
        'end',
      ].toSorted(),
    )
  })

  test.each(PASS_METHODS)('%s() lets nothing in with a revoked link, and does nothing', async (name) => {
    const { share } = await connected()
    const pass = passOf(share)
    await stubOf(share).admin(linkChange(share.clientToken, 2, { isRevoked: true }))
    const changes = await totalChanges(share)
    const stub = stubOf(share) as unknown as Record<string, (pass: Pass, ...args: unknown[]) => Promise<unknown>>
    const order = { session: 's', principal: `client:${pass.chain[0]}`, kind: 'cancel', group: 'g', key: 'k', call: 'c' }
    expect(await stub[name]?.(pass, order, 0, new Uint8Array(1))).toEqual({ kind: 'refused', code: 'LINK_REVOKED' })
    expect(await totalChanges(share)).toBe(changes)
  })

  test.each(['call', 'listen', 'resume', 'session', 'asking', 'subscription'])(
    'a stream %s is not opened with a revoked link',
    async (kind) => {
      const { share, client } = await connected()
      await stubOf(share).admin(linkChange(share.clientToken, 2, { isRevoked: true }))
      const query = new URLSearchParams({ kind, chain: passOf(share).chain.join(), session: client.session ?? '', key: '0'.repeat(32) })
      const response = await stubOf(share).fetch(`https://share/stream?${query.toString()}`, { headers: { upgrade: 'websocket' } })
      expect([response.status, response.webSocket, await response.json()]).toEqual([409, null, { kind: 'refused', code: 'LINK_REVOKED' }])
    },
  )

  test.each(['stream?kind=call&key=k', 'agent'])('%s without a pass is refused', async (path) => {
    const { share } = await connected()
    const response = await stubOf(share).fetch(`https://share/${path}`, { headers: { upgrade: 'websocket' } })
    expect([response.status, response.webSocket]).toEqual([400, null])
  })
})

test.each(['listen', 'web'] as const)(
  'a stream (%s) is told of a change of its own link, and not again what it was told when another link changes',
  async (kind) => {
    verifies('promise.10.memory')
    const { share, client } = await connected()
    if (kind === 'web') await ScriptedAgent.connect(share, { agent: 'app', join: 'replica', serves: 'web' })
    const other = await createClientToken(share)
    const principal = `client:${linkIdOf(share.clientToken)}`
    const { webSocket } = await openStream(
      share,
      kind === 'web' ? { kind, principal, x: 'a'.repeat(32) } : { kind, principal, session: client.session ?? '' },
    )
    if (webSocket === null) throw new Error('no stream was opened')
    const told: string[] = []
    webSocket.accept()
    webSocket.addEventListener('message', ({ data }) => {
      const control = typeof data === 'string' ? (JSON.parse(data) as { type: string; facts?: { state: string } }) : { type: 'frame' }
      if (control.type === 'grant') told.push(control.facts?.state ?? '')
    })
    const change = (token: string, version: number, policy: string): Promise<unknown> =>
      stubOf(share).admin(linkChange(token, version, { policy }))
    await change(share.clientToken, 10, '{"access":"read"}')
    for (let version = 11; version < 15; version++) await change(other, version, `{"hold":["t${version}"]}`)
    await change(share.clientToken, 15, '{"access":"write"}')
    await vi.waitFor(() => expect(new Set(told).size).toBe(2))
    expect(told).toHaveLength(2)
  },
)

test('what streams are told of a change is told so much at a time', async () => {
  verifies('promise.10.memory')
  const share = await createShare()
  new PlayingAgent(await ScriptedAgent.connect(share), 'a')
  let told = 0
  for (let streams = 0; streams < 7; streams++) {
    const client = new TestClient(share)
    await client.initialize()
    const session = client.session ?? ''
    const { webSocket } = await openStream(share, { kind: 'listen', principal: `client:${linkIdOf(share.clientToken)}`, session })
    webSocket?.accept()
    webSocket?.addEventListener('message', ({ data }) => void (told += String(data).includes('"grant"') ? 1 : 0))
  }
  const held = heldTimers(TELL_PAUSE_MS)
  const policy = JSON.stringify({ tools: { deny: ['x'.repeat(900_000)] } })
  const changed = stubOf(share).admin(linkChange(share.clientToken, 10, { policy }))
  const each = policy.length + 100
  const first = Math.ceil(MAX_TOLD_CHARS / each)
  await vi.waitFor(() => expect([told, held.count]).toEqual([first, 1]))
  held.end()
  await changed
  await vi.waitFor(() => expect(told).toBe(7))
})

test('a Worker that has learned nothing yet shows a pass without a state', async () => {
  const { share, agent, client } = await connected()
  const shown = vi.spyOn(Share.prototype, 'call')
  expect(
    new ShareClient(
      { SHARE: { getByName: () => ({}) } } as never,
      { share: share.id, index: 0, jurisdiction: 'none' },
      { chain: ['x'], isInUrl: false },
    ).grant,
  ).toBeUndefined()
  const response = client.post(PING)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  await (await response).text()
  expect(shown.mock.calls[0]?.[0]).toEqual(passOf(share))
})
