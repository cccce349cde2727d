import { afterEach, beforeEach, expect, test, vi } from 'vitest'
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
