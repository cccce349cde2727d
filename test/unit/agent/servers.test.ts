import { afterEach, beforeEach, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentCommand, parse, VERSION } from '../../../agent/config/options.ts'
import { prepareConfig } from '../../../agent/config/prepare-config.ts'
import type { PreparedServer } from '../../../agent/config/prepared-server.ts'
import { AgentExit } from '../../../agent/exit.ts'
import { createLog, serverLog } from '../../../agent/log.ts'
import { startGuard } from '../../../agent/server/guard.ts'
import { Servers } from '../../../agent/servers.ts'
import { type RelayLink, ScriptedRelay, SHARE } from './scripted-relay.ts'
import { SERVER } from './run-stage.ts'
import { scriptServer } from './script-server.ts'
import { CLOSE } from '../../../protocol/handshake.ts'
import { verifies } from '../../requirements/verifies.ts'

const guard = startGuard(() => {}, process.platform)
let stack: AsyncDisposableStack
beforeEach(() => void (stack = new AsyncDisposableStack()))
afterEach(() => stack.disposeAsync())

/** Servers of a file, and what is logged of them. */
class Stage {
  readonly servers: Servers
  readonly ended: Promise<unknown>
  log = ''
  readonly #waiting = new Set<() => void>()
  readonly #folder = mkdtempSync(join(tmpdir(), 'mcp-edge-servers-'))

