import { describe, expect, test } from 'vitest'
import { scanMessage } from '../../../../protocol/json/json-scan.ts'
import { claimsModern, classify, type Classified } from '../../../../worker/bridge/envelope.ts'
import { ERRORS } from '../../../../protocol/error-table.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf } from './bytes.ts'

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'
const CLIENT_INFO = 'io.modelcontextprotocol/clientInfo'
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel'
const META = { [VERSION]: '2026-07-28', [CAPABILITIES]: {} }

interface Given {
  readonly method?: string
  readonly meta?: unknown
  readonly version?: string
  readonly methodHeader?: string
  readonly message?: object
}

function classified({ method = 'tools/list', meta, version, methodHeader = method, message }: Given): Classified {
  const params = meta === undefined ? {} : { _meta: meta }
  const facts = scanMessage(bytesOf(JSON.stringify({ jsonrpc: '2.0', ...(message ?? { id: 7, method }), params })))
  if (!facts.ok) throw new Error(facts.error)
  const headers = new Headers({ 'Mcp-Method': methodHeader, ...(version === undefined ? {} : { 'MCP-Protocol-Version': version }) })
  return classify(facts.value, params, headers, version)
}

/** The era, or the code and status of the refusal. */
function verdict(given: Given): string {
  const outcome = classified(given)
  if (outcome.era !== 'refused') return outcome.era
  const { rpc, http } = ERRORS[outcome.failure.code]
  return `${rpc}/${http}`
}

describe('classify()', () => {
  test.each<[string, Given]>([
    ['modern', { meta: META, version: '2026-07-28' }],
    // No claim, no modern header.
    ['legacy', {}],
    ['legacy', { version: '2025-11-25' }],
    ['legacy', { version: 'nonsense' }],
    ['legacy', { meta: { progressToken: 1 } }],
    ['modern', { meta: { ...META, [LOG_LEVEL]: null, [CLIENT_INFO]: null }, version: '2026-07-28' }],
    ['modern', { meta: { ...META, [CAPABILITIES]: { roots: null, sampling: {} } }, version: '2026-07-28' }],
    ['-32602/400', { meta: { ...META, [CAPABILITIES]: null }, version: '2026-07-28' }],
    ['legacy', { method: 'initialize' }],
    ['legacy', { method: 'initialize', meta: { [VERSION]: '2025-11-25' } }],
    // What initialize negotiates is in its body.
    ['legacy', { method: 'initialize', version: '2026-05-11' }],
    ['legacy', { method: 'initialize', version: '2027-01-01' }],
    ['legacy', { method: 'initialize', version: 'nonsense' }],
    // Posted answers.
    ['legacy', { message: { id: 1, result: {} }, version: '2026-07-28' }],
    ['legacy', { message: { id: 1, error: { code: 1, message: '' } } }],
    // Notifications.
    ['legacy', { message: { method: 'notifications/initialized' } }],
    ['modern', { message: { method: 'notifications/cancelled' }, version: '2026-07-28' }],
    ['modern', { message: { method: 'notifications/cancelled' }, meta: META }],
    ['-32020/400', { message: { method: 'notifications/cancelled' }, meta: META, version: '2025-11-25' }],
    ['-32602/400', { message: { method: 'notifications/cancelled' }, meta: { [VERSION]: 1 } }],
    // A modern header without a claim.
    ['-32602/400', { version: '2026-07-28' }],
    ['-32602/400', { version: '2026-07-28', meta: { [CAPABILITIES]: {} } }],
    ['-32020/400', { method: 'initialize', version: '2026-07-28' }],
    ['modern', { method: 'initialize', version: '2026-07-28', meta: META }],
    // Header and body.
    ['-32020/400', { meta: META, version: '2025-11-25' }],
    ['-32020/400', { meta: META }],
    ['-32020/400', { meta: META, version: '2026-07-28', methodHeader: 'tools/call' }],
    // Envelope.
    ['-32602/400', { meta: { [VERSION]: '2026-07-28' }, version: '2026-07-28' }],
    ['-32602/400', { meta: { [VERSION]: 20260728, [CAPABILITIES]: {} }, version: '2026-07-28' }],
    ['-32602/400', { meta: { ...META, [CAPABILITIES]: [] }, version: '2026-07-28' }],
    ['-32602/400', { meta: { ...META, [CAPABILITIES]: { sampling: true } }, version: '2026-07-28' }],
    ['-32602/400', { meta: { ...META, [LOG_LEVEL]: 'loud' }, version: '2026-07-28' }],
    ['-32602/400', { meta: { ...META, [CLIENT_INFO]: 'me' }, version: '2026-07-28' }],
    // Supported revision.
    ['-32022/400', { meta: { ...META, [VERSION]: '1999-01-01' }, version: '1999-01-01' }],
    ['-32022/400', { meta: { ...META, [VERSION]: '2025-11-25' }, version: '2025-11-25' }],
    ['-32022/400', { meta: { ...META, [VERSION]: '2027-01-01' } }],
  ])('gives %s for %j', (expected, given) => {
    verifies('modern.header.version', 'modern.header.unsupported', 'modern.meta.missing', 'modern.dual-era')
    expect(verdict(given)).toBe(expected)
  })

  test('answers with the first fault in the order of the checks', () => {
    const bad = { [VERSION]: '1999-01-01' }
    expect(verdict({ meta: bad, version: '2026-07-28', methodHeader: 'x' })).toBe('-32020/400')
    expect(verdict({ meta: bad, version: '1999-01-01', methodHeader: 'x' })).toBe('-32602/400')
    expect(verdict({ meta: { ...bad, [CAPABILITIES]: {} }, version: '1999-01-01', methodHeader: 'x' })).toBe('-32022/400')
    expect(verdict({ meta: META, version: '2026-07-28', methodHeader: 'x' })).toBe('-32020/400')
  })

  test('names supported and requested revisions', () => {
    verifies('modern.header.unsupported', 'modern.unsupported-version')
    const outcome = classified({ meta: { ...META, [VERSION]: '1999-01-01' }, version: '1999-01-01' })
    expect(outcome).toMatchObject({ failure: { supported: ['2026-07-28'], requested: '1999-01-01' } })
  })

  test('reads the envelope', () => {
    const declared = { elicitation: { url: {} }, 'x/y': 1 }
    const meta = { ...META, [CAPABILITIES]: declared, [CLIENT_INFO]: { name: 'c' }, [LOG_LEVEL]: 'warning', progressToken: 0 }
    expect(classified({ meta, version: '2026-07-28' })).toEqual({
      era: 'modern',
      kind: 'request',
      envelope: {
        revision: '2026-07-28',
        declared,
        capabilities: new Set(['elicitation.url']),
        clientInfo: { name: 'c' },
        logLevel: 'warning',
        rawToken: '0',
      },
    })
  })
})

test('claimsModern() sees a claim of any form', () => {
  expect(claimsModern({ _meta: { [VERSION]: null } })).toBe(true)
  expect(claimsModern({ _meta: {} })).toBe(false)
  expect(claimsModern({ _meta: [] })).toBe(false)
  expect(claimsModern({})).toBe(false)
})
