import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorResponse, ERRORS, type Failure, isErrorCode } from '../../../protocol/errors.ts'
import type { Failed } from '../../../protocol/frame.ts'
import { MAX_BATCH_MESSAGES, MAX_LINE_BYTES, MAX_REQUEST_BYTES } from '../../../protocol/limits.ts'
import { AGENT_FRAMES } from './frame-arbitrary.ts'
import { idText } from './json-arbitrary.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]
const MIB = 1024 * 1024

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })

const failure: fc.Arbitrary<Failure> = fc.record(
  {
    code: fc.constantFrom(...CODES),
    executed: fc.constantFrom('no', 'yes', 'unknown'),
    exitCode: fc.option(fc.nat()),
    signal: fc.option(anyText),
    stderr: anyText,
    detail: anyText,
    retryAfterMs: fc.nat(),
    supported: fc.array(anyText, { maxLength: 3 }),
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

  test("has every fact and the table's retryable in data, and the detail behind the text", () => {
    fc.assert(
      fc.property(failure, (given) => {
        const { message, data } = JSON.parse(errorResponse('1', given)).error
        const { detail, ...facts } = given
        expect(data).toEqual({ ...facts, retryable: ERRORS[given.code].retryable })
        expect(message).toBe(detail === undefined ? ERRORS[given.code].message : `${ERRORS[given.code].message} (${detail})`)
      }),
    )
  })

  test('shows nothing that only the link needs, when it is given a frame', () => {
    fc.assert(
      fc.property(AGENT_FRAMES.failed, fc.dictionary(fc.string(), fc.string()), (frame, strangers) => {
        const header: Failed = { ...strangers, ...frame }
        const allowed = ['code', 'executed', 'exitCode', 'signal', 'stderr', 'retryAfterMs', 'supported', 'retryable']
        const shown = Object.keys(JSON.parse(errorResponse('1', header)).error.data)
        expect(shown.filter((name) => !allowed.includes(name))).toEqual([])
      }),
    )
  })
})

describe('isErrorCode()', () => {
  test('knows the codes of the table and nothing else', () => {
    for (const code of CODES) expect(isErrorCode(code)).toBe(true)
    for (const other of ['', 'internal', 'toString', '__proto__', 'constructor', 0, null, undefined, ['INTERNAL'], {}])
      expect(isErrorCode(other)).toBe(false)
  })
})

describe('ERRORS', () => {
  test.each(CODES)('%s says what happened, and then what to do next', (code) => {
    const sentences = ERRORS[code].message.split(/(?<=[.;]) (?=[A-Za-z])/)
    expect(sentences.length).toBeGreaterThanOrEqual(2)
    expect(ERRORS[code].message).toMatch(/^[A-Z].*[.)]$/)
  })

  test.each(CODES)('%s has a status that HTTP knows and a code that JSON-RPC and MCP leave to us', (code) => {
    const { http, rpc } = ERRORS[code]
    expect([200, 400, 401, 403, 404, 405, 406, 413, 415, 500, 503]).toContain(http)
    const isStandard = [-32700, -32600, -32603].includes(rpc)
    // -32022 is the specification's own UnsupportedProtocolVersion.
    expect(isStandard || rpc === -32022 || (rpc <= -32000 && rpc >= -32019)).toBe(true)
  })

  test('a status that asks for another try is on errors that another try can help, and on no other', () => {
    for (const code of CODES) if (ERRORS[code].http >= 500) expect(ERRORS[code].retryable, code).toBe(true)
    for (const code of CODES) if (ERRORS[code].http >= 400 && ERRORS[code].http < 500) expect(ERRORS[code].retryable, code).toBe(false)
  })

  test('no two say the same', () => {
    expect(new Set(CODES.map((code) => ERRORS[code].message)).size).toBe(CODES.length)
  })

  test('only 404 means that a session is gone: clients start a new one on it', () => {
    expect(CODES.filter((code) => ERRORS[code].http === 404)).toEqual(['SESSION_NOT_FOUND', 'SHARE_NOT_FOUND'])
  })

  test('the numbers in the texts are those of limits.ts', () => {
    expect(ERRORS.BODY_TOO_LARGE.message).toContain(`${MAX_REQUEST_BYTES / MIB} MiB`)
    expect(ERRORS.LINE_TOO_LONG.message).toContain(`${MAX_LINE_BYTES / MIB} MiB`)
    expect(ERRORS.BATCH_REFUSED.message).toContain(`${MAX_BATCH_MESSAGES} messages`)
  })
})

describe('docs/troubleshooting.md', () => {
  const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8')
  // Other parts of the page, under headings of their own, are about the API and about single revisions.
  const [, firstPart = ''] = page.split(/^# /m)
  const sections = firstPart
    .split(/^## /m)
    .slice(1)
    .map((section) => section.split('\n'))

  test('docs/troubleshooting.md has every error text as a heading', () => {
    expect(sections.map(([heading]) => heading)).toEqual(CODES.map((code) => ERRORS[code].message))
  })

  test.each(CODES.map((code, at) => [code, at] as const))(
    '%s: its code, HTTP status and JSON-RPC code stand below it, then what to do',
    (code, at) => {
      const { http, rpc, retryable } = ERRORS[code]
      const [, blank, facts, , ...prose] = sections[at] ?? []
      expect(blank).toBe('')
      expect(facts).toBe(`\`${code}\` · HTTP ${http} · JSON-RPC ${rpc}${retryable ? ' · retryable' : ''}`)
      const sentences = prose
        .join(' ')
        .trim()
        .split(/[.!?](?=\s|$)/)
        .filter((sentence) => sentence.trim() !== '')
      expect(sentences.length).toBeGreaterThanOrEqual(2)
      expect(sentences.length).toBeLessThanOrEqual(5)
    },
  )
})
