import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { LOGGED_CALLS, LOGGED_CALLS_MS } from '../../../../../worker/limits.ts'
import { LoggedCall } from '../../../../../worker/mcp/call/call-log.ts'
import { responseItem } from '../../../../../worker/mcp/call/item.ts'
import { hashedName } from '../../../../../worker/log.ts'
import { verifies } from '../../../../requirements/verifies.ts'

let nowMs = Date.now()
const lines: Record<string, unknown>[] = []
const CALL: CallRequest = {
  principal: 'a principal',
  session: 'a session',
  delivery: 'stream',
  key: 'a key',
  method: 'tools/call',
  tool: 'search',
  rawId: '"a raw id"',
  id: [0, 0],
  body: new TextEncoder().encode('a body'),
  size: 6,
}

beforeEach(() => {
  vi.useFakeTimers()
  // No window of the test before is open.
  vi.setSystemTime((nowMs += 10 * LOGGED_CALLS_MS))
  lines.length = 0
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function logged(call: CallRequest, act: (logged: LoggedCall) => void = () => {}): Record<string, unknown> | undefined {
  const one = new LoggedCall()
  act(one)
  one.end('a share', call)
  return lines.at(-1)
}

const header = { type: 'answer', ch: 'c', n: 1, at: 1, size: 2, key: 'k', ra: 'r', id: [0, 1] } as const
const body = new Uint8Array(2)

describe('LoggedCall', () => {
  test('has method, tool, outcome and time, and its ids hashed: no key, id or body', () => {
    verifies('promise.9.not-in-logs', 'promise.8.call-log')
    const line = logged(CALL, (one) => {
      vi.advanceTimersByTime(12)
      one.came(responseItem('{}'))
    })
    const names = { share: hashedName('a share'), principal: hashedName('a principal'), session: hashedName('a session') }
    expect(line).toEqual({ event: 'call', method: 'tools/call', tool: 'search', outcome: 'ok', ms: 12, ...names })
    expect(JSON.stringify(lines)).not.toMatch(/a (share|principal|session|key|raw id|body)/)
  })

  test.each([
    ['ok', { kind: 'frame', header: { ...header, failed: false }, body, restarted: false }],
    ['error', { kind: 'frame', header: { ...header, failed: true }, body, restarted: false }],
    [
      'CHILD_DIED',
      {
        kind: 'frame',
        header: { type: 'failed', ch: 'c', key: 'k', ra: 'r', code: 'CHILD_DIED', executed: 'yes' },
        body,
        restarted: false,
      },
    ],
    ['AGENT_AWAY', { kind: 'failed', failure: { code: 'AGENT_AWAY' } }],
    ['left', { kind: 'message', text: '{}' }],
  ] as const)('ends as %s', (outcome, item) => {
    expect(logged(CALL, (one) => one.came(item))).toMatchObject({ outcome })
  })

  test('has a hash in place of a name that could be anything', () => {
    verifies('promise.9.not-in-logs')
    const line = logged({ ...CALL, method: 'm'.repeat(65), tool: 'my secret\n' })
    expect(line).toMatchObject({ method: `#${hashedName('m'.repeat(65))}`, tool: `#${hashedName('my secret\n')}` })
  })

  test('has a line for LOGGED_CALLS of a storm, and the rest is counted', () => {
    for (let at = 0; at < LOGGED_CALLS + 5; at++) logged(CALL)
    expect(lines).toHaveLength(LOGGED_CALLS)
    vi.advanceTimersByTime(LOGGED_CALLS_MS)
    logged(CALL)
    expect(lines.slice(LOGGED_CALLS)).toMatchObject([{ event: 'calls', unlogged: 5 }, { event: 'call' }])
  })
})
