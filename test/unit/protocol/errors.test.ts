import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../../protocol/error-table.ts'
import { errorResponse, type Failure, failureText, isErrorCode } from '../../../protocol/errors.ts'
import type { Failed } from '../../../protocol/frame.ts'
import { verifies } from '../../requirements/verifies.ts'
import { AGENT_FRAMES } from './frame-arbitrary.ts'
import { idText } from './json-arbitrary.ts'

const CODES = Object.keys(ERRORS).filter(isErrorCode)

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })

const failure: fc.Arbitrary<Failure> = fc.record(
  {
    code: fc.constantFrom(...CODES),
    executed: fc.constantFrom('no', 'yes', 'unknown'),
    exitCode: fc.option(fc.nat()),
    signal: fc.option(anyText),
    stderr: anyText,
    at: anyText,
    detail: anyText,
    retryAfterMs: fc.nat(),
    supported: fc.array(anyText, { maxLength: 3 }),
    requested: anyText,
    requiredCapabilities: fc.dictionary(anyText, fc.constant({})),
  },
  { requiredKeys: ['code'] },
)

describe('errorResponse()', () => {
  test('is a JSON-RPC 2.0 error with the id exactly as it was sent', () => {
    fc.assert(
      fc.property(fc.oneof(idText, fc.constant('null')), failure, (rawId, given) => {
        const text = errorResponse(rawId, given)
        expect(text.startsWith(`{"jsonrpc":"2.0","id":${rawId},"error":`)).toBe(true)
        const response = JSON.parse(text)
        expect(Object.keys(response).toSorted()).toEqual(['error', 'id', 'jsonrpc'])
        expect(response.id).toEqual(JSON.parse(rawId))
        expect(response.error.code).toBe(ERRORS[given.code].rpc)
      }),
    )
  })

  test('is one line, whatever the facts hold, so that it can be an SSE event or a line of stdin', () => {
    fc.assert(
      fc.property(failure, (given) => {
        expect(errorResponse('1', given)).not.toMatch(/[\r\n]/)
      }),
    )
  })

  test('does not call retryable what may have run', () => {
    verifies('promise.3.says-executed')
    const retryable = (given: Failure): unknown => JSON.parse(errorResponse('1', given)).error.data.retryable
    expect(retryable({ code: 'CHANNEL_CLOSED', executed: 'no' })).toBe(true)
    expect(retryable({ code: 'CHANNEL_CLOSED', executed: 'unknown' })).toBe(false)
    expect(retryable({ code: 'AGENT_AWAY', executed: 'unknown', retryAfterMs: 2000 })).toBe(true)
  })

  test("has every fact in data, and the table's retryable where the call has not run", () => {
    fc.assert(
      fc.property(failure, (given) => {
        const { message, data } = JSON.parse(errorResponse('1', given)).error
        const mayHaveRun = (given.executed ?? 'no') !== 'no' && given.retryAfterMs === undefined
        expect(data).toEqual({ ...given, retryable: ERRORS[given.code].retryable && !mayHaveRun })
        expect(message).toBe(failureText(given))
      }),
    )
  })

  test('shows nothing that only the link needs, when it is given a frame', () => {
    fc.assert(
      fc.property(AGENT_FRAMES.failed, fc.dictionary(fc.string(), fc.string()), (frame, strangers) => {
        const header: Failed = { ...strangers, ...frame }
        const allowed = ['code', 'executed', 'exitCode', 'signal', 'stderr', 'detail', 'retryable']
        const shown = Object.keys(JSON.parse(errorResponse('1', header)).error.data)
        expect(shown.filter((name) => !allowed.includes(name))).toEqual([])
      }),
    )
  })
})

test('errorResponse() has code, text, data and the id as it was sent', () => {
  const facts = { code: 'UNSUPPORTED_VERSION', supported: ['2026-07-28'], requested: 'x' } as const
  const { rpc, message } = ERRORS.UNSUPPORTED_VERSION
  const error = { code: rpc, message, data: { ...facts, retryable: false } }
  expect(errorResponse('1.0', facts)).toBe(`{"jsonrpc":"2.0","id":1.0,"error":${JSON.stringify(error)}}`)
})

describe('failureText()', () => {
  test.each([
    [{}, ''],
    [{ detail: '8 rounds' }, ' (8 rounds)'],
    [{ at: 'uri' }, ' (uri)'],
    [{ at: 'Mcp-Name', detail: 'missing' }, ' (Mcp-Name: missing)'],
  ])('of %j has what was wrong in particular behind the text of the table', (facts, ending) => {
    expect(failureText({ code: 'PARAMS_INVALID', ...facts })).toBe(ERRORS.PARAMS_INVALID.message + ending)
  })
})

describe('isErrorCode()', () => {
  test('knows the codes of the table that JSON-RPC can tell of, and nothing else', () => {
    const rows: Readonly<Record<string, object>> = ERRORS
    for (const [code, row] of Object.entries(rows)) expect(isErrorCode(code), code).toBe('rpc' in row)
    expect(CODES).toContain('UNSUPPORTED_VERSION')
    for (const other of ['', 'internal', 'toString', '__proto__', 'constructor', 0, null, undefined, ['INTERNAL'], {}])
      expect(isErrorCode(other)).toBe(false)
  })
})
