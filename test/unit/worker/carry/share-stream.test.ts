import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AgentFrame } from '../../../../protocol/frame.ts'
import { markOf, ShareStream, type StreamReader } from '../../../../worker/carry/share-stream.ts'
import { CUT_CLOSE } from '../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE, type StreamTarget } from '../../../../worker/contract/streams.ts'
import { REATTACH_MS, TAKEN_EVERY_BYTES } from '../../../../worker/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { resetError, ScriptedShare } from '../scripted-share.ts'

const CALLER = { principal: 'ann', session: 'sess' }
const LISTEN: StreamTarget = { kind: 'listen', ...CALLER }
const RESET = 1006

function notification(n: number): AgentFrame {
  return { type: 'notification', ch: 'sess.3', n, at: 1, size: 1, method: 'm' }
}

/** A stream and what has come of it. */
function streamOf(reader: Partial<StreamReader> = {}, target: StreamTarget = LISTEN) {
  const share = new ScriptedShare()
  const came: unknown[] = []
  const stream = new ShareStream(share.client, target, {
    onFrame: ({ type }, body) => came.push([type, new TextDecoder().decode(body)]),
    onControl: ({ type }) => came.push(type),
    onEnd: (code) => came.push(code),
    retries: 2,
    ...reader,
  })
  return { share, stream, came }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('ShareStream.open()', () => {
  test('attaches, and is false when the Share has no such stream', async () => {
    const { share, stream } = streamOf()
    expect(await stream.open()).toBe(true)
    expect(share.opened).toEqual([{ ...LISTEN }])
    expect(share.socket).toMatchObject({ isAccepted: true, binaryType: 'arraybuffer' })
    share.on('open', null)
    expect(await stream.open()).toBe(false)
  })

  test('asks once more, with a new stub, where the object was reset meanwhile', async () => {
    const { share, stream } = streamOf()
    share.on('open', resetError())
    expect(await stream.open()).toBe(true)
    expect(share.stubs).toBe(2)
    await expect(opening(resetError(), resetError())).rejects.toThrow('reset')
  })

  test('ends with the close of the refusal where its client is let in no more when it comes back', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.on('open', { kind: 'refused', code: 'LINK_EXPIRED' })
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect(came).toEqual([CUT_CLOSE.LINK_EXPIRED])
    expect(share.opened).toHaveLength(2)
  })

  test.each(Object.values(CUT_CLOSE))('does not come back after the close %i of a refusal', async (close) => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.socket.end(close)
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect([came, share.opened.length]).toEqual([[close], 1])
  })

  test('rejects with anything else, and at once where nothing is tried again', async () => {
    await expect(opening(new Error('broken'))).rejects.toThrow('broken')
    const { share, stream } = streamOf({ retries: 0 })
    share.on('open', resetError())
    await expect(stream.open()).rejects.toThrow('reset')
    expect(share.stubs).toBe(1)
  })

  test('opens nothing when there is nothing to attach to', async () => {
    const { share, stream } = streamOf({ prepare: () => Promise.resolve(false) })
    expect(await stream.open()).toBe(false)
    expect(share.opened).toEqual([])
  })
})

/** Opens a stream of a Share that fails so. */
function opening(...errors: readonly Error[]): Promise<boolean> {
  const { share, stream } = streamOf()
  share.on('open', ...errors)
  return stream.open()
}

