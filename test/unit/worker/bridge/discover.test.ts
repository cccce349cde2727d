import { describe, expect, test } from 'vitest'
import {
  discoverResult,
  envelopeMembers,
  initializeResult,
  readDiscoverResult,
  readInitializeRequest,
  readInitializeResult,
} from '../../../../worker/bridge/discover.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf } from './bytes.ts'

describe('initialize and server/discover', () => {
  const discover =
    '{"id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"resources":{"listChanged":true},"extensions":{"io.modelcontextprotocol/tasks":{}}},"instructions":"i","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}'

  test.each([
    ['2025-03-26', '2025-03-26'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('initializeResult() answers a client of %s in %s', (requested, revision) => {
    verifies('lifecycle.version.other', 'lifecycle.version.same')
    const facts = readDiscoverResult(bytesOf(discover))
    expect(facts && JSON.parse(initializeResult(facts, requested))).toEqual({
      protocolVersion: revision,
      capabilities: { tools: {}, resources: { listChanged: true, subscribe: true }, logging: {} },
      serverInfo: { name: 's', version: '1' },
      instructions: 'i',
    })
  })

  test('initializeResult() names a server that does not', () => {
    expect(JSON.parse(initializeResult({ capabilities: {} }, ''))).toMatchObject({ serverInfo: { name: 'unknown' } })
  })

  test('envelopeMembers() carries what the client said of itself, as far as the child may know', () => {
    verifies('modern.extension-fallback')
    const client = readInitializeRequest(
      bytesOf(
        '{"id":0,"params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{"listChanged":true},"sampling":{},"tasks":{},"experimental":{"x":{}}},"clientInfo":{"name":"c","v":1.0}}}',
      ),
    )
    expect(client.revision).toBe('2025-06-18')
    expect(envelopeMembers(client, true, 'info')).toEqual({
      'io.modelcontextprotocol/protocolVersion': '"2026-07-28"',
      'io.modelcontextprotocol/clientCapabilities': '{"roots":{},"sampling":{},"experimental":{"x":{}}}',
      'io.modelcontextprotocol/clientInfo': '{"name":"c","v":1.0}',
      'io.modelcontextprotocol/logLevel': '"info"',
    })
    expect(envelopeMembers({ revision: '', capabilities: { sampling: {} } }, false, undefined)).toEqual({
      'io.modelcontextprotocol/protocolVersion': '"2026-07-28"',
      'io.modelcontextprotocol/clientCapabilities': '{}',
    })
  })
})

describe('discoverResult()', () => {
  const answer =
    '{"id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"tasks":{"list":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}},"serverInfo":{"name":"s","x":1.0},"instructions":"do \\u0436"}}'

  test('says what the child said to initialize, without tasks', () => {
    verifies('modern.extension-fallback')
    const facts = readInitializeResult(bytesOf(answer))
    expect(facts && discoverResult(facts)).toBe(
      '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"instructions":"do \\u0436","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","x":1.0}}}',
    )
  })

  test('readInitializeResult() gives nothing for an error', () => {
    expect(readInitializeResult(bytesOf('{"id":0,"error":{"code":-32602}}'))).toBeUndefined()
  })
})
