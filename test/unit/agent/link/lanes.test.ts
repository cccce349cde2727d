/** The real agent at a share with lanes, over a scripted relay. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLOSE } from '../../../../protocol/handshake.ts'
import { ScriptedRelay, type RelayLink } from '../scripted-relay.ts'
import { agentCommand, parse, prepare } from '../../../../agent/config/options.ts'
import { Lanes } from '../../../../agent/link/lanes.ts'
import type { Log } from '../../../../agent/log.ts'
import { startChild, type Child, type ChildHandlers } from '../../../../agent/server/child.ts'
import { findEra } from '../../../../agent/server/era.ts'
import { SILENT_LOG } from '../silent-log.ts'
import { LocalAgent } from '../local-agent.ts'
import { scriptServer } from '../script-server.ts'

/** Answers with its process id, except `wait`, which it does not answer, and a first time it speaks to stderr. */
const SERVER = scriptServer(`
  process.stderr.write('hello\\n')
  on = (message) => {
    if (message.id !== undefined && message.method !== 'wait') result(message.id, process.pid)
  }`)

const LANES = 4
const FAST = ['--reconnect-delay', '10ms', '--era', 'legacy']

let relay: ScriptedRelay

beforeEach(async () => {
  relay = await ScriptedRelay.start()
})

afterEach(() => relay[Symbol.asyncDispose]())

function start(...args: readonly string[]): LocalAgent {
  return new LocalAgent(relay.token(), [...FAST, ...args, '--', ...SERVER])
}

function laneIn(link: RelayLink): number {
  return Number(new URL(link.request.url ?? '', 'ws://relay').searchParams.get('lane') ?? 0)
}

/** The links with these indices, by lane. */
async function byLane(from: number, to: number): Promise<RelayLink[]> {
  const links: RelayLink[] = []
  for (let index = from; index < to; index++) {
    const link = await relay.link(index)
    links[laneIn(link)] = link
  }
  return links
}

/** Lets the agent in on every lane. */
async function welcomed(agent: LocalAgent): Promise<readonly [RelayLink, RelayLink, RelayLink, RelayLink]> {
  await (await relay.link(0)).welcome([], LANES)
  const [first, one, two, three] = await byLane(0, LANES)
  if (first === undefined || one === undefined || two === undefined || three === undefined) throw new Error('a lane has no link')
  for (const link of [one, two, three]) await link.welcome([], LANES)
  await agent.logged(/"event":"ready"/)
  return [first, one, two, three]
}

/** Opens a channel and asks its process who it is. */
async function pidOf(link: RelayLink, ch: string, label: number): Promise<number> {
  link.send({ type: 'open', ch, ids: 'keep', asks: 'pass' })
  const key = link.call(ch, label, `{"jsonrpc":"2.0","id":${label},"method":"pid"}`)
  const answer = await link.next('answer', (header) => header.key === key)
  return (JSON.parse(answer.text()) as { result: number }).result
}

