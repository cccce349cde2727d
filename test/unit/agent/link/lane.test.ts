import { afterEach, beforeEach, expect, test } from 'vitest'
import { CallMemory } from '../../../../agent/channel/calls/call-memory.ts'
import { WebExchanges } from '../../../../agent/web/web-exchanges.ts'
import { Channels } from '../../../../agent/channel/channels.ts'
import { ChildLimit } from '../../../../agent/channel/child-limit.ts'
import type { AgentSettings } from '../../../../agent/config/settings.ts'
import { AgentLane } from '../../../../agent/link/lane.ts'
import type { Era } from '../../../../agent/server/era.ts'
import { CLOSE } from '../../../../protocol/handshake.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeChild } from '../fake-child.ts'
import { SILENT_LOG } from '../silent-log.ts'
import { ScriptedRelay } from '../scripted-relay.ts'

const SETTINGS: AgentSettings = {
  token: 'tok',
  relay: undefined,
  name: 'a',
  join: 'primary',
  isolation: 'session',
  era: 'auto',
  maxChildren: 9,
  idleStopMs: 0,
  hasSpare: false,
  env: [],
  cwd: '/',
  policy: { access: 'admin', arguments: [], hold: [] },
  tellsStderr: false,
  tellsPrincipal: false,
  masks: true,
  reconnectDelayMs: 1,
  maxRetries: 0,
  keepaliveMs: 60_000,
  transport: { kind: 'auto', pollTimeoutMs: 30_000, pollRetryMs: 1, webSocketRetryMs: 300_000 },
  logLevel: 'info',
  json: false,
  command: 'x',
  args: [],
  http: undefined,
  web: undefined,
}

let relay: ScriptedRelay

beforeEach(async () => {
  relay = await ScriptedRelay.start()
})

afterEach(() => relay[Symbol.asyncDispose]())

class Scene implements AsyncDisposable {
  readonly lane: AgentLane
  readonly children: FakeChild[] = []
  readonly ran: Promise<void>
  readonly welcomed = Promise.withResolvers<void>()
  /** Resolves when the lane asks whether it may serve, which `mayServe` answers. */
  readonly asked = Promise.withResolvers<void>()
  readonly mayServe = Promise.withResolvers<void>()
  lost = 0
  era: Era = 'legacy'
  readonly #closing = new AbortController()

  constructor(index: number, settings: Partial<AgentSettings> = {}) {
    const channels = new Channels({
      childLimit: new ChildLimit(9),
      memory: new CallMemory(),
      idleStopMs: 0,
      log: SILENT_LOG,
      now: () => performance.now(),
      tellsStderr: false,
      startChild: (handlers) => {
        const child = new FakeChild(handlers)
        this.children.push(child)
        return child
      },
    })
    this.lane = new AgentLane({
      index,
      url: new URL('/agent/share', relay.origin.replace('http', 'ws')),
      settings: { ...SETTINGS, ...settings },
      log: SILENT_LOG,
      version: '1.2.3',
      instance: 'i',
      channels,
      web: new WebExchanges(undefined, SILENT_LOG, () => 0),
      era: () => this.era,
      ready: Promise.resolve(),
      resourceMetadata: () => Promise.resolve({ lacks: 'metadata' }),
      mayServe: () => {
        this.asked.resolve()
        return this.mayServe.promise
      },
      welcomed: () => this.welcomed.resolve(),
      lost: () => this.lost++,
      closing: this.#closing.signal,
      cut: this.#closing.signal,
    })
    this.ran = this.lane.run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.mayServe.resolve()
    await this.ran
  }
}

test.each([
  [0, 'primary', 'primary', null],
  [0, 'replace', 'replace', null],
  [2, 'primary', 'replica', '2'],
  [2, 'replace', 'replace', '2'],
] as const)('AgentLane %d with join %s says hello as %s, and dials lane %s', async (index, join, said, lane) => {
  await using _scene = new Scene(index, { join })
  const link = await relay.link(0)
  expect((await link.next('hello')).header).toMatchObject({ agent: 'a', instance: 'i', join: said, era: 'legacy', held: [], channels: [] })
  expect(new URL(link.request.url ?? '', 'ws://relay').searchParams.get('lane')).toBe(lane)
})

test.each([
  ['a web app alone', { command: undefined, web: {} }, { serves: 'web', app: 'http://localhost:3000' }],
  ['a web app beside a server', { web: {} }, { serves: 'both', app: 'http://localhost:3000' }],
  ['a server alone', {}, {}],
])('AgentLane says in its hello that it shares %s, and at which origin that is', async (_, parts, said) => {
  verifies('seeds.gateway.bounded')
  const web = { origin: new URL('http://LOCALHOST:3000/'), keepsHost: false, headers: [['authorization', 'secret']] } as const
  await using _scene = new Scene(0, 'web' in parts ? { ...parts, web } : {})
  const { header } = await (await relay.link(0)).next('hello')
  expect({ serves: header.serves, app: header.app }).toEqual({ serves: undefined, app: undefined, ...said })
  expect(JSON.stringify(header)).not.toContain('secret')
})

