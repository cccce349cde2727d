import { describe, expect, test, vi } from 'vitest'
import { encodeFrame } from '../../../../../../protocol/frame-codec.ts'
import type { CallRequest } from '../../../../../../worker/contract/share-rpc.ts'
import { callRequest } from '../../../../../../worker/mcp/call/call-request.ts'
import { joinedList, joining } from '../../../../../../worker/mcp/call/several/joined-list.ts'
import { LIST_PART_MS } from '../../../../../../worker/routing-limits.ts'
import { pause } from '../../../../../../worker/within.ts'
import { verifies } from '../../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../../scripted-share.ts'
import { messageOf } from '../../client-message.ts'

vi.mock('cloudflare:workers', () => ({ waitUntil: () => undefined }))

const MESSAGE = messageOf({ id: 7, method: 'tools/list', params: { cursor: 'old', _meta: { progressToken: 'p', kept: 1 } } })
const REQUEST = callRequest({ principal: 'ann', session: 'sess' }, MESSAGE, 'stream')
const LISTS = { kind: 'join', own: 'git_*', sets: ['fs_*', 'git_*'], there: ['fs_*', 'git_*'], listed: '' } as const
const AWAY = { kind: 'failed', failure: { code: 'AGENT_AWAY', executed: 'no' } }

/** What one page is answered with. */
function page(body: string): object {
  const bytes = new TextEncoder().encode(`{"jsonrpc":"2.0","id":0,${body}}`)
  const key = '0'.repeat(32)
  const header = { type: 'answer', ch: 'c.1', n: 1, at: 0, size: bytes.length, key, ra: `c${key}`, id: [22, 23], failed: false } as const
  return { kind: 'frame', frame: encodeFrame(header, bytes), restarted: false }
}

const tools = (more: string, ...names: string[]): object =>
  page(`"result":{"tools":[${names.map((name) => `{"name":"${name}","n":1.0}`).join(' , ')}]${more}}`)

async function joined(share: ScriptedShare, lists: Partial<typeof LISTS> | object = {}): Promise<unknown> {
  const item = await joinedList(share.client, { request: REQUEST, body: MESSAGE.bytes }, { ...LISTS, ...lists })
  return item.kind === 'frame' ? new TextDecoder().decode(item.body) : item
}

describe('joinedList()', () => {
  test('asks an agent of each set for all of its pages, and lists of each what is its own, as it was written', async () => {
    verifies('promise.serves.one-list')
    const share = new ScriptedShare().on(
      'call',
      tools(',"nextCursor":"two"', 'fs_a', 'git_x'),
      tools('', 'git_a', 'fs_x', 'other'),
      tools('', 'fs_b'),
    )
    expect(await joined(share)).toBe(
      '{"jsonrpc":"2.0","id":0,"result":{"tools":[{"name":"fs_a","n":1.0},{"name":"fs_b","n":1.0},{"name":"git_a","n":1.0}]}}',
    )
    const parts = share.asked.call.map(([part]) => part as CallRequest)
    expect(parts.map(({ spread }) => spread)).toEqual(['fs_*', 'git_*', 'fs_*'].map((set) => ({ set, of: REQUEST.key })))
    expect(new Set([REQUEST.key, ...parts.map(({ key }) => key)]).size).toBe(4)
    const asked = parts.map(({ body }) => JSON.parse(new TextDecoder().decode(body)) as { params: object })
    expect(asked.map(({ params }) => params)).toEqual([
      { _meta: { kept: 1 } },
      { _meta: { kept: 1 } },
      { _meta: { kept: 1 }, cursor: 'two' },
    ])
    for (const part of parts) {
      expect(part).toMatchObject({ delivery: 'single', isRelays: true, isForOwnAgent: true })
      expect(part.rawId).toMatch(/^"mcp-edge\.list\./)
      expect(part).not.toHaveProperty('canStandBy')
      expect(part).not.toHaveProperty('token')
    }
  })

  test('gives an agent without patterns what no other has', async () => {
    verifies('promise.serves.one-list')
    const share = new ScriptedShare().on('call', tools('', 'fs_a', 'other'), tools('', 'fs_b', 'more'))
    const sets = ['', 'fs_*']
    expect(await joined(share, { sets, there: sets })).toContain('{"tools":[{"name":"other","n":1.0},{"name":"fs_b","n":1.0}]}')
  })

  test('leaves out who is away, is late or knows no such list, and says why where that are all', async () => {
    verifies('promise.serves.away')
    const unknown = page('"error":{"code":-32601,"message":"no such method"}')
    expect(await joined(new ScriptedShare().on('call', AWAY, tools('', 'git_a')))).toContain('"tools":[{"name":"git_a","n":1.0}]')
    expect(await joined(new ScriptedShare().on('call', unknown, AWAY))).toContain('"tools":[]')
    expect(await joined(new ScriptedShare().on('call', AWAY, AWAY))).toEqual(AWAY)
    const broken = page('"error":{"code":-32603,"message":"broken"}')
    expect(await joined(new ScriptedShare().on('call', broken, AWAY))).toContain('"message":"broken"')
    vi.useFakeTimers()
    const late = joined(new ScriptedShare().on('call', new Promise(() => undefined), tools('', 'git_a')))
    await vi.advanceTimersByTimeAsync(LIST_PART_MS)
    vi.useRealTimers()
    expect(await late).toContain('"tools":[{"name":"git_a","n":1.0}]')
  })

  test('waits no longer for all pages of an agent than for one', async () => {
    verifies('promise.serves.away')
    const more = tools(',"nextCursor":"more"', 'git_a')
    vi.useFakeTimers()
    const slow = [0.4, 0.8, 1.2].map((part) => pause(part * LIST_PART_MS).then(() => more))
    const late = joined(new ScriptedShare().on('call', ...slow), { there: ['git_*'] })
    await vi.advanceTimersByTimeAsync(LIST_PART_MS)
    vi.useRealTimers()
    expect(await late).toEqual(AWAY)
  })

  test('withholds a list that cannot be read for certain', async () => {
    const twice = page('"result":{"tools":[],"tools":[]}')
    expect(await joined(new ScriptedShare().on('call', twice, twice))).toEqual({
      kind: 'failed',
      failure: { code: 'LIST_UNREADABLE', executed: 'yes' },
    })
  })

  test('asks again where a child of the other era has introduced itself first', async () => {
    const facts = { version: 'new', childEra: 'modern', server: new Uint8Array(0) }
    const share = new ScriptedShare().on('call', { kind: 'bridge', facts }, tools('', 'git_a'))
    const sent = { request: { ...REQUEST, bridge: 'old' }, body: MESSAGE.bytes }
    const item = await joinedList(share.client, sent, { ...LISTS, there: ['git_*'] })
    expect(item.kind === 'frame' && new TextDecoder().decode(item.body)).toContain(
      '"resultType":"complete","ttlMs":0,"cacheScope":"private"}',
    )
    expect(share.asked.call[1]?.[0]).toMatchObject({ bridge: 'new' })
  })
})

test('joining() makes one list of what the relay asks for itself, and fails any other call that could go to several', async () => {
  const share = new ScriptedShare().on('call', tools('', 'fs_a'), tools('', 'git_a'))
  const sent = { request: REQUEST, body: MESSAGE.bytes }
  expect(await joining(share.client)(LISTS, sent)).toMatchObject({ kind: 'item', item: { kind: 'frame' } })
  const spread = { kind: 'spread', own: 'a', agents: ['b'], count: 2, toolsVersion: 'v' } as const
  expect(await joining(share.client)(spread, sent)).toMatchObject({ kind: 'item', item: { kind: 'failed' } })
})
