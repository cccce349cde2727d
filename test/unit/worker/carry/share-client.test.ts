import { describe, expect, test, vi } from 'vitest'
import { CUT_CLOSE } from '../../../../worker/contract/trust/pass.ts'
import type { CallRequest } from '../../../../worker/contract/share-rpc.ts'
import { MAX_CALL_TRIES } from '../../../../worker/limits.ts'
import { MAX_KNOWN_LINKS } from '../../../../worker/trust-limits.ts'
import { ScriptedShare } from '../scripted-share.ts'
import { PassRefused } from '../../../../worker/carry/pass-refused.ts'
import { isRetryable } from '../../../../worker/carry/reset-error.ts'
import { verifies } from '../../../requirements/verifies.ts'

const BODY = new Uint8Array(1)
const CALL = { key: 'k', size: 1, body: BODY } as unknown as CallRequest
const RESULT = { kind: 'result', result: '{}' }
const CALLER = { principal: 'client:link', session: 's' }

function stale(state: string): object {
  return { kind: 'stale_grant', facts: { state, policies: ['{}'] } }
}

describe('ShareClient', () => {
  test('shows its pass with everything, and has no state at first', async () => {
    const share = new ScriptedShare({}, 'first').on('call', RESULT).on('end', true)
    expect(await share.client.call(CALL, BODY)).toEqual(RESULT)
    await share.client.end(CALLER)
    await share.client.open({ kind: 'listen', ...CALLER })
    expect(share.passes).toEqual([{ chain: ['link'] }, { chain: ['link'] }, { chain: ['link'] }])
  })

  test('puts nothing into a URL that its client shows for the server', async () => {
    verifies('promise.http.pass-auth')
    const share = new ScriptedShare({}, 'shown')
    await share.client.open({ kind: 'listen', ...CALLER, authorization: 'Bearer needle' })
    expect(share.opened).toEqual([{ kind: 'listen', ...CALLER }])
  })

  test('asks once more by what has changed, and the isolate remembers it by share and link', async () => {
    const share = new ScriptedShare({}, 'stale').on('call', stale('1'), RESULT)
    const renewed = vi.fn(() => ({ toolsVersion: 'newest' }))
    expect(await share.client.call(CALL, BODY, renewed)).toEqual(RESULT)
    expect(renewed).toHaveBeenCalledExactlyOnceWith({ state: '1', policies: ['{}'] })
    expect(share.passes).toEqual([{ chain: ['link'] }, { chain: ['link'], state: '1' }])
    expect(share.client.grant).toEqual({ state: '1', policies: ['{}'] })
    expect(new ScriptedShare({}, 'stale').client.grant?.state).toBe('1')
    expect(new ScriptedShare({}, 'stale', { chain: ['other'] }).client.grant).toBeUndefined()
    expect(new ScriptedShare({}, 'else').client.grant).toBeUndefined()
  })

  test('knows what bounds its holder though the isolate has forgotten it for other links', async () => {
    const share = new ScriptedShare({}, 'remembered').on('call', stale('1'), RESULT)
    await share.client.call(CALL, BODY)
    const later = new ScriptedShare({}, 'remembered').client
    for (let n = 0; n <= MAX_KNOWN_LINKS; n++) new ScriptedShare({}, `other ${n}`).client.learn({ state: '2', policies: [] })
    expect(new ScriptedShare({}, 'remembered').client.grant).toBeUndefined()
    for (const client of [share.client, later])
      expect([client.grant, client.policies()]).toEqual([{ state: '1', policies: ['{}'] }, ['{}']])
  })

  test('opens a stream once more by what has changed', async () => {
    const share = new ScriptedShare({}, 'stale stream').on('open', stale('1'))
    expect(await share.client.open({ kind: 'listen', ...CALLER })).toBeDefined()
    expect(share.passes.map(({ state }) => state)).toEqual([undefined, '1'])
  })

  test('does not make a request again that may not be made any more', async () => {
    const share = new ScriptedShare({}, 'refused').on('call', stale('1')).on('open', stale('2'))
    const failure = { code: 'PARAMS_INVALID' } as const
    expect(await share.client.call(CALL, BODY, () => failure)).toEqual({ kind: 'failed', failure })
    const opened = share.client.open({ kind: 'listen', ...CALLER }, () => failure)
    await expect(opened).rejects.toMatchObject({ name: 'PassRefused', failure })
    expect(share.passes).toHaveLength(2)
  })

  test('gives up on a Share that never knows the same twice', async () => {
    const share = new ScriptedShare({}, 'fickle').on('call', ...Array.from({ length: MAX_CALL_TRIES }, (_, n) => stale(String(n))))
    expect(await share.client.call(CALL, BODY)).toMatchObject({ kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } })
  })

  test('says of a refused pass how a call fails, and rejects where nothing can say so', async () => {
    const verdict = { kind: 'refused', code: 'LINK_REVOKED' }
    const share = new ScriptedShare({}, 'over', { isInUrl: true }).on('call', verdict).on('send', verdict).on('end', verdict)
    const failure = { code: 'LINK_REVOKED' }
    expect(await share.client.call(CALL, BODY)).toEqual({ kind: 'failed', failure })
    expect(await share.client.tell({ kind: 'cancel', group: 'g', key: 'k', call: 'c' })).toEqual({ kind: 'failed', failure })
    await expect(share.client.end(CALLER)).rejects.toMatchObject({ failure, close: CUT_CLOSE.LINK_REVOKED })
    share.on('open', verdict).on('subscribe', verdict).on('park', verdict)
    const order = { group: 'g', key: 'k', filter: { resourceSubscriptions: [] } } as never
    for (const rejected of [share.client.open({ kind: 'call', key: 'k' }), share.client.subscribe(order), share.client.park(order)])
      await expect(rejected).rejects.toBeInstanceOf(PassRefused)
    share.on('parked', verdict).on('keptCall', verdict).on('chunk', verdict)
    expect(await share.client.parked('h', 'p')).toBeUndefined()
    expect(await share.client.keptCall(CALLER, 'k')).toBeUndefined()
    expect(await share.client.chunk('k', 1, BODY)).toBe(false)
  })

  test('says of what was cut off under way that it may have run, and of a token that it was revoked', async () => {
    const share = new ScriptedShare({}, 'cut').on('call', { kind: 'cut', code: 'LINK_REVOKED' })
    const failure = { code: 'UNAUTHORIZED', detail: 'This token was revoked.', executed: 'unknown' }
    expect(await share.client.call(CALL, BODY)).toEqual({ kind: 'failed', failure })
    expect(share.client.cutBy(CUT_CLOSE.LINK_REVOKED)).toEqual(failure)
    expect(share.client.cutBy(1006)).toBeUndefined()
  })

  test('brings the rest of a large message each time that it asks', async () => {
    const share = new ScriptedShare({}, 'large').on('call', stale('1'), RESULT).on('chunk', false, true)
    const body = new Uint8Array(1024 * 1024 + 1)
    await share.client.call({ ...CALL, size: body.length }, body)
    await vi.waitFor(() =>
      expect(share.asked.chunk.map((args) => args.slice(0, 2))).toEqual([
        ['k', 1024 * 1024],
        ['k', 1024 * 1024],
      ]),
    )
  })
})

test.each([
  ['Durable Object reset because its code was updated.'],
  ['This script has been upgraded. Please send a new request to connect to the new version.'],
  ['Network connection lost.'],
  ['The Durable Object is no longer active.'],
])('isRetryable() knows an object that was reset by the text alone: %s', (text) => {
  expect(isRetryable(new Error(text))).toBe(true)
  expect(isRetryable(Object.assign(new Error(text), { overloaded: true }))).toBe(false)
})

test('isRetryable() knows the flags of the platform, and takes nothing else for a reset', () => {
  expect(isRetryable(Object.assign(new Error('x'), { retryable: true }))).toBe(true)
  expect(isRetryable(Object.assign(new Error('x'), { durableObjectReset: true }))).toBe(true)
  for (const error of [new Error('x'), undefined, null, 'Network connection lost.', { message: 5 }]) expect(isRetryable(error)).toBe(false)
})