test('AgentLane.drain() says whether there is a link on which answers could still go out', async () => {
  await using scene = new Scene(0)
  expect(scene.lane.drain()).toBe(false)
  const link = await relay.link(0)
  await link.welcome()
  await scene.welcomed.promise
  expect([scene.lane.isUp, scene.lane.drain()]).toEqual([true, true])
  await link.next('drain')
})

test('AgentLane that the relay drains waits for its calls, then dials again', async () => {
  await using scene = new Scene(0)
  const link = await relay.link(0)
  await link.welcome()
  link.send({ type: 'open', ch: 'c', ids: 'keep', asks: 'pass' })
  link.call('c', 1, '{"jsonrpc":"2.0","id":1,"method":"m"}')
  link.send({ type: 'drain' })
  link.call('c', 2, '{"jsonrpc":"2.0","id":2,"method":"m"}')
  link.send({ type: 'notify', ch: 'c', key: 'f'.repeat(32), method: 'n', size: 2 }, '{}')
  await link.next('receipts')
  expect(link.socket.readyState).toBe(link.socket.OPEN)
  for (const id of [1, 2]) scene.children[0]?.says({ jsonrpc: '2.0', id, result: {} })
  expect((await link.closed).code).toBe(CLOSE.GOING_AWAY)
  expect(link.got.filter(({ header }) => header.type === 'answer')).toHaveLength(2)
  expect((await (await relay.link(1)).next('hello')).header.channels).toEqual([{ ch: 'c', n: 2 }])
  expect(scene.lost).toBe(1)
})

test('AgentLane.rejoinIfStale() joins anew where another era was said than is known, and else does not', async () => {
  await using scene = new Scene(0)
  const link = await relay.link(0)
  expect((await link.welcome()).era).toBe('legacy')
  await scene.welcomed.promise
  await scene.lane.rejoinIfStale()
  expect(link.socket.readyState).toBe(link.socket.OPEN)
  scene.era = 'modern'
  await scene.lane.rejoinIfStale()
  expect((await (await relay.link(1)).welcome()).era).toBe('modern')
})

test('AgentLane that joins anew since its server takes either era says so, and brings no process that was spoken to otherwise', async () => {
  await using scene = new Scene(0)
  scene.era = 'modern'
  const link = await relay.link(0)
  expect(await link.welcome()).not.toHaveProperty('initializes')
  await scene.welcomed.promise
  link.send({ type: 'open', ch: 'c', ids: 'assign', asks: 'refuse' })
  link.call('c', 1, '{"jsonrpc":"2.0","id":1,"method":"m"}')
  await link.next('receipts')
  scene.children[0]?.says({ jsonrpc: '2.0', id: 1, result: {} })
  scene.era = 'both'
  await scene.lane.rejoinIfStale()
  expect(scene.children[0]?.stopped).toBe(true)
  expect(await (await relay.link(1)).welcome()).toMatchObject({ era: 'modern', initializes: true, channels: [] })
})

test('AgentLane says how many calls the agent takes, whether they go to all and by which names, and nothing where there is nothing to say', async () => {
  verifies('promise.10.agent-calls')
  {
    await using _open = new Scene(0)
    const hello = await (await relay.link(0)).welcome()
    expect([hello.maxCalls, hello.spreads, hello.patterns]).toEqual([undefined, undefined, undefined])
  }
  await using _bounded = new Scene(0, { maxCalls: 3, spreads: true, patterns: ['git_*'] })
  expect(await (await relay.link(1)).welcome()).toMatchObject({ maxCalls: 3, spreads: true, patterns: ['git_*'] })
})

test('AgentLane that another agent displaced from its lane dials again only when the first lane may serve', async () => {
  await using scene = new Scene(1)
  const link = await relay.link(0)
  await link.welcome()
  link.socket.close(CLOSE.REPLACED)
  await scene.asked.promise
  expect(relay.attempts).toBe(1)
  scene.mayServe.resolve()
  await relay.link(1)
})

test('AgentLane of index 0 that is displaced ends for good', async () => {
  const scene = new Scene(0)
  const link = await relay.link(0)
  await link.welcome()
  link.socket.close(CLOSE.REPLACED)
  await expect(scene.ran).rejects.toMatchObject({ code: 'REPLACED' })
})

test('AgentLane takes the word of a relay that it reaches by polls alone, and else goes on dialling', async () => {
  verifies('link.poll.falls-back')
  relay.refuse = { status: 403, body: 'blocked' }
  relay.server.removeAllListeners('request')
  const problem = '{"code":"UNAUTHORIZED","detail":"it was revoked"}'
  relay.server.on('request', (_, response) => response.writeHead(401, { 'content-type': 'application/problem+json' }).end(problem))
  const scene = new Scene(0)
  await expect(scene.ran).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
  relay.server.removeAllListeners('request')
  relay.server.on('request', (_, response) => response.writeHead(403).end('blocked'))
  await using other = new Scene(0)
  await relay.attempted(relay.attempts + 2)
  expect(other.lost).toBeGreaterThan(0)
})
