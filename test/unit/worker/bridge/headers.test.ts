import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from '../../../../worker/bridge/header-value.ts'
import { checkParamHeaders, readMirroredParams } from '../../../../worker/bridge/param-headers.ts'
import { checkStandardHeaders } from '../../../../worker/bridge/standard-headers.ts'

/** RFC 9110: what a field value may consist of, with nothing to be trimmed at its ends. */
const CARRIED = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

describe('encodeHeaderValue()', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ])('encodes %j as the specification prints it', (text, header) => {
    expect(encodeHeaderValue(text)).toBe(header)
    expect(decodeHeaderValue(header)).toBe(text)
  })

  test('makes a header of any text, and decodeHeaderValue() reads it back', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '=?base64??=', '=?base64?=', '\ufeffx'),
    )
    fc.assert(
      fc.property(text, (given) => {
        const header = encodeHeaderValue(given)
        expect(header).toMatch(CARRIED)
        expect(decodeHeaderValue(` ${header}\t`)).toBe(given.toWellFormed())
      }),
      { numRuns: 300 },
    )
  })
})

test.each([
  '=?base64?SGVsbG8?=',
  '=?base64?SGVs bG8=?=',
  '=?base64?SGVsbG9=?=',
  '=?base64?/w==?=',
  '=?base64?-_8=?=',
  'caf\u00e9',
  'a\u0001b',
])('decodeHeaderValue() refuses %j', (header) => {
  expect(decodeHeaderValue(header)).toBeUndefined()
})

test('decodeHeaderValue() takes markers in other letters as they stand', () => {
  expect(decodeHeaderValue('=?BASE64?SGVsbG8=?=')).toBe('=?BASE64?SGVsbG8=?=')
})

describe('checkStandardHeaders()', () => {
  const good = { 'mcp-protocol-version': '2026-07-28', 'MCP-Method': 'tools/call', 'Mcp-Name': 'add' }
  const check = (method: string, params: Record<string, unknown>, headers: Record<string, string>): string | undefined =>
    checkStandardHeaders(method, params, '2026-07-28', new Headers(headers))?.at

  test('accepts headers that agree with the body, in any case and with spaces around', () => {
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
    const headers = { ...good, 'MCP-Method': method, 'Mcp-Name': 'x' }
    expect(check(method, { [parameter]: 'x' }, headers)).toBeUndefined()
    expect(check(method, { [parameter]: 'y' }, headers)).toBe('Mcp-Name')
  })

  test('wants no Mcp-Name of other methods, nor of a body without the parameter', () => {
    expect(check('tools/list', { name: 'x' }, { ...good, 'MCP-Method': 'tools/list', 'Mcp-Name': 'y' })).toBeUndefined()
    expect(check('tools/call', {}, { ...good, 'Mcp-Name': 'y' })).toBeUndefined()
  })
})

const annotated = (schema: object): object => ({ type: 'object', properties: schema })

describe('readMirroredParams()', () => {
  test('finds annotations through properties at any depth', () => {
    const schema = annotated({
      region: { type: 'string', 'x-mcp-header': 'Region' },
      deep: annotated({ count: { type: 'integer', 'x-mcp-header': 'Count' } }),
      // A property of that name is a property like any other.
      'x-mcp-header': { type: 'string' },
      noted: { type: 'string', default: { 'x-mcp-header': 'no annotation' }, enum: [{ 'x-mcp-header': 'nor this' }] },
    })
    const found = readMirroredParams(schema)
    expect(found.ok && found.value.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'Count', path: ['deep', 'count'] },
      { name: 'Region', path: ['region'] },
    ])
    expect(readMirroredParams(undefined)).toEqual({ ok: true, value: [] })
  })

  test.each([
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': '' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 'a b' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 'a\r\nb' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 7 } })],
    ['not_primitive', annotated({ a: { type: 'number', 'x-mcp-header': 'A' } })],
    ['not_primitive', annotated({ a: { type: 'object', 'x-mcp-header': 'A' } })],
    ['not_primitive', annotated({ a: { 'x-mcp-header': 'A' } })],
    ['duplicate', annotated({ a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } })],
    ['misplaced', { type: 'string', 'x-mcp-header': 'A' }],
    ['misplaced', annotated({ a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } } })],
    ['misplaced', annotated({ a: { type: 'array', items: annotated({ b: { type: 'string', 'x-mcp-header': 'A' } }) } })],
    ['misplaced', { oneOf: [annotated({ a: { type: 'string', 'x-mcp-header': 'A' } })] }],
    ['misplaced', { if: annotated({ a: { type: 'string', 'x-mcp-header': 'A' } }) }],
    ['misplaced', { $defs: { a: { type: 'string', 'x-mcp-header': 'A' } } }],
    ['misplaced', { additionalProperties: { type: 'string', 'x-mcp-header': 'A' } }],
  ])('refuses an annotation that is %s: %j', (error, schema) => {
    expect(readMirroredParams(schema)).toEqual({ ok: false, error })
  })

  test('walks a schema nested 100,000 deep', () => {
    let schema: object = { type: 'string', 'x-mcp-header': 'A' }
    for (let depth = 0; depth < 100_000; depth++) schema = { not: schema }
    expect(readMirroredParams(schema)).toEqual({ ok: false, error: 'misplaced' })
  })
})

describe('checkParamHeaders()', () => {
  const check = (value: unknown, header: string | undefined): string | undefined =>
    checkParamHeaders(
      [{ name: 'X', path: ['a', 'b'] }],
      { a: { b: value } },
      new Headers(header === undefined ? {} : { 'mcp-param-x': header }),
    )?.detail

  test.each([
    ['text', 'text'],
    ['é', '=?base64?w6k=?='],
    ['', ''],
    [42, '42'],
    [42, '42.0'],
    [-7, '-7'],
    [true, 'true'],
    [false, 'false'],
    // Nothing is expected of these, whatever the header says.
    [null, undefined],
    [undefined, undefined],
    [null, 'x'],
    [{}, undefined],
  ])('accepts the argument %j with the header %j', (value, header) => {
    expect(check(value, header)).toBeUndefined()
  })

  test.each([
    ['text', undefined],
    ['text', 'Text'],
    ['é', '=?base64?w6k?='],
    [42, '43'],
    [42, '0x2a'],
    [42, '4.2e1'],
    [42, ''],
    [2 ** 53, '9007199254740992'],
    [true, 'True'],
    [true, '1'],
    [false, undefined],
  ])('refuses the argument %j with the header %j', (value, header) => {
    expect(check(value, header)).toBeDefined()
  })

  test('ignores headers that the tool does not know, and arguments that are not there', () => {
    const headers = new Headers({ 'Mcp-Param-Other': 'x' })
    expect(checkParamHeaders([], { a: 1 }, headers)).toBeUndefined()
    expect(checkParamHeaders([{ name: 'X', path: ['constructor', 'name'] }], {}, headers)).toBeUndefined()
    expect(checkParamHeaders([{ name: 'X', path: ['a', 'b'] }], undefined, headers)).toBeUndefined()
  })
})