describe('ShareStream', () => {
  test('brings frames and controls, and passes over what is no frame', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.socket.pass(notification(1), 'x')
    share.socket.passBytes(new Uint8Array([1, 2, 3]))
    share.socket.tell({ type: 'probe' })
    expect(came).toEqual([['notification', 'x'], 'probe'])
  })

  test('tells what was taken once it is worth a message, and when the Share asks', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    stream.taken(7)
    expect(share.socket.sent).toEqual([])
    share.socket.tell({ type: 'sync' })
    stream.taken(TAKEN_EVERY_BYTES)
    expect(share.socket.sent).toEqual([
      { type: 'taken', bytes: 7 },
      { type: 'taken', bytes: TAKEN_EVERY_BYTES },
    ])
    expect(came).toEqual([])
  })

  test('attaches again after a reset, behind the last message that it has whole', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.socket.pass(notification(4), 'x')
    share.socket.pass(notification(5), 'x')
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(REATTACH_MS - 1)
    expect(share.opened).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(share.opened.at(-1)).toEqual({ ...LISTEN, child: 'own', generation: '3', n: '4' })
    expect(share.stubs).toBe(2)
    share.socket.tell({ type: 'probe' })
    expect(came.at(-1)).toBe('probe')
  })

  test('comes back at a time of its own, after REATTACH_MS to twice that, each time', async () => {
    const { share, stream } = streamOf({ retries: 2 })
    await stream.open()
    vi.mocked(Math.random).mockReturnValueOnce(0.999).mockReturnValueOnce(0.5)
    share.on('open', resetError())
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(1.99 * REATTACH_MS)
    expect(share.opened).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(0.01 * REATTACH_MS)
    expect(share.opened).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1.49 * REATTACH_MS)
    expect(share.opened).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(0.01 * REATTACH_MS)
    expect(share.opened).toHaveLength(3)
  })

  test('names no place in a stream that has none', async () => {
    const { share, stream } = streamOf({}, { kind: 'session', ...CALLER })
    await stream.open()
    share.socket.pass(notification(4), 'x')
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    expect(share.opened).toEqual([
      { kind: 'session', ...CALLER },
      { kind: 'session', ...CALLER },
    ])
  })

  test('that is urgent makes the first attempt at once, and only that', async () => {
    const { share, stream } = streamOf({ isUrgent: true })
    await stream.open()
    share.on('open', resetError())
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(0)
    expect(share.opened).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    expect(share.opened).toHaveLength(3)
  })

  test.each([
    ['no attempt succeeds', [resetError(), resetError()], 2],
    ['the Share has no such stream any more', [null], 1],
  ] as const)('ends with the code of its last close when %s', async (_when, outcomes, attempts) => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.on('open', ...outcomes)
    share.socket.end(RESET)
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect(came).toEqual([RESET])
    expect(share.opened).toHaveLength(1 + attempts)
  })

  test.each([STREAM_CLOSE.REPLACED, STREAM_CLOSE.ENDED, STREAM_CLOSE.AGAIN])('ends for good with code %i', async (code) => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.socket.end(code)
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect(came).toEqual([code])
    expect(share.opened).toHaveLength(1)
  })

  test('that tries nothing again ends with any close', async () => {
    const { share, stream, came } = streamOf({ retries: 0 })
    await stream.open()
    share.socket.end(STREAM_CLOSE.MOVED)
    expect(came).toEqual([STREAM_CLOSE.MOVED])
  })
})

describe('ShareStream.close()', () => {
  test('closes the socket, and tells once that the stream is over', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    stream.close()
    stream.close()
    share.socket.end(1000)
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect(share.socket.closedWith).toBe(1000)
    expect(came).toEqual([1000])
    expect(share.opened).toHaveLength(1)
  })

  test('closes a socket that comes afterwards', async () => {
    const { share, stream } = streamOf()
    const attaching = stream.open()
    stream.close()
    expect(await attaching).toBe(true)
    expect(share.socket.closedWith).toBe(1000)
  })

  test('ends the wait to attach again', async () => {
    const { share, stream, came } = streamOf()
    await stream.open()
    share.socket.end(RESET)
    stream.close()
    await vi.advanceTimersByTimeAsync(10 * REATTACH_MS)
    expect(came).toEqual([1000])
    expect(share.opened).toHaveLength(1)
  })
})

test('markOf() knows the children of a session and those that all share, and no place of a frame without a number', () => {
  const at = (ch: string) => markOf({ ...notification(8), ch } as AgentFrame, 'sess')
  expect(at('sess.3')).toEqual({ child: 'own', generation: 3, n: 8 })
  expect(at('shared.3')).toEqual({ child: 'shared', generation: 3, n: 8 })
  expect(at('m-all.3')).toEqual({ child: 'modern', generation: 3, n: 8 })
  expect(at('other.3')).toBeUndefined()
  expect(markOf({ type: 'failed', ch: 'shared.1', key: 'k', ra: 'c', code: 'CHILD_DIED', executed: 'no' }, 'sess')).toBeUndefined()
})

describe('a socket that tells of a failure by `error`', () => {
  test.each([false, true])('is broken, once, whether or not a close follows: %s', async (closes) => {
    verifies('promise.5.error-is-a-break')
    const { share, stream, came } = streamOf()
    await stream.open()
    const { socket } = share
    socket.dispatchEvent(new Event('error'))
    if (closes) socket.end(RESET)
    await vi.advanceTimersByTimeAsync(REATTACH_MS)
    expect(share.opened).toHaveLength(2)
    share.socket.tell({ type: 'probe' })
    expect(came).toEqual(['probe'])
  })

  test('ends a stream that does not attach again', async () => {
    const { share, stream, came } = streamOf({ retries: 0 })
    await stream.open()
    share.socket.dispatchEvent(new Event('error'))
    expect(came).toEqual([RESET])
  })
})
