import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LOGGED_CALLS, LOGGED_CALLS_MS } from '../../../../worker/limits.ts'
import { hashedName } from '../../../../worker/log.ts'
import { LoggedRequest } from '../../../../worker/web/request-log.ts'
import { verifies } from '../../../requirements/verifies.ts'

const FACTS = { share: { id: 'a share' }, principal: 'a principal', method: 'GET' }
const NAMES = { share: hashedName('a share'), principal: hashedName('a principal') }
const lines: Record<string, unknown>[] = []
let nowMs = Date.now()

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

test('LoggedRequest has method, status, outcome and time, its ids hashed, and one line however often it ends', () => {
  verifies('promise.9.not-in-logs', 'promise.14.limits')
  const logged = new LoggedRequest(FACTS)
  vi.advanceTimersByTime(12)
  logged.answered(404)
  logged.end('ok')
  logged.end('left')
  expect(lines).toEqual([{ event: 'request', method: 'GET', status: 404, outcome: 'ok', ms: 12, ...NAMES }])
})

test('LoggedRequest has no status of what nobody has answered, and a hash of a method that could be anything', () => {
  verifies('promise.9.not-in-logs')
  new LoggedRequest({ ...FACTS, method: 'my secret' }).end('AGENT_AWAY')
  expect(lines).toEqual([{ event: 'request', method: `#${hashedName('my secret')}`, outcome: 'AGENT_AWAY', ms: 0, ...NAMES }])
})

test('LoggedRequest has a line for LOGGED_CALLS of a storm, and the rest is counted', () => {
  for (let at = 0; at < LOGGED_CALLS + 5; at++) new LoggedRequest(FACTS).end('ok')
  expect(lines).toHaveLength(LOGGED_CALLS)
  vi.advanceTimersByTime(LOGGED_CALLS_MS)
  new LoggedRequest(FACTS).end('ok')
  expect(lines.slice(LOGGED_CALLS)).toMatchObject([{ event: 'requests', unlogged: 5 }, { event: 'request' }])
})
