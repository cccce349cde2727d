/** Who gets in: tokens of each kind at each door, sessions of others, invented ids, shares that are gone, relays without an owner. */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import {
  type Agent,
  createServedShare,
  createShare,
  createToken,
  fixture,
  type Relay,
  Selfhost,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
} from '../../harness/selfhost.ts'
import { asObject, textField } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { upgradeStatus } from '../../harness/upgrade.ts'

const stack = new AsyncDisposableStack()
let folder: string
let relay: Relay
let share: Share
let other: Share

beforeAll(async () => {
  folder = stack.use(await StateFolder.create()).path
  relay = stack.use(await startRelay(['--data', folder]))
  share = await createServedShare(stack, relay, { command: fixture('echo') })
  other = await createShare(relay)
})
afterAll(() => stack.disposeAsync())

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}'

function agentUrl(of: Share): string {
  return `${relay.origin}/agent/${of.id}`
}

async function initializeStatus(url: string, token?: string): Promise<number> {
  const response = await new RawClient(url, token).post(INITIALIZE)
  await response.body?.cancel()
  return response.status
}

function tampered(token: string): string {
  const middle = Math.floor(token.length / 2)
  return `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`
}

describe('the door of clients', () => {
  test.each([
    ['none', () => undefined],
    ['an agent token', () => share.agentToken],
    ['the owner key', () => relay.ownerToken],
    ['a client token of another share', () => other.clientToken],
    ['a tampered client token', () => tampered(share.clientToken)],
    ['nonsense', () => 'nonsense'],
  ])('token: %s gets 401 with a challenge', async (_what, token) => {
    // A share of its own: who goes on with wrong ones at one share is slowed.
    const door = await createShare(relay)
    const client = new RawClient(door.url, token())
    for (const response of [
      await client.post(INITIALIZE),
      await client.raw('GET', { accept: 'text/event-stream' }),
      await client.raw('DELETE'),
    ]) {
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
    expect((await fetch(door.sseUrl, { headers: token() ? { authorization: `Bearer ${token()}` } : {} })).status).toBe(401)
  })

  test('a bad bearer is refused though the path key is good', async () => {
    expect(await initializeStatus(share.shareUrl)).toBe(200)
    expect(await initializeStatus(share.shareUrl, 'nonsense')).toBe(401)
  })

  test('a path key of another share, and a tampered one, are refused', async () => {
    const key = /\/k\/([^/]+)\//.exec(other.shareUrl)?.[1] ?? ''
    const own = /\/k\/([^/]+)\//.exec(share.shareUrl)?.[1] ?? ''
    for (const wrong of [key, tampered(own), 'a'.repeat(32)]) {
      const response = await new RawClient(`${relay.origin}/s/${share.id}/k/${wrong}/mcp`).post(INITIALIZE)
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([404, null])
    }
  })

  test('a token that has expired is refused', async () => {
    const response = await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'client', expires_in: 1 })
    const made = asObject(await response.json())
    const token = textField(made, 'token')
    await expect.poll(() => initializeStatus(share.url, token), { timeout: 10_000, interval: 200 }).toBe(401)
  })
})

describe('the door of agents, before any upgrade', () => {
  test.each([
    ['no token', () => ({})],
    ['a client token', () => ({ authorization: `Bearer ${share.clientToken}` })],
    ['the owner key', () => ({ authorization: `Bearer ${relay.ownerToken}` })],
    ['an agent token of another share', () => ({ authorization: `Bearer ${other.agentToken}` })],
    ['a tampered agent token', () => ({ authorization: `Bearer ${tampered(share.agentToken)}` })],
  ])('%s is refused', async (_what, headers: () => Record<string, string>) => {
    expect([401, 403]).toContain(await upgradeStatus(agentUrl(await createShare(relay)), headers()))
  })

  test('an agent that offers no known subprotocol is told to update', async () => {
    const headers = { authorization: `Bearer ${other.agentToken}`, 'sec-websocket-protocol': 'mcp-edge.v999' }
    expect(await upgradeStatus(agentUrl(other), headers)).toBe(426)
  })

  test('the right token is let in', async () => {
    expect(await upgradeStatus(agentUrl(other), { authorization: `Bearer ${other.agentToken}` })).toBe(101)
  })
})

