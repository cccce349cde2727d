import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findEra, eraOf, type Era, type EraFinding } from '../../../../agent/server/era.ts'
import { JUNK_VERDICT_MS, PROBE_AGAIN_MS, PROBE_GIVE_UP_MS, PROBE_MS } from '../../../../agent/limits.ts'
import { createLog } from '../../../../agent/log.ts'
import { Mask } from '../../../../agent/mask.ts'
import { decodeAgentFrame, encodeFrame } from '../../../../protocol/frame-codec.ts'
import { FakeChild } from '../fake-child.ts'
import { HELLO } from '../link-options.ts'
import type { EraChoice } from '../../../../agent/config/settings.ts'
import { verifies } from '../../../requirements/verifies.ts'

const DISCOVERED = { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' }

function result(value: unknown, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: value })
}

function error(code: number, data?: unknown, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: 'no', data } })
}

test.each<[string, string, Era | undefined]>([
  ['a discover result with 2026-07-28', result(DISCOVERED), 'modern'],
  ['one that names other revisions too', result({ supportedVersions: ['2027-01-01', '2026-07-28'] }), 'modern'],
  ['one of revisions that are all unknown', result({ supportedVersions: ['2027-01-01'] }), 'legacy'],
  ['one without revisions', result({}), 'legacy'],
  ['one whose revisions are no list', result({ supportedVersions: '2026-07-28' }), 'legacy'],
  ['a result that is no object', result('2026-07-28'), 'legacy'],
  ['-32022 that offers 2026-07-28', error(-32022, { supported: ['2026-07-28'] }), 'modern'],
  ['-32022 that offers legacy revisions only', error(-32022, { supported: ['2025-11-25'] }), 'legacy'],
  ['-32022 without data', error(-32022), 'legacy'],
  ['another code with the data of -32022', error(-32000, { supported: ['2026-07-28'] }), 'legacy'],
  ['-32601', error(-32601), 'legacy'],
  ['-32602', error(-32602), 'legacy'],
  ['-32020', error(-32020), 'legacy'],
  ['-32021', error(-32021, { requiredCapabilities: {} }), 'legacy'],
  ['an error without an id', error(-32700, undefined, null), 'legacy'],
  ['an answer with the id written otherwise', result(DISCOVERED).replace('"id":1', '"id":1.0'), 'modern'],
  ['an answer with the id as a string', result(DISCOVERED, '1'), 'modern'],
  ['an answer with members that are null', `${result(DISCOVERED).slice(0, -1)},"error":null,"method":null}`, 'modern'],
  ['an answer to something else', result(DISCOVERED, 2), undefined],
  ['an answer to another string', result(DISCOVERED, '2'), undefined],
  ['a request of the server', '{"jsonrpc":"2.0","id":1,"method":"ping"}', undefined],
  ['a notification', '{"jsonrpc":"2.0","method":"notifications/message"}', undefined],
  ['junk', 'Server listening', undefined],
  ['a batch', `[${result(DISCOVERED)}]`, undefined],
])('eraOf() takes %s for what it is', (_, line, era) => {
  verifies('stdio.probe.any-error', 'stdio.probe.modern-error')
  expect(eraOf(Buffer.from(line))).toBe(era)
})

class Probe {
  readonly finding: EraFinding
  readonly logged: string[] = []
  readonly children: FakeChild[] = []

  constructor(choice: EraChoice = 'auto') {
    this.finding = findEra(choice, {
      startChild: (handlers) => {
        const child = new FakeChild(handlers)
        this.children.push(child)
        return child
      },
      version: '1.2.3',
      log: createLog({ level: 'info', json: true, mask: new Mask([]), write: (line) => this.logged.push(line), now: () => new Date(0) }),
    })
  }

  /** The process that was asked first. */
  get child(): FakeChild | undefined {
    return this.children[0]
  }

  /** The server is modern, and the process that said so has ended. Returns the one that is asked next. */
  isModern(): FakeChild | undefined {
    this.child?.says(result(DISCOVERED))
    this.child?.ends()
    return this.children[1]
  }
}

