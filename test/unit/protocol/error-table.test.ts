import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../../protocol/error-table.ts'
import { MAX_BATCH_MESSAGES, MAX_LINE_BYTES, MAX_REQUEST_BYTES } from '../../../protocol/limits.ts'
import { verifies } from '../../requirements/verifies.ts'

interface Row {
  readonly code: string
  readonly http: number
  readonly rpc?: number
  readonly retryable: boolean
  readonly message: string
}

const ROWS: readonly Row[] = Object.entries(ERRORS).map(([code, row]) => ({ code, ...row }))
const RPC_ROWS = ROWS.filter(({ rpc }) => rpc !== undefined)
/** Errors of which JSON-RPC and MCP speak themselves (2026-07-28, basic/index, error codes; of tasks both 2025-11-25 and SEP-2663). */
const SPECIFIED: Readonly<Record<string, number>> = {
  METHOD_UNKNOWN: -32601,
  ENVELOPE_INVALID: -32602,
  NOT_OFFERED: -32602,
  PARAMS_INVALID: -32602,
  STATE_REFUSED: -32602,
  TASK_NOT_FOUND: -32602,
  HEADER_MISMATCH: -32020,
  CAPABILITY_REQUIRED: -32021,
  UNSUPPORTED_VERSION: -32022,
}
const MIB = 1024 * 1024

describe('ERRORS', () => {
  test.each(ROWS)('$code says what happened, and then what to do next', ({ message }) => {
    verifies('promise.10.named')
    const sentences = message.split(/(?<=[.;]) (?=[A-Za-z])/)
    expect(sentences.length).toBeGreaterThanOrEqual(2)
    expect(message).toMatch(/^(params\._meta|[A-Z]).*[.)]$/)
  })

  test.each(RPC_ROWS)('$code has a status that HTTP knows and a code that JSON-RPC and MCP leave to us', ({ code, http, rpc = 0 }) => {
    expect([200, 400, 401, 403, 404, 405, 406, 410, 413, 415, 429, 431, 500, 503]).toContain(http)
    const isStandard = [-32700, -32600, -32603].includes(rpc)
    expect(isStandard || SPECIFIED[code] === rpc || (rpc <= -32000 && rpc >= -32019)).toBe(true)
  })

  // To the Go SDK -32003 and -32004, from whomever, say that the connection is closed: it tells its user that, and drops the data.
  test.each(RPC_ROWS)('$code has no code that a client takes for a state of its own connection', ({ rpc }) => {
    expect([-32003, -32004]).not.toContain(rpc)
  })

  test.each(ROWS.filter(({ rpc }) => rpc === undefined))('$code of the API has a status that HTTP knows', ({ http }) => {
    expect([400, 401, 403, 404, 409, 413, 426, 500, 502, 503]).toContain(http)
  })

  test('a status that asks for another try is on errors that another try can help, and on no other', () => {
    const asksForAnother = (http: number): boolean => http >= 500 || http === 429
    for (const { code, http, retryable } of ROWS) if (http >= 400) expect(retryable, code).toBe(asksForAnother(http))
  })

  test('no two say the same', () => {
    expect(new Set(ROWS.map(({ message }) => message)).size).toBe(ROWS.length)
  })

  test('only 404 means that a session is gone: clients start a new one on it', () => {
    const gone = RPC_ROWS.filter(({ http }) => http === 404).map(({ code }) => code)
    // METHOD_UNKNOWN is told with this status where there are no sessions, in revision 2026-07-28; with a wrong link there never was one,
    // and behind a door that a share does not have neither.
    expect(gone).toEqual(['SESSION_NOT_FOUND', 'SHARE_NOT_FOUND', 'METHOD_UNKNOWN', 'LINK_NOT_FOUND', 'UPSTREAM_DOOR'])
  })

  test('the numbers in the texts are those of limits.ts', () => {
    verifies('promise.10.named')
    expect(ERRORS.BODY_TOO_LARGE.message).toContain(`${MAX_REQUEST_BYTES / MIB} MiB`)
    expect(ERRORS.LINE_TOO_LONG.message).toContain(`${MAX_LINE_BYTES / MIB} MiB`)
    expect(ERRORS.BATCH_REFUSED.message).toContain(`${MAX_BATCH_MESSAGES} messages`)
  })
})