describe('the door of owners', () => {
  test.each([
    ['no token', () => null],
    ['a client token', () => share.clientToken],
    ['an agent token', () => share.agentToken],
    ['a near miss', () => tampered(relay.ownerToken)],
  ])('%s gets 401', async (_what, token) => {
    for (const [method, path] of [
      ['POST', 'shares'],
      ['GET', 'shares'],
      ['GET', `shares/${share.id}`],
      ['DELETE', `shares/${share.id}`],
      ['POST', `shares/${share.id}/tokens`],
    ] as const) {
      expect((await relay.api(method, path, undefined, token())).status).toBe(401)
    }
  })

  test('errors are problem details with a code', async () => {
    const response = await relay.api('GET', 'shares', undefined, null)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(asObject(await response.json())).toMatchObject({ status: 401, code: expect.stringMatching(/^[A-Z_]+$/) })
  })
})

test('a session of another principal is exactly 404, by every method', async () => {
  verifies('promise.4.unknown-404')
  const mine = await RawClient.connect(share)
  const theirs = new RawClient(share.url, await createToken(share, 'client'))
  const byKey = new RawClient(share.shareUrl)
  for (const thief of [theirs, byKey]) {
    thief.sessionId = mine.sessionId
    expect((await thief.exchange('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(404)
    expect((await thief.raw('GET', { accept: 'text/event-stream' })).status).toBe(404)
    expect((await thief.raw('DELETE')).status).toBe(404)
  }
  expect((await mine.request('ping')).status).toBe(200)
})

test('10,000 invented share ids and keys create no object', async () => {
  verifies('promise.9.forged')
  const files = (): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('.sqlite'))
      .toSorted()
  const before = files().map((name) => name.replace(/-(wal|shm)$/, ''))
  expect(before.length).toBeGreaterThan(0)
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const invent = (): string => [...randomBytes(32)].map((byte) => letters[byte % 32]).join('')
  const urls = function* (): Generator<string> {
    for (let index = 0; index < 5000; index++) {
      yield `${relay.origin}/s/${invent()}/mcp`
      yield `${relay.origin}/s/${share.id}/k/${invent()}/mcp`
    }
  }
  const statuses = new Map<number, number>()
  const queue = urls()
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const url of queue) {
        const status = await initializeStatus(url)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }),
  )
  // Who goes on is slowed.
  expect(new Set([...statuses.keys(), 404, 429])).toEqual(new Set([404, 429]))
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(10_000)
  expect(new Set(files().map((name) => name.replace(/-(wal|shm)$/, '')))).toEqual(new Set(before))
}, 120_000)

test('a share that was deleted is 404 to all, and its agent and its children end', async () => {
  verifies('promise.9.expires')
  const doomed = await createShare(relay)
  const agent: Agent = await startAgent(doomed, { command: fixture('echo') })
  stack.use(agent)
  const client = await RawClient.connect(doomed)
  expect((await relay.api('DELETE', `shares/${doomed.id}`)).status).toBe(204)
  expect((await client.request('ping')).status).toBe(404)
  expect(await upgradeStatus(agentUrl(doomed), { authorization: `Bearer ${doomed.agentToken}` })).toBe(404)
  expect((await relay.api('GET', `shares/${doomed.id}`)).status).toBe(404)
  expect((await agent.program.exited).code).not.toBe(0)
})