describe('an agent at a share with lanes', () => {
  test('opens a link to each, once the first has let it in, as one agent that has a right to be there', async () => {
    await using agent = start('--name', 'a')
    const first = await relay.link(0)
    const hello = await first.next('hello')
    expect(relay.attempts).toBe(1)
    first.send({ type: 'welcome', share: 's', unwanted: [], lanes: LANES })
    const links = await byLane(0, LANES)
    expect(links.map(laneIn)).toEqual([0, 1, 2, 3])
    expect(hello.header).toMatchObject({ agent: 'a', join: 'primary' })
    for (const link of links.slice(1)) {
      expect(agent.log).not.toContain('"event":"ready"')
      const { header } = await link.next('hello')
      expect(header).toMatchObject({ agent: 'a', instance: hello.header.instance, join: 'replica' })
      link.send({ type: 'welcome', share: 's', unwanted: [], lanes: LANES })
    }
    await agent.logged(/"event":"ready".*"lanes":4/)
  })

  test('--replace ends the others on every lane', async () => {
    await using _agent = start('--replace')
    await (await relay.link(0)).welcome([], LANES)
    const links = await byLane(1, LANES)
    for (const link of links.slice(1)) expect((await link.next('hello')).header.join).toBe('replace')
  })

  test('keeps channels of one name on two lanes apart, and names the lane in its log', async () => {
    await using agent = start()
    const [first, , two] = await welcomed(agent)
    const pids = [await pidOf(first, 'shared.1', 1), await pidOf(two, 'shared.1', 1)]
    expect(new Set(pids).size).toBe(2)
    first.send({ type: 'close', ch: 'shared.1' })
    expect((await first.next('died')).header.ch).toBe('shared.1')
    expect(await pidOf(two, 'shared.1', 2)).toBe(pids[1])
    await agent.logged(/"event":"channel.open","lane":2,"ch":"shared.1"/)
    await agent.logged(/"event":"child.stderr","ch":"2:shared.1"/)
  })

  test('dials only the lane again whose link breaks, and says what is its own there', async () => {
    await using agent = start()
    const [first, one] = await welcomed(agent)
    const pid = await pidOf(one, 'c1', 7)
    await pidOf(first, 'c0', 8)
    one.socket.terminate()
    const again = await relay.link(LANES)
    expect(laneIn(again)).toBe(1)
    const { header } = await again.next('hello')
    expect(header.channels).toEqual([{ ch: 'c1', n: 1 }])
    expect(header.held).toHaveLength(1)
    again.send({ type: 'welcome', share: 's', unwanted: [], lanes: LANES })
    expect(await pidOf(again, 'c1', 9)).toBe(pid)
    expect(relay.attempts).toBe(LANES + 1)
  })

  test.each([CLOSE.NAME_REFUSED, CLOSE.REPLACED])('takes close %d for final on the first lane only', async (code) => {
    await using agent = start()
    const [first, , , three] = await welcomed(agent)
    three.socket.close(code)
    const again = await relay.link(LANES)
    expect(laneIn(again)).toBe(3)
    await again.welcome([], LANES)
    first.socket.close(code)
    expect(await agent.ended).toMatchObject({ exit: 6 })
  })

  test('displaced from a lane, waits for the first lane to say who serves', async () => {
    await using agent = start()
    const [first, , two, three] = await welcomed(agent)
    first.socket.terminate()
    const anew = await relay.link(LANES)
    await anew.next('hello')
    three.socket.close(CLOSE.REPLACED)
    await agent.logged(/"event":"link.lost","lane":3,"reason":"closed 4001/)
    // Another lane has come back four times, each after a longer pause, and this one has not.
    let other = two
    for (let index = LANES + 1; index < LANES + 5; index++) {
      other.socket.terminate()
      other = await relay.link(index)
      expect(laneIn(other)).toBe(2)
    }
    anew.send({ type: 'welcome', share: 's', unwanted: [], lanes: LANES })
    expect(laneIn(await relay.link(LANES + 5))).toBe(3)
  })

  test('ends when any lane says that the share is gone', async () => {
    await using agent = start()
    const [, , two] = await welcomed(agent)
    two.socket.close(CLOSE.SHARE_GONE)
    expect(await agent.ended).toMatchObject({ exit: 6, code: 'SHARE_GONE' })
  })

  test('--max-children bounds all lanes together', async () => {
    await using agent = start('--max-children', '2')
    const [first, one, two] = await welcomed(agent)
    for (const [index, link] of [first, one].entries()) {
      await pidOf(link, `c${index}`, 2 * index + 1)
      link.call(`c${index}`, 2 * index + 2, `{"jsonrpc":"2.0","id":${2 * index + 2},"method":"wait"}`)
    }
    await agent.logged(/"event":"channel.open","lane":1/)
    two.send({ type: 'open', ch: 'c2', ids: 'keep', asks: 'pass' })
    expect((await two.next('died')).header).toMatchObject({ ch: 'c2', reason: 'start' })
  })

  test('says so when --isolate share needs more processes than --max-children allows', async () => {
    await using agent = start('--isolate', 'share', '--max-children', '3')
    await welcomed(agent)
    await agent.logged(/"event":"lanes.children","lanes":4,"maxChildren":3/)
  })

  test('--max-children ends the process that was idle longest, whichever lane it serves', async () => {
    await using agent = start('--max-children', '2')
    const [first, one, two] = await welcomed(agent)
    await pidOf(first, 'c0', 1)
    await pidOf(one, 'c1', 2)
    await pidOf(two, 'c2', 3)
    expect((await first.next('died')).header).toMatchObject({ ch: 'c0', reason: 'idle' })
    await agent.logged(/"event":"channel.evict","lane":0,"ch":"c0"/)
  })

  test('leaves all lanes in good order', async () => {
    await using agent = start()
    const links = await welcomed(agent)
    agent.leave()
    for (const link of links) {
      await link.next('drain')
      expect(await link.closed).toMatchObject({ code: CLOSE.GOING_AWAY })
    }
    expect(await agent.ended).toEqual({ exit: 0 })
  })
})

test('an agent at a share of one lane has one link and says nothing of lanes', async () => {
  await using agent = start()
  const link = await relay.link(0)
  await link.welcome()
  await agent.logged(/"event":"ready"/)
  await pidOf(link, 'c1', 1)
  expect(link.request.url).not.toContain('lane')
  expect(agent.log).not.toContain('lane')
  expect(relay.attempts).toBe(1)
})

test('Lanes names the agents that were ended in favour of this one', async () => {
  await using agent = start()
  await (await relay.link(0)).welcome([], undefined, ['laptop', 'desk'])
  await agent.logged(/"agents\.replaced","agents":"laptop,desk"/)
})

test('Lanes joins anew when a slow server turns out to be modern', async () => {
  const [command = '', ...args] = scriptServer(`
    on = ({ id, method }) => {
      if (method === 'initialize') return send({ jsonrpc: '2.0', id, error: { code: -32022, message: 'no' } })
      process.once('SIGUSR2', () => result(id, { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' }))
      process.stderr.write('pid ' + process.pid + '\\n')
    }`)
  const agentCommandLine = agentCommand()
  parse(agentCommandLine, ['--token', relay.token(), '--reconnect-delay', '10ms', '--', command, ...args])
  const { settings, childEnv, mask } = prepare(agentCommandLine, process.cwd())
  const pid = Promise.withResolvers<number>()
  const ready = Promise.withResolvers<void>()
  const log: Log = {
    ...SILENT_LOG,
    debug: (event, fields) => event === 'era.stderr' && pid.resolve(Number(String(fields?.['line']).slice(4))),
    info: (event) => event === 'ready' && ready.resolve(),
  }
  const guard = { add: () => {}, remove: () => {}, end: () => {} }
  const startServer = (handlers: ChildHandlers): Child =>
    startChild({ command, args, cwd: '/', env: childEnv }, handlers, { guard, mask, platform: process.platform })
  const finding = findEra('auto', { startChild: startServer, version: '1', log, probeMs: 50 })
  const url = new URL('/agent/share', relay.origin.replace('http', 'ws'))
  const lanes = new Lanes({
    settings,
    url,
    log,
    version: '1',
    finding,
    startChild: startServer,
    webApp: undefined,
    resourceMetadata: () => Promise.resolve({ lacks: 'metadata' }),
  })
  const ended = lanes.run()
  await using _end = {
    [Symbol.asyncDispose]: async () => {
      await Promise.all([lanes.close(), lanes.stop(), finding.stop()])
      await ended
    },
  }
  const first = await (await relay.link(0)).welcome()
  await ready.promise
  process.kill(await pid.promise, 'SIGUSR2')
  const second = await (await relay.link(1)).welcome()
  expect([first.era, second.era, second.instance]).toEqual(['legacy', 'modern', first.instance])
})