  constructor() {
    const write = (line: string): void => {
      this.log += line
      for (const look of this.#waiting) look()
    }
    this.servers = new Servers({
      guard,
      platform: process.platform,
      version: VERSION,
      kill: new AbortController().signal,
      logFor: ({ server, mask }) => serverLog(createLog({ level: 'info', json: true, mask, write, now: () => new Date() }), server),
    })
    this.ended = this.servers.run().catch((error: unknown) => error)
    stack.defer(async () => {
      this.servers.leave()
      await this.ended
      rmSync(this.#folder, { recursive: true })
    })
  }

  /** The event of a server, as soon as it is logged. */
  async logged(event: string, server: string): Promise<Record<string, unknown>> {
    for (;;) {
      const lines = this.log.split('\n').filter((line) => line !== '')
      const found = lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((one) => one['event'] === event && one['server'] === server)
      if (found !== undefined) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  prepared(servers: Readonly<Record<string, object>>, more: object = {}): readonly PreparedServer[] {
    writeFileSync(join(this.#folder, 'c.json'), JSON.stringify({ ...more, servers }))
    const command = agentCommand()
    parse(command, ['--config', join(this.#folder, 'c.json'), '--era', 'legacy', '--reconnect-delay', '10ms'])
    return prepareConfig(command, this.#folder)
  }
}

async function relayOf(): Promise<ScriptedRelay> {
  return stack.use(await ScriptedRelay.start())
}

/** A server of a share of its own: each scripted relay has one, by another name. */
function entry(relay: ScriptedRelay, name: string, more: object = {}): object {
  const [head, payload, mac] = relay.token().split('.')
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object
  const token = [head, Buffer.from(JSON.stringify({ ...claims, share: `${SHARE.slice(0, -1)}${name}` })).toString('base64url'), mac].join(
    '.',
  )
  const [command, ...args] = SERVER
  return { token, command, args, ...more }
}

test('Servers serves each, and the end of one is only its own', async () => {
  verifies('promise.config.apart')
  const [one, two] = [await relayOf(), await relayOf()]
  const stage = new Stage()
  stage.servers.serve(stage.prepared({ a: entry(one, 'a'), b: entry(two, 'b'), c: entry(two, 'c', { command: '/no/such/command' }) }))
  const link = await one.link(0)
  await link.welcome()
  const other = await two.link(0)
  await other.welcome()
  expect(await stage.logged('server.ended', 'c')).toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  other.socket.close(CLOSE.SHARE_GONE, 'gone')
  expect(await stage.logged('server.ended', 'b')).toMatchObject({ code: 'SHARE_GONE' })
  expect(link.socket.readyState).toBe(link.socket.OPEN)
})

test('Servers ends with what the last one ended with', async () => {
  const stage = new Stage()
  stage.servers.serve(stage.prepared({ c: entry(await relayOf(), 'c', { command: '/no/such/command' }) }))
  expect(await stage.ended).toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  expect(await stage.ended).toBeInstanceOf(AgentExit)
})

test('Servers touches nothing that has not changed: one more, one changed, one gone', async () => {
  verifies('promise.config.reload')
  const [a, b, c, d] = [await relayOf(), await relayOf(), await relayOf(), await relayOf()]
  const stage = new Stage()
  stage.servers.serve(stage.prepared({ a: entry(a, 'a'), b: entry(b, 'b'), c: entry(c, 'c') }))
  const links = [await a.link(0), await b.link(0), await c.link(0)]
  for (const link of links) await link.welcome()
  stage.servers.serve(stage.prepared({ a: entry(a, 'a'), b: entry(b, 'b', { maxChildren: 2 }), d: entry(d, 'd') }))
  await (await d.link(0)).welcome()
  await Promise.all([links[1]?.closed, links[2]?.closed])
  await (await b.link(1)).welcome()
  expect(links[0]?.socket.readyState).toBe(links[0]?.socket.OPEN)
  expect([a, b, c, d].map(({ attempts }) => attempts)).toEqual([1, 2, 1, 1])
})

test('Servers serves again what was taken out and put back while it ended', async () => {
  verifies('promise.config.reload')
  const [a, b] = [await relayOf(), await relayOf()]
  const stage = new Stage()
  const both = stage.prepared({ a: entry(a, 'a'), b: entry(b, 'b') })
  stage.servers.serve(both)
  await (await a.link(0)).welcome()
  await (await b.link(0)).welcome()
  stage.servers.serve(both.slice(1))
  stage.servers.serve(both)
  await (
    await a.link(0)
  ).closed
  await (await a.link(1)).welcome()
  expect([a, b].map(({ attempts }) => attempts)).toEqual([2, 1])
})

test('Servers adds a share to a server without touching the link that it has', async () => {
  verifies('promise.config.copies')
  const [a, b] = [await relayOf(), await relayOf()]
  const stage = new Stage()
  const tokenOf = (relay: ScriptedRelay, name: string): unknown => (entry(relay, name) as { token: string }).token
  stage.servers.serve(stage.prepared({ a: entry(a, 'a') }))
  await (await a.link(0)).welcome()
  stage.servers.serve(stage.prepared({ a: { ...entry(a, 'a'), token: undefined, tokens: [tokenOf(a, 'a'), tokenOf(b, 'b')] } }))
  await (await b.link(0)).welcome()
  expect([a, b].map(({ attempts }) => attempts)).toEqual([1, 1])
})

/** A server with one tool, which says who it is. */
function toolServer(name: string): object {
  const [command, ...args] = scriptServer(`
    on = ({ id, method }) => {
      if (method === 'initialize')
        return result(id, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: '${name}', version: '1' } })
      if (method === 'tools/list') return result(id, { tools: [{ name: 'who' }] })
      if (method === 'tools/call') return result(id, { content: [], pid: process.pid })
    }`)
  return { command, args }
}

/** Links of one share by their servers; that of the share itself has an empty name. */
async function linksOf(relay: ScriptedRelay, count: number): Promise<ReadonlyMap<string, RelayLink>> {
  const links = await Promise.all(Array.from({ length: count }, (_, index) => relay.link(index)))
  return new Map(links.map((link) => [new URL(link.request.url ?? '', 'http://x').searchParams.get('server') ?? '', link]))
}

test('Servers makes one of the servers of a share, and an edit touches no link and no process of those that stay', async () => {
  verifies('promise.merged.reload', 'promise.config.reload', 'promise.merged.lists')
  const relay = await relayOf()
  const stage = new Stage()
  const of = { token: relay.token() }
  stage.servers.serve(stage.prepared({ a: toolServer('a'), b: toolServer('b') }, of))
  const links = await linksOf(relay, 3)
  expect([...links.keys()].toSorted()).toEqual(['', 'a', 'b'])
  const root = links.get('')
  if (root === undefined) throw new Error('no link of the share itself')
  for (const link of links.values()) await link.welcome()
  root.send({ type: 'open', ch: 'c1', ids: 'keep', asks: 'pass' })
  let label = 0
  const call = async (method: string, params: object): Promise<Record<string, unknown>> => {
    const key = root.call('c1', ++label, JSON.stringify({ jsonrpc: '2.0', id: label, method, params }))
    const answer = await root.next('answer', (header) => header.key === key)
    return (JSON.parse(answer.text()) as { result: Record<string, unknown> }).result
  }
  expect(await call('initialize', { protocolVersion: '2025-11-25', capabilities: {} })).toMatchObject({ serverInfo: { title: 'a, b' } })
  const notice = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  root.send({ type: 'notify', ch: 'c1', key: 'f'.repeat(32), method: 'notifications/initialized', size: notice.length }, notice)
  expect(await call('tools/list', {})).toEqual({ tools: [{ name: 'a__who' }, { name: 'b__who' }] })
  const { pid } = await call('tools/call', { name: 'a__who' })
  stage.servers.serve(stage.prepared({ a: toolServer('a'), b: toolServer('b'), c: toolServer('c') }, of))
  await (await relay.link(3)).welcome()
  await root.next('notification', ({ method }) => method === 'notifications/tools/list_changed')
  expect(await call('tools/list', {})).toEqual({ tools: [{ name: 'a__who' }, { name: 'b__who' }, { name: 'c__who' }] })
  expect(await call('tools/call', { name: 'a__who' })).toMatchObject({ pid })
  expect(relay.attempts).toBe(4)
})
