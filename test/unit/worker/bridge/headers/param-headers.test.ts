import { describe, expect, test } from 'vitest'
import { checkParamHeaders } from '../../../../../worker/bridge/headers/param-headers.ts'
import { scalarIn } from '../../../../../worker/bridge/json/glance.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from '../bytes.ts'

describe('checkParamHeaders()', () => {
  const inside =
    (args: unknown) =>
    (path: readonly string[]): unknown =>
      scalarIn(bytesOf(JSON.stringify({ args })), 'args', ...path)

  const check = (value: unknown, header: string | undefined): string | undefined =>
    checkParamHeaders(
      [{ name: 'X', path: ['a', 'b'] }],
      inside({ a: { b: value } }),
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
    verifies('modern.param.matches', 'modern.param.absent', 'modern.param.numbers', 'modern.header.decoded')
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
    verifies('modern.param.matches', 'modern.param.characters')
    expect(check(value, header)).toBeDefined()
  })

  test('ignores headers that the tool does not know, and arguments that are not there', () => {
    verifies('modern.param.unknown', 'modern.param.absent')
    const headers = new Headers({ 'Mcp-Param-Other': 'x' })
    expect(checkParamHeaders([], inside({ a: 1 }), headers)).toBeUndefined()
    expect(checkParamHeaders([{ name: 'X', path: ['constructor', 'name'] }], inside({}), headers)).toBeUndefined()
    expect(checkParamHeaders([{ name: 'X', path: ['a', 'b'] }], inside(undefined), headers)).toBeUndefined()
  })
})
