import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { INLINE_REQUEST_BYTES } from '../../../../../protocol/limits.ts'
import { MAX_BREAKS, RECEIPT_MS, RETRY_MS, UNHEARD_MS } from '../../../../../worker/limits.ts'
import { send } from '../../../../../worker/mcp/call/send.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'

const CALLER = { principal: 'ann', session: 'sess' }
const NOTIFICATION = messageOf({ method: 'notifications/cancelled', params: { requestId: 'r' } })
const SENT = { kind: 'sent' }
const AWAY = { kind: 'away', isExpected: true }
const PENDING = new Promise(() => undefined)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** What sending a message comes to, however long it takes. */
async function sent(share: ScriptedShare, message = NOTIFICATION) {
  const failure = send(share.client, CALLER, message)
  await vi.runAllTimersAsync()
  return failure
}

describe('send()', () => {
  test('names what a notification cancels, and what a response answers', async () => {
    const share = new ScriptedShare().on('send', SENT, SENT)
    expect(await sent(share)).toBeUndefined()
    expect(await sent(share, messageOf('{"jsonrpc":"2.0","id":1.0,"result":{}}'))).toBeUndefined()
    const [[cancelled], [response]] = share.asked.send as [[object], [object]]
    expect(cancelled).toMatchObject({ ...CALLER, kind: 'notification', requestId: { raw: '"r"' } })
    expect(response).toMatchObject({ ...CALLER, kind: 'response', rawId: '1.0' })
    expect(cancelled).not.toHaveProperty('isResend')
  })

  test('drops an error without an id, which answers nothing', async () => {
    const share = new ScriptedShare()
    expect(await sent(share, messageOf({ id: null, error: { code: 1, message: 'm' } }))).toBeUndefined()
    expect(share.asked.send).toEqual([])
  })

  test('brings the rest of a large message behind it', async () => {
    const share = new ScriptedShare().on('send', SENT).on('chunk', true)
    await sent(share, messageOf({ method: 'm', params: { text: 'x'.repeat(INLINE_REQUEST_BYTES) } }))
    expect(share.asked.chunk).toHaveLength(1)
  })

  test('sends again, with the same key, what may not have been receipted', async () => {
    const share = new ScriptedShare().on('send', { kind: 'again' }, resetError(), SENT)
    expect(await sent(share)).toBeUndefined()
    const requests = share.asked.send.map(([request]) => request as { key: string; isResend?: boolean; ageMs?: number })
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1)
    expect(requests.map(({ isResend }) => isResend)).toEqual([undefined, true, true])
    expect(requests[1]?.ageMs).toBe(RETRY_MS)
    expect(share.stubs).toBe(2)
  })

  test('gives the failure of the Share', async () => {
    const failure = { code: 'SESSION_NOT_FOUND', executed: 'no' }
    expect(await sent(new ScriptedShare().on('send', { kind: 'failed', failure }))).toEqual(failure)
  })

  test('waits for an agent that is away, as long as the deployer says, and was not executed', async () => {
    const share = new ScriptedShare({ AWAY_WAIT_SECONDS: '3' }).on('send', ...Array.from({ length: 9 }, () => AWAY))
    expect(await sent(share)).toMatchObject({ code: 'AGENT_AWAY', executed: 'no' })
    expect(share.asked.send).toHaveLength(4)
    const told = new ScriptedShare({ AWAY_WAIT_SECONDS: '3' }).on('send', ...Array.from({ length: 9 }, () => ({ ...AWAY, newsMark: 1 })))
    expect(await sent(told)).toMatchObject({ code: 'AGENT_AWAY', executed: 'no' })
    expect([told.asked.send.length, told.opened]).toEqual([2, [{ kind: 'news', mark: '1', principal: 'ann' }]])
  })

  test('does not know whether an agent that went away had it', async () => {
    const share = new ScriptedShare({ AWAY_WAIT_SECONDS: '3' }).on('send', { kind: 'again' }, ...Array.from({ length: 9 }, () => AWAY))
    expect(await sent(share)).toMatchObject({ code: 'AGENT_AWAY', executed: 'unknown' })
  })

  test('gives up on a receipt that does not come', async () => {
    const startMs = Date.now()
    expect(await sent(new ScriptedShare().on('send', PENDING))).toMatchObject({ code: 'AGENT_AWAY', executed: 'unknown' })
    expect(Date.now() - startMs).toBe(RECEIPT_MS)
  })

  test('looks a while for the Worker that asked, and then drops the answer', async () => {
    const share = new ScriptedShare().on('send', ...Array.from({ length: 9 }, () => ({ kind: 'unheard' })))
    expect(await sent(share, messageOf({ id: 'q', result: {} }))).toBeUndefined()
    expect(share.asked.send).toHaveLength(1 + UNHEARD_MS / RETRY_MS)
  })

  test('fails at what no retry can help, and after MAX_BREAKS resets', async () => {
    expect(await sent(new ScriptedShare().on('send', new Error('broken')))).toEqual({ code: 'INTERNAL', executed: 'unknown' })
    const share = new ScriptedShare().on('send', ...Array.from({ length: MAX_BREAKS + 1 }, resetError))
    expect(await sent(share)).toEqual({ code: 'INTERNAL', executed: 'unknown' })
    expect(share.asked.send).toHaveLength(MAX_BREAKS)
  })
})

test('send() gives an HTTP+SSE session up whose stream does not come back, and ends it', async () => {
  const share = new ScriptedShare().on('send', ...Array.from({ length: 10 }, () => ({ kind: 'no_stream' })))
  expect(await sent(share)).toEqual({ code: 'SESSION_NOT_FOUND', executed: 'no' })
  expect(share.asked.send.length).toBeLessThanOrEqual(UNHEARD_MS / RETRY_MS + 1)
  expect(share.asked.end).toEqual([[CALLER]])
})

test('send() counts the age of what it sends again from the first try that an agent may have had', async () => {
  const share = new ScriptedShare().on('send', AWAY, AWAY, { kind: 'again' }, SENT)
  await sent(share)
  expect(share.asked.send.map(([request]) => (request as { ageMs?: number }).ageMs)).toEqual([undefined, undefined, undefined, RETRY_MS])
})
