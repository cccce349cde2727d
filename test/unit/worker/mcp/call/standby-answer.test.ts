import { describe, expect, test } from 'vitest'
import { listingFrom, type Standby } from '../../../../../worker/contract/listings.ts'
import { standbyAnswer } from '../../../../../worker/mcp/call/standby-answer.ts'

const SINCE_MS = Date.UTC(2026, 10, 29)
const STALE = { 'mcp-edge/stale': '2026-11-29T00:00:00.000Z' }
const LEGACY_SERVER = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
const MODERN_SERVER = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } },
}

function kept(name: Standby['name'], era: Standby['era'], result: unknown): Standby {
  const answer = listingFrom(new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 3, result })))
  if (answer === undefined) throw new Error('no result')
  return { kind: 'standby', name, era, answer, sinceMs: SINCE_MS }
}

function answerTo(standby: Standby, asked: { method: string; revision?: string; era: 'legacy' | 'modern' }): unknown {
  const text = standbyAnswer(standby, { rawId: '"a\\u0041"', ...asked })
  if (text !== undefined) expect(text).toContain('"id":"a\\u0041"')
  return text === undefined ? undefined : (JSON.parse(text) as { result: unknown }).result
}

describe('standbyAnswer()', () => {
  test('answers a list as the server wrote it, marked with the time since when it may not hold', () => {
    const list = kept('tools/list', 'legacy', { tools: [{ name: 't' }], _meta: { a: 1 } })
    expect(answerTo(list, { method: 'tools/list', era: 'legacy' })).toEqual({ tools: [{ name: 't' }], _meta: { a: 1, ...STALE } })
  })

  test('translates a list for a client of the other era, which must not keep it', () => {
    const legacy = kept('tools/list', 'legacy', { tools: [] })
    expect(answerTo(legacy, { method: 'tools/list', era: 'modern' })).toMatchObject({ tools: [], resultType: 'complete', _meta: STALE })
    const modern = kept('tools/list', 'modern', { resultType: 'complete', tools: [], ttlMs: 9000, cacheScope: 'public' })
    expect(answerTo(modern, { method: 'tools/list', era: 'modern' })).toMatchObject({ ttlMs: 0, _meta: STALE })
    expect(answerTo(modern, { method: 'tools/list', era: 'legacy' })).toEqual({ tools: [], _meta: STALE })
  })

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-11-25', '2025-06-18'],
    ['2099-01-01', '2025-06-18'],
    [undefined, '2025-06-18'],
  ])('agrees with a client of revision %s on %s', (revision, expected) => {
    const asked = { method: 'initialize', era: 'legacy' as const, ...(revision === undefined ? {} : { revision }) }
    expect(answerTo(kept('server', 'legacy', LEGACY_SERVER), asked)).toMatchObject({ protocolVersion: expected, _meta: STALE })
  })

  test('answers a handshake by what a server of the other era has said of itself', () => {
    const initialized = answerTo(kept('server', 'modern', MODERN_SERVER), { method: 'initialize', era: 'legacy', revision: '2025-11-25' })
    expect(initialized).toMatchObject({ protocolVersion: '2025-11-25', serverInfo: { name: 's', version: '1' }, _meta: STALE })
    const discovered = answerTo(kept('server', 'legacy', LEGACY_SERVER), { method: 'server/discover', era: 'modern' })
    expect(discovered).toMatchObject({ capabilities: { tools: {} }, _meta: STALE })
  })

  test('is undefined where what is kept is no answer to this client', () => {
    expect(answerTo(kept('server', 'legacy', {}), { method: 'server/discover', era: 'modern' })).toBeUndefined()
    expect(answerTo(kept('server', 'modern', {}), { method: 'initialize', era: 'legacy' })).toBeUndefined()
  })
})
