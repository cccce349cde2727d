import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CUT_CLOSE } from '../../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import { MAX_CALL_TRIES, REATTACH_MS } from '../../../../../worker/limits.ts'
import { ResumedCall } from '../../../../../worker/mcp/legacy-client/resumed-call.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'
import { answerHeader, CALLER, KEY, response } from './modern-server.ts'

const MARK = { child: 'own', generation: 1, n: 4 } as const

async function opened(share: ScriptedShare): Promise<ResumedCall> {
  const call = new ResumedCall(share.client, CALLER, { key: KEY }, MARK)
  await call.open()
  return call
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('ResumedCall', () => {
  test('goes on behind what its client has seen', async () => {
    const share = new ScriptedShare()
    const call = await opened(share)
    expect(share.opened).toEqual([{ kind: 'resume', key: KEY, ...CALLER, child: 'own', generation: '1', n: '4' }])
    const text = response('{}')
    share.socket.pass(answerHeader(text), text)
    expect(await call.next()).toMatchObject({ kind: 'frame', header: { type: 'answer' }, restarted: false })
  })

  test('says that it may be of a call that was never made', async () => {
    const share = new ScriptedShare()
    await new ResumedCall(share.client, CALLER, { key: KEY }, undefined, true).open()
    expect(share.opened).toEqual([{ kind: 'resume', key: KEY, ...CALLER, isProbe: 'true' }])
  })

  test.each([
    [STREAM_CLOSE.ENDED, { code: 'CHANNEL_CLOSED', executed: 'unknown' }],
    [STREAM_CLOSE.AGAIN, { code: 'AGENT_LOST', executed: 'no' }],
    [CUT_CLOSE.SHARE_PAUSED, { code: 'SHARE_PAUSED', executed: 'unknown' }],
  ])('fails when its stream is closed with %i', async (code, failure) => {
    const share = new ScriptedShare()
    const call = await opened(share)
    share.socket.end(code)
    expect(await call.next()).toEqual({ kind: 'failed', failure })
  })

  test('ends without a word when the stream is another’s', async () => {
    const share = new ScriptedShare()
    const call = await opened(share)
    share.socket.end(STREAM_CLOSE.REPLACED)
    expect(await call.next()).toBeUndefined()
  })

  test('fails when the Share was reset and is not reached again, and not when it is closed', async () => {
    const share = new ScriptedShare()
    const call = await opened(share)
    share.on('open', ...Array.from({ length: MAX_CALL_TRIES }, resetError))
    share.socket.end(1006)
    await vi.advanceTimersByTimeAsync(MAX_CALL_TRIES * REATTACH_MS)
    expect(await call.next()).toEqual({ kind: 'failed', failure: { code: 'INTERNAL', executed: 'unknown' } })
    const closed = await opened(new ScriptedShare())
    closed.close()
    expect(await closed.next()).toBeUndefined()
  })
})
