import { describe, expect, test } from 'vitest'
import { MAX_BATCH_MESSAGES, MAX_REQUEST_BYTES, MAX_ROUTED_MEMBERS } from '../../../../protocol/limits.ts'
import { WHOLE_PARSE_BYTES } from '../../../../worker/limits.ts'
import { readBody, readPosted } from '../../../../worker/mcp/message.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf } from './response/recorded-body.ts'

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

describe('readBody()', () => {
  const post = (body: BodyInit | null): Request => new Request('https://relay.example/', { method: 'POST', body })

  test('gives the bytes as they were sent, and none for no body', async () => {
    expect(await readBody(post('{"a":1.0}'))).toEqual(bytesOf('{"a":1.0}'))
    expect(await readBody(post(null))).toEqual(new Uint8Array(0))
  })

  test.each([0, 1, 65_536, 65_537])('gives the bytes of a body whose length of %i is told', async (size) => {
    const body = new Uint8Array(size).fill(7)
    const told = new Request('https://relay.example/', { method: 'POST', headers: { 'content-length': String(size) }, body })
    expect(await readBody(told)).toEqual(body)
  })

  test.each(['', '-', '1e9', String(MAX_REQUEST_BYTES)])('bounds a body whose length is told as "%s"', async (length) => {
    const headers = { 'content-length': length }
    const tooLarge = new Request('https://relay.example/', { method: 'POST', headers, body: new Uint8Array(MAX_REQUEST_BYTES + 1) })
    expect(await readBody(tooLarge)).toBeUndefined()
  })

  test('takes as much as a request may have, and reads more to its end without keeping it', async () => {
    expect((await readBody(post(new Uint8Array(MAX_REQUEST_BYTES))))?.length).toBe(MAX_REQUEST_BYTES)
    const tooLarge = post(new Uint8Array(MAX_REQUEST_BYTES + 1))
    expect(await readBody(tooLarge)).toBeUndefined()
    expect(tooLarge.bodyUsed).toBe(true)
  })
})

