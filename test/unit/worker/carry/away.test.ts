import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { agentNews, awayLeftMs } from '../../../../worker/carry/away.ts'
import { LEFT_LOOK_MS, RETRY_MS, TAKEOVER_WAIT_MS } from '../../../../worker/limits.ts'
import { STREAM_CLOSE } from '../../../../worker/contract/streams.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { isOverAfter } from '../over-after.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

const AWAY = { kind: 'away', isExpected: true, newsMark: 4 } as const
const WHO = { principal: 'p', isResend: false }
const SHARE = { awayWaitMs: 20_000 }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('awayLeftMs()', () => {
  test('is 0 where there never was an agent', () => {
    expect(awayLeftMs({ kind: 'away', isExpected: false, isReplaceable: true }, 0, SHARE)).toBe(0)
  })

  test('counts down the time that the deployer has set, and a longer one where another agent is to take over', () => {
    const away = { kind: 'away', isExpected: true } as const
    expect(awayLeftMs(away, SHARE.awayWaitMs - 1, SHARE)).toBe(1)
    expect(awayLeftMs(away, SHARE.awayWaitMs + 1, SHARE)).toBe(0)
    expect(awayLeftMs({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS - 1, SHARE)).toBe(1)
    expect(awayLeftMs({ ...away, isReplaceable: true }, TAKEOVER_WAIT_MS, SHARE)).toBe(0)
  })
})

describe('agentNews()', () => {
  test('waits by a socket, with which the Share may sleep, until that closes with the news', async () => {
    verifies('promise.6.no-rpc-for-ever')
    const share = new ScriptedShare()
    const wait = agentNews(share.client, AWAY, { principal: 'p', isResend: true }, 20_000)
    expect(await isOverAfter(0, wait)).toBe(false)
    expect(share.opened).toEqual([{ kind: 'news', mark: '4', principal: 'p', isResend: 'true' }])
    share.socket.end(STREAM_CLOSE.AGAIN)
    expect(await isOverAfter(0, wait)).toBe(true)
    expect(share.opened).toHaveLength(1)
  })

  test('closes the socket when the time is over, or nobody waits for the message any more', async () => {
    for (const [isWanted, afterMs] of [
      [true, 2.5 * LEFT_LOOK_MS],
      [false, LEFT_LOOK_MS],
    ] as const) {
      const share = new ScriptedShare()
      let asked = 0
      const wait = agentNews(share.client, AWAY, WHO, 2.5 * LEFT_LOOK_MS, () => isWanted || ++asked < 2)
      expect(await isOverAfter(afterMs - 1, wait)).toBe(false)
      expect(await isOverAfter(1, wait)).toBe(true)
      expect(share.socket.closedWith).toBe(1000)
    }
  })

  test('is a pause where the Share told of no mark, has no such socket, or fails', async () => {
    const share = new ScriptedShare().on('open', null, new Error('broken'))
    for (const away of [{ kind: 'away', isExpected: true } as const, AWAY, AWAY]) {
      const wait = agentNews(share.client, away, WHO, 20_000)
      expect(await isOverAfter(RETRY_MS - 1, wait)).toBe(false)
      expect(await isOverAfter(1, wait)).toBe(true)
    }
    expect(share.opened).toHaveLength(2)
  })

  test('ends at once, with a new stub, when the Share was reset', async () => {
    const share = new ScriptedShare().on('open', resetError())
    expect(await isOverAfter(0, agentNews(share.client, AWAY, WHO, 20_000))).toBe(true)
    expect(share.stubs).toBe(2)
  })

  test('ends at once where the holder is not let in any more: the call that is made then is told why', async () => {
    const share = new ScriptedShare().on('open', { kind: 'refused', code: 'LINK_REVOKED' })
    expect(await isOverAfter(0, agentNews(share.client, AWAY, WHO, 20_000))).toBe(true)
    expect(share.stubs).toBe(1)
  })
})
