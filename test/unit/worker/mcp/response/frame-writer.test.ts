import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Answer, Chunk, Notification } from '../../../../../protocol/frame.ts'
import { scanMessage } from '../../../../../protocol/json/json-scan.ts'
import { type ClientNames, FrameWriter } from '../../../../../worker/mcp/response/frame-writer.ts'
import { Progress } from '../../../../../worker/mcp/response/progress.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf, RecordedBody } from './recorded-body.ts'

const KEY = '0'.repeat(32)

interface Frame {
  readonly header: Answer | Chunk
  readonly body: Uint8Array
}

/** The frames of an answer that is cut at these places. */
function framesOf(json: string, cuts: readonly number[], n: number): Frame[] {
  const bytes = bytesOf(json)
  const facts = scanMessage(bytes)
  if (!facts.ok || facts.value.id === undefined) throw new Error('the test made a bad answer')
  const inner = [...new Set(cuts.map((cut) => 1 + (cut % (bytes.length - 1))))].toSorted((a, b) => a - b)
  const ends = [...inner, bytes.length]
  const id = facts.value.id.span
  return ends.map((end, index): Frame => {
    const offset = ends[index - 1] ?? 0
    const body = bytes.subarray(offset, end)
    const message = { ch: 'c', n, at: end }
    if (index === 0) return { header: { type: 'answer', ...message, size: bytes.length, key: KEY, ra: 'r', id, failed: false }, body }
    return { header: { type: 'chunk', ...message, offset, ...(end === bytes.length ? { last: true } : {}) }, body }
  })
}

function notification(json: string, n: number): { header: Notification; body: Uint8Array } {
  const body = bytesOf(json)
  const facts = scanMessage(body)
  if (!facts.ok) throw new Error('the test made a bad notification')
  const { method, progressToken, progress } = facts.value
  const spans = progressToken === undefined || progress === undefined ? {} : { token: progressToken.span, progress: progress.span }
  return { header: { type: 'notification', ch: 'c', n, at: body.length, size: body.length, method, ...spans }, body }
}

