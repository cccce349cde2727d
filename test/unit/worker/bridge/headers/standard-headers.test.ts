import { describe, expect, test } from 'vitest'
import { checkStandardHeaders } from '../../../../../worker/bridge/headers/standard-headers.ts'
import { verifies } from '../../../../requirements/verifies.ts'

describe('checkStandardHeaders()', () => {
  const good = { 'mcp-protocol-version': '2026-07-28', 'MCP-Method': 'tools/call', 'Mcp-Name': 'add' }
  const check = (method: string, params: Record<string, unknown>, headers: Record<string, string>): string | undefined =>
    checkStandardHeaders(method, params, '2026-07-28', new Headers(headers))?.at

  test('accepts headers that agree with the body, in any case and with spaces around', () => {
    verifies('modern.header.name', 'modern.header.decoded', 'modern.header.case')
    expect(check('tools/call', { name: 'add' }, good)).toBeUndefined()
    expect(check('tools/call', { name: 'add' }, { ...good, 'Mcp-Name': '  add ' })).toBeUndefined()
    expect(check('tools/call', { name: 'é' }, { ...good, 'Mcp-Name': '=?base64?w6k=?=' })).toBeUndefined()
  })

  test.each([
    ['MCP-Protocol-Version', { 'MCP-Method': 'tools/call', 'Mcp-Name': 'add' }],
    ['MCP-Protocol-Version', { ...good, 'mcp-protocol-version': '2025-11-25' }],
    ['Mcp-Method', { 'mcp-protocol-version': '2026-07-28', 'Mcp-Name': 'add' }],
    ['Mcp-Method', { ...good, 'MCP-Method': 'TOOLS/CALL' }],
    ['Mcp-Name', { 'mcp-protocol-version': '2026-07-28', 'MCP-Method': 'tools/call' }],
    ['Mcp-Name', { ...good, 'Mcp-Name': 'Add' }],
    ['Mcp-Name', { ...good, 'Mcp-Name': '=?base64?YWRk=?=' }],
    ['Mcp-Name', { ...good, 'Mcp-Name': '=?BASE64?YWRk?=' }],
  ])('refuses a %s that is missing or disagrees: %j', (at, headers) => {
    verifies('modern.header.version', 'modern.header.method', 'modern.header.name', 'modern.header.decoded')
    expect(check('tools/call', { name: 'add' }, headers)).toBe(at)
  })

  test.each([
    ['tools/call', 'name'],
    ['prompts/get', 'name'],
    ['resources/read', 'uri'],
    ['tasks/get', 'taskId'],
    ['tasks/update', 'taskId'],
    ['tasks/cancel', 'taskId'],
  ])('compares Mcp-Name of %s with params.%s', (method, parameter) => {
    verifies('modern.header.name')
    const headers = { ...good, 'MCP-Method': method, 'Mcp-Name': 'x' }
    expect(check(method, { [parameter]: 'x' }, headers)).toBeUndefined()
    expect(check(method, { [parameter]: 'y' }, headers)).toBe('Mcp-Name')
  })

  test('wants no Mcp-Name of other methods, nor of a body without the parameter', () => {
    expect(check('tools/list', { name: 'x' }, { ...good, 'MCP-Method': 'tools/list', 'Mcp-Name': 'y' })).toBeUndefined()
    expect(check('tools/call', {}, { ...good, 'Mcp-Name': 'y' })).toBeUndefined()
  })
})