describe('findEra()', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('asks a process with server/discover and the whole envelope, and nothing else', async () => {
    verifies('stdio.probe.discover')
    const { child, finding } = new Probe()
    expect(child?.written).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'server/discover',
        params: {
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'mcp-edge-agent', version: '1.2.3' },
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      },
    ])
    expect(child?.stopped).toBe(false)
    child?.says('some junk')
    child?.says(error(-32601))
    expect(await finding.final).toBe('legacy')
    expect(child?.stopped).toBe(true)
    expect(child?.written).toHaveLength(1)
  })

  test('gives its verdict to the hello only when the process is gone, which may hold a port or a lock', async () => {
    const { child, finding } = new Probe()
    let soon: Era | undefined
    const told = finding.initial.then((era) => (soon = era))
    child?.says(error(-32601))
    await finding.final
    await vi.advanceTimersByTimeAsync(PROBE_MS - 1)
    expect(soon).toBeUndefined()
    child?.ends()
    await told
    expect(soon).toBe('legacy')
  })

  test('does not wait longer than PROBE_MS for a process that stays', async () => {
    const { child, finding } = new Probe()
    child?.says(result(DISCOVERED))
    vi.advanceTimersByTime(PROBE_MS)
    expect(await finding.initial).toBe('modern')
  })

  test('takes a server that ends at the question for legacy, and sees with another process that it does not fail', async () => {
    verifies('stdio.probe.any-error')
    const { child, children, finding, logged } = new Probe()
    child?.ends({ exitCode: 1 })
    expect(await finding.final).toBe('legacy')
    const [, second] = children
    expect(second?.written).toMatchObject([{ method: 'initialize', params: { protocolVersion: '2025-11-25' } }])
    second?.says(result({}))
    expect(second?.stopped).toBe(true)
    second?.ends()
    expect([await finding.initial, children.length, logged]).toEqual(['legacy', 2, []])
  })

  test('says at once that a server fails, why, and what to do', async () => {
    verifies('promise.8.failing-start')
    const { children, finding, logged } = new Probe()
    for (const index of [0, 1]) children[index]?.ends({ exitCode: 3, stderr: 'one\nKEY is required' })
    expect(await finding.initial).toBe('legacy')
    expect(logged.join('')).toMatch(/"one".*"KEY is required".*"server.fails","exitCode":3.*--env NAME/s)
  })

  test('tells what a server that fails has printed on stdout, too', async () => {
    verifies('promise.8.failing-start')
    const { children, finding, logged } = new Probe()
    children[0]?.ends({ exitCode: 2 })
    children[1]?.says('usage: server FOLDER')
    children[1]?.ends({ exitCode: 2 })
    expect(await finding.initial).toBe('legacy')
    expect(logged.join('')).toMatch(/"usage: server FOLDER".*"server.fails","exitCode":2/s)
  })

  test('tells what a server has printed that ended too late to be started again before the hello', async () => {
    verifies('promise.8.failing-start')
    const { child, children, finding, logged } = new Probe()
    child?.handlers.stderr('no database')
    await vi.advanceTimersByTimeAsync(PROBE_MS - 1000)
    child?.ends({ exitCode: 1 })
    expect([children.length, logged]).toEqual([2, []])
    await vi.advanceTimersByTimeAsync(1000)
    expect([await finding.initial, children[1]?.stopped]).toEqual(['legacy', true])
    expect(logged.join('')).toMatch(/"no database".*"start.unclear","ranMs":\d+,"exitCode":1/s)
  })

  test('tells what a server that does not answer has printed, goes on with it, and where to find it if it listens on a port', async () => {
    verifies('promise.8.failing-start')
    const { child, logged } = new Probe()
    child?.says('Server running on port 3000')
    child?.handlers.stderr('(press Ctrl-C)')
    expect(logged).toEqual([])
    await vi.advanceTimersByTimeAsync(PROBE_MS)
    expect(logged.join('')).toMatch(/"Server running on port 3000".*press Ctrl-C.*"era.unknown".*--url http:\/\/localhost:3000\/mcp/s)
    child?.handlers.stderr('GET / 404')
    expect(logged.at(-1)).toContain('GET / 404')
  })

  test('ends the second process when it says nothing, however late it was started', async () => {
    const { child, children } = new Probe()
    await vi.advanceTimersByTimeAsync(PROBE_MS)
    child?.ends({ exitCode: 1 })
    expect(children[1]?.stopped).toBe(false)
    await vi.advanceTimersByTimeAsync(PROBE_GIVE_UP_MS)
    expect(children[1]?.stopped).toBe(true)
  })

  test('says at once that nothing of what a server prints can be read', async () => {
    verifies('promise.8.failing-start', 'promise.10.unreadable')
    const { child, children, finding, logged } = new Probe()
    for (const line of ['Ready', '{', '"jsonrpc": "2.0", "id": 1,', '"error": { "code": -32601, "message": "" }', '}']) child?.says(line)
    vi.advanceTimersByTime(JUNK_VERDICT_MS)
    expect(await finding.final).toBe('legacy')
    expect(logged.join('')).toMatch(/"server\.fails","meaning":"the server prints pretty-printed JSON/)
    child?.ends()
    expect([await finding.initial, children.length]).toEqual(['legacy', 1])
  })

  test('starts no second process when the agent leaves', async () => {
    const { child, children, finding } = new Probe()
    const stopped = finding.stop()
    child?.ends()
    await stopped
    expect(children).toHaveLength(1)
  })

  test('takes a silent server for legacy, says so, and still hears it later', async () => {
    verifies('stdio.probe.any-error')
    const { child, children, finding, logged } = new Probe()
    vi.advanceTimersByTime(PROBE_MS)
    expect(await finding.initial).toBe('legacy')
    expect(logged.join('')).toMatch(/"era\.unknown".*--era/)
    expect(child?.stopped).toBe(false)
    child?.says(result(DISCOVERED))
    expect(child?.stopped).toBe(true)
    child?.ends()
    children[1]?.ends()
    expect(await finding.final).toBe('modern')
  })

  test('asks a modern server with initialize too, once: another process, when the first is gone', async () => {
    const probe = new Probe()
    probe.child?.says(result(DISCOVERED))
    expect([probe.child?.stopped, probe.children.length]).toEqual([true, 1])
    probe.child?.ends()
    const [, second] = probe.children
    expect(second?.written).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'mcp-edge-agent', version: '1.2.3' } },
      },
    ])
    second?.says(result({ protocolVersion: '2025-06-18', capabilities: {} }))
    expect(await probe.finding.final).toBe('both')
    expect(second?.stopped).toBe(true)
    second?.ends()
    expect([await probe.finding.initial, probe.children.length]).toEqual(['both', 2])
  })

  test.each([
    ['refuses initialize', (child: FakeChild | undefined) => child?.says(error(-32022, { supported: ['2026-07-28'] }))],
    [
      'answers it with no revision of the handshake',
      (child: FakeChild | undefined) => child?.says(result({ protocolVersion: '2026-07-28' })),
    ],
    ['ends at it', (child: FakeChild | undefined) => child?.ends()],
    ['is silent then', () => void vi.advanceTimersByTime(PROBE_AGAIN_MS)],
  ])('takes a modern server that %s for modern alone', async (_, answer) => {
    const probe = new Probe()
    const second = probe.isModern()
    answer(second)
    second?.ends()
    expect([await probe.finding.final, await probe.finding.initial]).toEqual(['modern', 'modern'])
  })

  test('gives a silent server up after PROBE_GIVE_UP_MS', async () => {
    const { child, finding } = new Probe()
    vi.advanceTimersByTime(PROBE_GIVE_UP_MS)
    expect(await finding.final).toBe('legacy')
    expect(child?.stopped).toBe(true)
  })

  test('ends the process when the agent leaves, and lets the hello go', async () => {
    const { child, finding } = new Probe()
    const stopped = finding.stop()
    expect(child?.stopped).toBe(true)
    child?.ends()
    await stopped
    expect(await finding.initial).toBe('legacy')
  })

  test.each(['legacy', 'modern', 'both'] as const)('starts no process for --era %s', async (choice) => {
    const { child, finding } = new Probe(choice)
    expect([child, await finding.initial, await finding.final]).toEqual([undefined, choice, choice])
    await finding.stop()
  })
})

test('a hello carries the era as `legacy` or `modern`, or not at all', () => {
  for (const era of ['legacy', 'modern'] as const) expect(decodeAgentFrame(encodeFrame({ ...HELLO, era }))).toMatchObject({ ok: true })
  expect(decodeAgentFrame(encodeFrame({ ...HELLO, era: 'modern', initializes: true }))).toMatchObject({ ok: true })
  expect(decodeAgentFrame(encodeFrame(HELLO))).toMatchObject({ ok: true })
  const odd = Buffer.from(`${JSON.stringify({ ...HELLO, era: 'ancient' })}\n`)
  expect(decodeAgentFrame(odd)).toEqual({ ok: false, error: 'bad_field' })
})