describe('readPosted()', () => {
  test.each(['tools/call', 'resources/read', 'ping'])(
    'refuses %s without an id, which some servers would run and nothing would count',
    (method) => {
      verifies('promise.12.every-way')
      expect(readPosted(bytesOf(`{"jsonrpc":"2.0","method":"${method}","params":{"name":"t"}}`))).toMatchObject({
        ok: false,
        error: { code: 'INVALID_REQUEST', detail: 'a request has an id' },
      })
      expect(readPosted(bytesOf(`{"jsonrpc":"2.0","id":null,"method":"${method}","params":{"name":"t"}}`)).ok).toBe(false)
      expect(readPosted(bytesOf('{"jsonrpc":"2.0","method":"x/told","params":{}}')).ok).toBe(true)
    },
  )

  test('reads one message, with the places of its routing values in its bytes', () => {
    const posted = readPosted(bytesOf(' {"id":1.0,"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}'))
    expect(posted).toMatchObject({
      ok: true,
      value: { isBatch: false, messages: [{ facts: { kind: 'request', id: { raw: '1.0', span: [7, 10] } }, params: { name: 't' } }] },
    })
  })

  test('takes a batch apart into the bytes of its messages', () => {
    const posted = readPosted(bytesOf(`[ ${PING} ,\n{"jsonrpc":"2.0","method":"notifications/x"}]`))
    if (!posted.ok) throw new Error(posted.error.code)
    expect(posted.value.isBatch).toBe(true)
    expect(posted.value.messages.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual([
      PING,
      '{"jsonrpc":"2.0","method":"notifications/x"}',
    ])
  })

  test.each([
    ['{"jsonrpc":"2.0","id":null,"method":"notifications/initialized","params":null}', 'notification', ''],
    ['{"jsonrpc":"2.0","id":7,"method":null,"params":null,"result":{},"error":null}', 'result', '7'],
    ['{"jsonrpc":"2.0","id":7,"method":null,"result":null,"error":{"code":1,"message":"m"}}', 'error', '7'],
    ['{"jsonrpc":"2.0","result":null,"error":null,"id":7,"method":"ping","params":{"_meta":null}}', 'request', '7'],
  ])('takes %s for what it means, with the places of its routing values', (text, kind, id) => {
    verifies('promise.1.nulls-absent')
    const posted = readPosted(bytesOf(text))
    if (!posted.ok) throw new Error(posted.error.code)
    const [message] = posted.value.messages
    expect(message?.facts.kind).toBe(kind)
    expect(new TextDecoder().decode(message?.bytes.subarray(...(message.facts.id?.span ?? [0, 0])))).toBe(id)
    expect(new TextDecoder().decode(message?.bytes)).not.toContain('null')
  })

  test.each([
    '{"jsonrpc":"2.0","id":7,"id":null,"method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":null,"ID":7,"method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
  ])('does not take a null for absent in %s', (text) => {
    expect(readPosted(bytesOf(text))).toMatchObject({ ok: false, error: { code: 'INVALID_REQUEST' } })
  })

  test('takes an error without an id for an answer', () => {
    const posted = readPosted(bytesOf('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"m"}}'))
    expect(posted).toMatchObject({ ok: true, value: { messages: [{ facts: { kind: 'error', id: { raw: 'null' } } }] } })
  })

  test.each([
    ['', 'PARSE_ERROR'],
    ['{', 'PARSE_ERROR'],
    [`${PING} ${PING}`, 'PARSE_ERROR'],
    ['7', 'INVALID_REQUEST'],
    ['{}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', 'INVALID_REQUEST'],
    ['[]', 'BATCH_REFUSED'],
    [`[${PING},7]`, 'INVALID_REQUEST'],
    [`[${Array.from({ length: MAX_BATCH_MESSAGES + 1 }, () => PING).join(',')}]`, 'BATCH_REFUSED'],
  ])('refuses %.60s', (body, code) => {
    verifies('stdio.only-messages')
    expect(readPosted(bytesOf(body))).toEqual({ ok: false, error: { code } })
  })

  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', 'id', 'stands twice'],
    [`[${PING},{"jsonrpc":"2.0","id":1,"ID":7,"method":"ping"}]`, 'ID', 'another key, which some programs would read as the one meant'],
  ])('names the key for which it refuses %s', (body, at, detail) => {
    verifies('promise.1.keys-unmistakable')
    expect(readPosted(bytesOf(body))).toEqual({ ok: false, error: { code: 'INVALID_REQUEST', at, detail } })
  })

  test('names a key of the relay that a client has sent, of one message, of a batch, and of an answer', () => {
    verifies('promise.1.relay-keys')
    const called = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"MCP-Edge/principal":"client:0"}}}'
    const answered = '{"jsonrpc":"2.0","id":1,"result":{"_meta":{"MCP-Edge/principal":"client:0"}}}'
    const refusal = { code: 'INVALID_REQUEST', at: 'MCP-Edge/principal', detail: 'keys that begin so are of the relay itself' }
    for (const body of [called, `[${PING},${called}]`, answered]) expect(readPosted(bytesOf(body))).toEqual({ ok: false, error: refusal })
  })

  describe('of a long body', () => {
    const filler = `[${'{},'.repeat(WHOLE_PARSE_BYTES / 3)}{}]`

    test('makes values of what the relay reads only, and keeps the bytes', () => {
      verifies('promise.10.small-heap')
      const text = `{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"t","arguments":${filler},"_meta":{"progressToken":"p"}}}`
      const posted = readPosted(bytesOf(text))
      if (!posted.ok) throw new Error(posted.error.code)
      const [message] = posted.value.messages
      expect(message?.params).toEqual({ name: 't', _meta: { progressToken: 'p' } })
      expect(message?.facts).toMatchObject({ id: { raw: '1.0' }, requestToken: { raw: '"p"' } })
      expect(new TextDecoder().decode(message?.bytes)).toBe(text)
    })

    test.each([
      ['PARSE_ERROR', `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":${filler.slice(0, -1)},]}}`],
      ['PARSE_ERROR', `${PING}${' '.repeat(WHOLE_PARSE_BYTES)}7`],
      ['INVALID_REQUEST', `"${filler}"`],
      ['INVALID_REQUEST', `{"jsonrpc":"1.0","id":1,"method":"m","params":${filler}}`],
      ['INVALID_REQUEST', `{"jsonrpc":"2.0","id":1,"ID":2,"method":"m","params":${filler}}`],
      ['INVALID_REQUEST', `{"jsonrpc":"2.0","id":null,"method":"m","params":${filler}}`],
      ['BATCH_REFUSED', filler],
      ['BODY_TOO_LARGE', `{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"a":${filler}}}}`],
    ])('tells %s as of a short one', (code, text) => {
      const posted = readPosted(bytesOf(text))
      expect(posted.ok ? undefined : posted.error.code).toBe(code)
    })

    test('takes out nulls, and reads long messages of a batch the same', () => {
      const answer = `{"jsonrpc":"2.0","id":7,"method":null,"params":null,"result":{"a":${filler}},"error":null}`
      const posted = readPosted(bytesOf(`[${PING},${answer}]`))
      if (!posted.ok) throw new Error(posted.error.code)
      expect(posted.value.messages.map(({ facts }) => facts.kind)).toEqual(['request', 'result'])
      expect(new TextDecoder().decode(posted.value.messages[1]?.bytes)).toBe(`{"jsonrpc":"2.0","id":7,"result":{"a":${filler}}}`)
    })
  })

  test('refuses a message of more members than are told apart', () => {
    verifies('promise.10.named')
    const members = (count: number): string => Array.from({ length: count }, (_, n) => `"a${n}":1`).join(',')
    const text = (count: number): string => `{"jsonrpc":"2.0","id":1,"method":"m","params":{${members(count)}}}`
    expect(readPosted(bytesOf(text(MAX_ROUTED_MEMBERS))).ok).toBe(true)
    const detail = `more than ${MAX_ROUTED_MEMBERS} members`
    expect(readPosted(bytesOf(text(MAX_ROUTED_MEMBERS + 1)))).toEqual({ ok: false, error: { code: 'INVALID_REQUEST', detail } })
    expect(readPosted(bytesOf(text(1).replace('"a0":1', `"arguments":{${members(MAX_ROUTED_MEMBERS + 1)}}`))).ok).toBe(true)
  })

  test('refuses bytes that are no UTF-8', () => {
    verifies('stdio.utf8')
    expect(readPosted(new Uint8Array([0x7b, 0xff, 0x7d]))).toEqual({ ok: false, error: { code: 'PARSE_ERROR' } })
  })
})