describe('FrameWriter.write()', () => {
  test('writes an answer once, byte for byte but for its id, in any chunking and after any number of cut attempts', async () => {
    const cuts = fc.array(fc.nat(), { maxLength: 6 })
    const attempts = fc.array(fc.record({ cuts, sent: fc.nat(6) }), { maxLength: 4 })
    const rawIds = fc.constantFrom('7', '"client id"', '12345678901234567890', '1.0')
    await fc.assert(
      fc.asyncProperty(fc.json(), rawIds, attempts, cuts, async (result, rawId, broken, lastCuts) => {
        const sent = `{"jsonrpc":"2.0","id":1,"result":${result}}`
        const body = new RecordedBody('json')
        let takenBytes = 0
        let sentBytes = 0
        let completed = 0
        const writer = new FrameWriter(body.writer, (bytes) => {
          takenBytes += bytes
        })
        const attemptFrames = broken.map((attempt) => framesOf(sent, attempt.cuts, 1).slice(0, -1).slice(0, attempt.sent))
        for (const { header, body: part } of [...attemptFrames, framesOf(sent, lastCuts, 1)].flat()) {
          sentBytes += part.length
          if (writer.write(header, part, { rawId })) completed++
        }
        expect(await body.rest()).toBe(`{"jsonrpc":"2.0","id":${rawId},"result":${result}}`)
        expect(completed).toBe(1)
        expect(takenBytes).toBe(sentBytes)
      }),
    )
  })

  test('passes over a message that it has written, and takes it for credit', async () => {
    const body = new RecordedBody('events')
    const taken: number[] = []
    const writer = new FrameWriter(body.writer, (bytes) => taken.push(bytes))
    const changed = notification('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}', 3)
    for (let times = 0; times < 2; times++) writer.write(changed.header, changed.body, undefined)
    expect(taken).toEqual([changed.body.length, changed.body.length])
    expect((await body.rest()).match(/data: /g)).toHaveLength(1)
  })

  test('writes a message that was held although one with a higher number went ahead', async () => {
    const body = new RecordedBody('events')
    const writer = new FrameWriter(body.writer, () => undefined)
    for (const [n, list] of [
      [3, 'prompts'],
      [2, 'tools'],
    ] as const) {
      const changed = notification(`{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}`, n)
      writer.write(changed.header, changed.body, undefined)
    }
    expect((await body.rest()).match(/prompts|tools/g)).toEqual(['prompts', 'tools'])
  })

  test('leaves out what its client has seen on an earlier connection', async () => {
    const body = new RecordedBody('events')
    let takenBytes = 0
    const writer = new FrameWriter(
      body.writer,
      (bytes) => (takenBytes += bytes),
      () => ({ seen: { ch: 'c', n: 2 } }),
    )
    let passedBytes = 0
    for (const n of [1, 2, 3]) {
      const note = notification(`{"jsonrpc":"2.0","method":"notifications/${n}"}`, n)
      writer.write(note.header, note.body, undefined)
      if (n < 3) passedBytes += note.body.length
    }
    expect(takenBytes).toBeGreaterThanOrEqual(passedBytes)
    expect((await body.rest()).match(/notifications\/\d/g)).toEqual(['notifications/3'])
  })

  test('starts over, on an event stream, with an answer that comes again under another number', async () => {
    const body = new RecordedBody('events')
    const writer = new FrameWriter(body.writer, () => undefined)
    const [half] = framesOf('{"jsonrpc":"2.0","id":1,"result":{}}', [10], 1)
    if (half === undefined) throw new Error('no frame')
    writer.write(half.header, half.body, { rawId: '7' })
    for (const { header, body: part } of framesOf('{"jsonrpc":"2.0","id":1,"result":{}}', [20], 2))
      writer.write(header, part, { rawId: '7' })
    const events = (await body.rest()).split('\n\n')
    expect(events[0]).toMatch(/\nevent: aborted$/)
    expect(events[1]).toBe('event: message\ndata: {"jsonrpc":"2.0","id":7,"result":{}}')
  })

  test('ends a half written answer that failed with an error of its id', async () => {
    verifies('promise.8.late-status')
    const body = new RecordedBody('events')
    const writer = new FrameWriter(body.writer, () => undefined)
    const [half] = framesOf('{"jsonrpc":"2.0","id":1,"result":{}}', [10], 1)
    if (half === undefined) throw new Error('no frame')
    writer.write(half.header, half.body, { rawId: '"x"' })
    const failed = { type: 'failed', ch: 'c', key: KEY, ra: 'r', code: 'AGENT_LOST', executed: 'unknown' } as const
    expect(writer.write(failed, new Uint8Array(0), { rawId: '"x"' })).toBe(true)
    const [aborted = '', error = ''] = (await body.rest()).split('\n\n')
    expect(aborted).toMatch(/\nevent: aborted$/)
    expect(JSON.parse(error.replace('event: message\ndata: ', ''))).toMatchObject({ id: 'x', error: { data: { code: 'AGENT_LOST' } } })
  })

  test('passes over chunks of a message whose beginning it has not had', async () => {
    const body = new RecordedBody('json')
    let takenBytes = 0
    const writer = new FrameWriter(body.writer, (bytes) => {
      takenBytes += bytes
    })
    const [, rest] = framesOf('{"jsonrpc":"2.0","id":1,"result":{}}', [10], 1)
    if (rest === undefined) throw new Error('no frame')
    expect(writer.write(rest.header, rest.body, { rawId: '7' })).toBe(false)
    expect(takenBytes).toBe(rest.body.length)
    expect(await body.rest()).toBe('')
  })

  test('marks a whole answer as the first after a restart', async () => {
    const body = new RecordedBody('json')
    const writer = new FrameWriter(body.writer, () => undefined)
    for (const { header, body: part } of framesOf('{"jsonrpc":"2.0","id":1,"result":{"a":1}}', [], 1))
      writer.write(header, part, { rawId: '7', restarted: true })
    expect(await body.rest()).toBe('{"jsonrpc":"2.0","id":7,"result":{"_meta":{"mcp-edge/restarted":true},"a":1}}')
  })

  test('puts the progress token of the client back, and raises progress that does not rise', async () => {
    const body = new RecordedBody('events')
    const writer = new FrameWriter(body.writer, () => undefined)
    const names: ClientNames = { rawId: '7', rawToken: '"p"', progress: new Progress('"p"') }
    for (const [n, value] of [5, 3].entries()) {
      const { header, body: bytes } = notification(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${value}}}`,
        n + 1,
      )
      writer.write(header, bytes, names)
    }
    const sent = (await body.rest()).match(/data: .*/g)?.map((line) => JSON.parse(line.slice(6)) as { params: { progress: number } })
    expect(sent).toMatchObject([{ params: { progressToken: 'p', progress: 5 } }, { params: { progressToken: 'p' } }])
    expect(sent?.[1]?.params.progress).toBeGreaterThan(5)
  })
})
