import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Failed } from '../../../../../protocol/frame.ts'
import { encodeReturnAddress } from '../../../../../worker/contract/return-address.ts'
import type { CallOutcome } from '../../../../../worker/contract/share-rpc.ts'
import { PROBED_MS } from '../../../../../worker/limits.ts'
import { SseSessions } from '../../../../../worker/share/calls/sse-sessions.ts'
import { PostedCalls } from '../../../../../worker/share/clients/posted-calls.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { verifies } from '../../../../requirements/verifies.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Sessions with one stream, whose connection is found dead by as many writes as `fatal`. */
function sessions(fatal = Infinity): { readonly sse: SseSessions; readonly written: string[] } {
  const written: string[] = []
  const socket = { send: (text: string) => written.push(text) }
  const streams = { listener: () => (written.length < fatal ? socket : undefined) } as unknown as Streams
  return { sse: new SseSessions(streams, new PostedCalls(streams)), written }
}

async function told(sse: SseSessions, made: CallOutcome): Promise<CallOutcome> {
  const outcome = sse.heard('s', Promise.resolve(made))
  await vi.advanceTimersByTimeAsync(PROBED_MS)
  return outcome
}

test.each([
  [Infinity, 'accepted', 2],
  [2, 'unheard', 2],
  [1, 'unheard', 1],
] as const)('SseSessions.heard() with a stream that ends with write %s says %s, after %i writes', async (fatal, kind, writes) => {
  verifies('promise.2.sse-taken')
  const { sse, written } = sessions(fatal)
  expect(await told(sse, { kind: 'accepted' })).toEqual({ kind })
  expect(written).toEqual(Array.from({ length: writes }, () => '{"type":"probe"}'))
})

test('SseSessions.heard() leaves every other outcome as it is, and writes nothing', async () => {
  const { sse, written } = sessions()
  expect(await told(sse, { kind: 'no_stream' })).toEqual({ kind: 'no_stream' })
  expect(written).toEqual([])
})

const KEY = '0123456789abcdef0123456789abcdef'
const OF_POST = encodeReturnAddress({ to: 'session', session: 's', rawId: '7' })
const OF_STREAM = encodeReturnAddress({ to: 'call', key: KEY, session: 's' })

test('SseSessions.refused() has a post say that the server refuses its call, and of one that was made again its stream', async () => {
  const streams = { listener: () => undefined } as never
  for (const [ra, isTold, outcome] of [
    [OF_POST, true, { kind: 'failed', failure: { code: 'SERVER_FORBIDDEN', executed: 'no' } }],
    [OF_STREAM, false, { kind: 'accepted' }],
  ] as const) {
    const sse = new SseSessions(streams, new PostedCalls(streams))
    const posted = sse.posted(KEY, { passesAuth: true })
    const failure: Failed = { type: 'failed', ch: 's.1', key: KEY, ra, code: 'SERVER_FORBIDDEN', executed: 'no' }
    expect(sse.refused(failure)).toBe(isTold)
    expect(await posted).toEqual(outcome)
  }
})
