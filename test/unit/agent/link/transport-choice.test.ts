import { describe, expect, test } from 'vitest'
import { DIAL_MS, FIRST_REDIAL_MS, HEALTHY_MS } from '../../../../agent/limits.ts'
import type { LinkEnd } from '../../../../agent/link/link.ts'
import { TransportChoice } from '../../../../agent/link/transport-choice.ts'
import { verifies } from '../../../requirements/verifies.ts'

function stranger(status: number): LinkEnd {
  return { kind: 'refused', status, detail: '' }
}
function unreachable(reason: string): LinkEnd {
  return { kind: 'unreachable', reason }
}
function closed(livedMs: number, code = 1006): LinkEnd {
  return { kind: 'closed', code, reason: '', livedMs }
}

const HANGS = unreachable('Opening handshake has timed out')

const BLOCKED: readonly [string, LinkEnd][] = [
  ['an upgrade that was taken out', { kind: 'refused', status: 426, code: 'UPGRADE_NEEDED', detail: '' }],
  ['a handshake that hangs', HANGS],
]
const DOUBTED: readonly [string, LinkEnd][] = [
  ...[200, 204, 302, 400, 401, 403, 404, 407, 426, 501, 502, 503, 504].map(
    (status) => [`a stranger's ${status}`, stranger(status)] as [string, LinkEnd],
  ),
  ['a connection that is hung up', unreachable('socket hang up')],
  ['a reset', unreachable('read ECONNRESET')],
  ['a close before the hello', unreachable('closed before the hello')],
  ['a cut without a welcome', closed(0)],
]
const NOT_BLOCKED: readonly [string, LinkEnd][] = [
  ['the relay’s own refusal', { kind: 'refused', status: 401, code: 'UNAUTHORIZED', detail: '' }],
  ['the relay that has no owner', { kind: 'refused', status: 503, code: 'RELAY_UNCLAIMED', detail: '' }],
  ['another version', { kind: 'refused', status: 426, code: 'LINK_VERSION_REFUSED', detail: '' }],
  ['nobody there', unreachable('connect ECONNREFUSED 127.0.0.1:1')],
  ['no such name', unreachable('getaddrinfo ENOTFOUND relay.example')],
  ['a stop', unreachable('stopped')],
  ['a cut of a link that lived', closed(HEALTHY_MS)],
  ['a close of the relay', closed(0, 4002)],
]

describe('TransportChoice', () => {
  test.each(BLOCKED)('tries by polls at once after %s', (_, end) => {
    verifies('link.poll.falls-back')
    expect(new TransportChoice('auto').isBlocked(end)).toBe(true)
  })

  test.each(DOUBTED)('tries by polls only when it comes twice, after %s', (_, end) => {
    verifies('link.poll.falls-back')
    const choice = new TransportChoice('auto')
    expect([choice.isBlocked(end), choice.isBlocked(end)]).toEqual([false, true])
    const other = new TransportChoice('auto')
    expect([other.isBlocked(end), other.isBlocked(closed(HEALTHY_MS)), other.isBlocked(end)]).toEqual([false, false, false])
  })

  test('tries by polls only when it comes twice, after a handshake that was given less time than others', () => {
    verifies('link.poll.falls-back')
    const choice = new TransportChoice('auto')
    expect([choice.isBlocked(HANGS, FIRST_REDIAL_MS), choice.isBlocked(HANGS, DIAL_MS)]).toEqual([false, true])
  })

  test('tries by polls only when it comes thrice, after a cut soon after the welcome', () => {
    verifies('link.poll.falls-back')
    const choice = new TransportChoice('auto')
    const ends = [closed(HEALTHY_MS - 1), closed(1), closed(90)]
    expect(ends.map((end) => choice.isBlocked(end))).toEqual([false, false, true])
  })

  test.each(NOT_BLOCKED)('never tries by polls after %s', (_, end) => {
    verifies('link.poll.falls-back')
    const choice = new TransportChoice('auto')
    expect([choice.isBlocked(end), choice.isBlocked(end), choice.isBlocked(end)]).toEqual([false, false, false])
  })

  test('polls once it has fallen back, until a WebSocket gets through', () => {
    const choice = new TransportChoice('auto')
    expect([choice.polls, choice.canReturn]).toEqual([false, false])
    choice.fellBack()
    expect([choice.polls, choice.canReturn]).toEqual([true, true])
    choice.returnToWebSocket()
    expect([choice.polls, choice.canReturn]).toEqual([false, false])
  })

  test('does what the user has said, whatever happens', () => {
    verifies('link.poll.options')
    const polls = new TransportChoice('poll')
    polls.returnToWebSocket()
    expect([polls.polls, polls.canReturn, polls.isBlocked(stranger(403))]).toEqual([true, false, false])
    const webSocket = new TransportChoice('websocket')
    expect([webSocket.polls, webSocket.isBlocked(stranger(403))]).toEqual([false, false])
  })
})
