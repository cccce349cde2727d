import { afterEach, beforeEach, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentCommand, parse, VERSION } from '../../../agent/config/options.ts'
import { prepareConfig, type PreparedServer } from '../../../agent/config/prepare-config.ts'
import { AgentExit } from '../../../agent/exit.ts'
import { createLog, serverLog } from '../../../agent/log.ts'
import { startGuard } from '../../../agent/server/guard.ts'
import { Servers } from '../../../agent/servers.ts'
import { ScriptedRelay, SHARE } from './scripted-relay.ts'
import { SERVER } from './run-stage.ts'
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

  prepared(servers: Readonly<Record<string, object>>): readonly PreparedServer[] {
    writeFileSync(join(this.#folder, 'c.json'), JSON.stringify({ servers }))
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