describe('a token that is revoked', () => {
  const revoke = async (of: Share, token: string): Promise<void> => {
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }
    expect((await relay.api('DELETE', `shares/${of.id}/tokens/${jti}`)).status).toBe(204)
  }

  test('of a client: its GET stream and its running call end within a second, and those of another link go on', async () => {
    verifies('promise.9.revoked')
    const served = await createServedShare(stack, relay, { command: fixture('echo') })
    const mine = await RawClient.connect(served)
    const theirs = new RawClient(served.url, await createToken(served, 'client'))
    await theirs.initialize()
    await using listener = await mine.listen()
    await using lives = await theirs.listen()
    const held = mine.callTool('wait', { key: 'never' })
    await expect.poll(() => theirs.callTool('echo', { text: 'a' }).then(({ status }) => status)).toBe(200)
    const startMs = performance.now()
    await revoke(served, served.clientToken)
    expect(await listener.nextMessage()).toBeUndefined()
    expect(await held).toMatchObject({ last: { error: { data: { code: 'UNAUTHORIZED', executed: 'unknown' } } } })
    expect(performance.now() - startMs).toBeLessThan(1000)
    expect(await initializeStatus(served.url, served.clientToken)).toBe(401)
    await theirs.callTool('change-list')
    await lives.nextNotification('notifications/tools/list_changed')
  })

  test('of an agent: it prints why, exits with 3, and its children end', async () => {
    const doomed = await createShare(relay)
    const agent: Agent = await startAgent(doomed, { command: fixture('echo') })
    stack.use(agent)
    await RawClient.connect(doomed)
    await revoke(doomed, doomed.agentToken)
    expect((await agent.program.exited).code).toBe(3)
    expect(agent.program.stderr.lines.join('\n')).toContain('revoked')
    expect(await upgradeStatus(agentUrl(doomed), { authorization: `Bearer ${doomed.agentToken}` })).toBe(401)
  })
})

describe('a relay without an owner', () => {
  let unclaimed: Selfhost
  beforeAll(async () => {
    const state = stack.use(await StateFolder.create())
    unclaimed = await Selfhost.start(['--open-claim', '--port', '0', '--data', state.path])
    stack.use(unclaimed)
  })

  const post = async (body?: object): Promise<Response> =>
    await fetch(`${unclaimed.line.relay}/api/claim`, {
      method: 'POST',
      ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    })

  const loggedCode = async (): Promise<string> =>
    await unclaimed.program.stderr.find((line) => /claim code: (\S+)/.exec(line)?.[1], 'the claim code in the log')

  test('gives away nothing but its health', async () => {
    verifies('promise.9.unclaimed')
    expect((await fetch(`${unclaimed.line.relay}/healthz`)).status).toBe(200)
    for (const path of ['/', '/api/shares', `/s/${share.id}/mcp`, `/s/${share.id}`, `/agent/${share.id}`, '/api/shares/x', '/nothing']) {
      const response = await fetch(`${unclaimed.line.relay}${path}`, { headers: { authorization: 'Bearer x' } })
      expect(response.status).toBe(503)
      expect(await response.text()).toContain('RELAY_UNCLAIMED')
    }
  })

  test('shows the code in the log only, the same on repeats, and refuses a wrong one', async () => {
    const bodies = [await (await post()).text(), await (await post()).text()]
    const code = await loggedCode()
    for (const body of bodies) expect(body).toBe('{"status":"code_logged"}')
    const codes = unclaimed.program.stderr.lines.flatMap((line) => /claim code: (\S+)/.exec(line)?.[1] ?? [])
    expect(new Set(codes)).toEqual(new Set([code]))
    const wrong = await post({ code: 'wrong' })
    expect(wrong.status).toBe(403)
    expect(asObject(await wrong.json())['code']).toBe('CLAIM_CODE_WRONG')
  })

  test('of a race for the code has exactly one winner, and is claimed for all others', async () => {
    await post()
    const code = await loggedCode()
    const racers = await Promise.all(Array.from({ length: 20 }, () => post({ code })))
    expect(racers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
    const winner = racers.find(({ status }) => status === 201)
    const owner = textField(asObject(await winner?.json()), 'owner_token')
    const headers = { authorization: `Bearer ${owner}` }
    expect((await fetch(`${unclaimed.line.relay}/api/shares`, { headers })).status).toBe(200)
    expect((await post()).status).toBe(409)
  })
})
