import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { STREAM_HIGH_WATER_BYTES } from '../../../../../worker/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf, RecordedBody } from './recorded-body.ts'

describe('MessageWriter.write()', () => {
  test.each([
    ['events', 'event: message\ndata: {"a":1}\n\nevent: message\ndata: {"b":2}\n\n'],
    ['array', '[{"a":1},{"b":2}]'],
  ] as const)('frames messages as %s', async (framing, expected) => {
    const body = new RecordedBody(framing)
    body.writer.writeText('{"a":1}')
    body.writer.writeText('{"b":2}')
    expect(await body.rest()).toBe(expected)
  })

  test('names an event before its data, and says nothing of names in JSON', async () => {
    const events = new RecordedBody('events')
    events.writer.prime('a', 1000)
    events.writer.write(events, bytesOf('{"half":'), false, undefined, 'b')
    events.writer.writeText('{"waits":1}', 'c')
    events.writer.write(events, bytesOf('1}'), true, undefined, 'b')
    events.writer.writeText('{"none":1}')
    expect(await events.rest()).toBe(
      'id: a\nretry: 1000\ndata: \n\nid: b\nevent: message\ndata: {"half":1}\n\nid: c\nevent: message\ndata: {"waits":1}\n\nevent: message\ndata: {"none":1}\n\n',
    )
    const json = new RecordedBody('json')
    json.writer.writeText('{"a":1}', 'a')
    expect(await json.rest()).toBe('{"a":1}')
  })

  test('writes one JSON value as it is, and an empty array for no answers', async () => {
    const one = new RecordedBody('json')
    one.writer.writeText('{"a":1}')
    expect(await one.rest()).toBe('{"a":1}')
    expect(await new RecordedBody('array').rest()).toBe('[]')
  })

  test('keeps messages whole however the parts of several come mixed', async () => {
    const messages = fc.array(fc.array(fc.stringMatching(/^[a-z]{0,3}$/), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(messages, fc.infiniteStream(fc.nat()), async (parts, picks) => {
        const body = new RecordedBody('events')
        const open = parts.map((texts, name) => ({ owner: { name }, texts: [...texts] }))
        for (const pick of picks) {
          const left = open.filter(({ texts }) => texts.length > 0)
          const next = left[pick % Math.max(1, left.length)]
          const text = next?.texts.shift()
          if (next === undefined || text === undefined) break
          body.writer.write(next.owner, bytesOf(text), next.texts.length === 0)
        }
        const written = (await body.rest()).split('\n\n').filter((event) => event !== '')
        const expected = parts.map((texts) => `event: message\ndata: ${texts.join('')}`)
        expect(written.toSorted()).toEqual(expected.toSorted())
      }),
    )
  })

  test('says which part was taken when its client takes it, not before', async () => {
    const body = new RecordedBody('json')
    const taken: string[] = []
    body.writer.write(body, new Uint8Array(2 * STREAM_HIGH_WATER_BYTES), false, () => taken.push('first'))
    body.writer.write(body, bytesOf('x'), true, () => taken.push('second'))
    expect(taken).toEqual(['first'])
    await body.take()
    await body.take()
    expect(taken).toEqual(['first', 'second'])
  })
})

describe('MessageWriter.keepAlive()', () => {
  test.each([
    ['events', ':\n\n'],
    ['json', ' '],
    ['array', '[ ]'],
  ] as const)('writes nothing that means anything into %s', async (framing, expected) => {
    verifies('promise.8.comments')
    const body = new RecordedBody(framing)
    body.writer.keepAlive()
    expect(await body.rest()).toBe(expected)
  })

  test('writes nothing within a message', async () => {
    const body = new RecordedBody('events')
    body.writer.write(body, bytesOf('{"a":'), false)
    body.writer.keepAlive()
    body.writer.write(body, bytesOf('1}'), true)
    expect(await body.rest()).toBe('event: message\ndata: {"a":1}\n\n')
  })

  test('adds nothing to what a client that lags has not taken', async () => {
    const body = new RecordedBody('events')
    body.writer.writeText('x'.repeat(STREAM_HIGH_WATER_BYTES))
    body.writer.writeText('waits')
    for (let n = 0; n < 3; n++) body.writer.keepAlive()
    expect(await body.rest()).not.toContain(':\n\n:')
  })
})

describe('MessageWriter.isIdle', () => {
  test('is false while a message is half written or the client lags: a heartbeat would come after the answer', async () => {
    verifies('promise.8.none-after-answer')
    const body = new RecordedBody('events')
    expect(body.writer.isIdle).toBe(true)
    body.writer.write(body, bytesOf('{"id":7,'), false)
    expect(body.writer.isIdle).toBe(false)
    body.writer.write(body, bytesOf('"result":{}}'), true)
    expect(body.writer.isIdle).toBe(true)
    body.writer.writeText('x'.repeat(STREAM_HIGH_WATER_BYTES))
    body.writer.writeText('waits')
    expect(body.writer.isIdle).toBe(false)
  })
})

describe('MessageWriter.abort()', () => {
  test('ends an event that is half written under a name that no client listens for, and lets others go on', async () => {
    const body = new RecordedBody('events')
    const [broken, other] = [{}, {}]
    body.writer.write(broken, bytesOf('{"half'), false)
    body.writer.write(other, bytesOf('{"whole":1}'), true)
    body.writer.abort(broken)
    body.writer.writeText('{"error":1}')
    expect(await body.rest()).toBe(
      'event: message\ndata: {"half\nevent: aborted\n\nevent: message\ndata: {"whole":1}\n\nevent: message\ndata: {"error":1}\n\n',
    )
  })

  test('takes back the id of an event whose rest will not come: its client has not seen it', async () => {
    const body = new RecordedBody('events')
    body.writer.writeText('{"seen":1}', 'a')
    body.writer.write(body, bytesOf('{"half'), false, undefined, 'b')
    body.writer.abort(body)
    expect(await body.rest()).toBe(
      'id: a\nevent: message\ndata: {"seen":1}\n\nid: b\nevent: message\ndata: {"half\nid: a\nevent: aborted\n\n',
    )
  })

  test('forgets the parts of a message that has waited for another', async () => {
    const body = new RecordedBody('events')
    const [writing, waiting] = [{}, {}]
    body.writer.write(writing, bytesOf('{"a":'), false)
    body.writer.write(waiting, bytesOf('{"b":'), false)
    body.writer.abort(waiting)
    body.writer.write(writing, bytesOf('1}'), true)
    expect(await body.rest()).toBe('event: message\ndata: {"a":1}\n\n')
  })

  test.each(['json', 'array'] as const)('cuts a body of %s off: half of it is no whole', async (framing) => {
    const body = new RecordedBody(framing)
    body.writer.write(body, bytesOf('{"half'), false)
    body.writer.abort(body)
    await expect(body.take()).rejects.toThrow('broke off')
    expect(body.gone).toBe(1)
  })
})
