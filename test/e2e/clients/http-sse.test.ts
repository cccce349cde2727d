/** HTTP+SSE of 2024-11-05 as it is on the wire: the endpoint event, 202, answers on the stream only, sessions of others. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rawResult } from '../../fixtures/raw-result.ts'
import { verifies } from '../../requirements/verifies.ts'
import { conformanceServer, createServedShare, createToken, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject } from '../../harness/json.ts'
import { Listener } from '../../harness/raw-client.ts'

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}'

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
})
afterAll(() => stack.disposeAsync())

interface SseSession {
  readonly stream: Listener
  /** Its id, with which an event source comes back. */
  readonly id: string
  readonly messagesUrl: string
  /** Posts a body as it is. */
  readonly post: (body: string, token?: string) => Promise<Response>
}

async function open(of: Share = share, lastEventId?: string): Promise<SseSession> {
  const abort = new AbortController()
  const again = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const headers = { authorization: `Bearer ${of.clientToken}`, accept: 'text/event-stream', ...again }
  const stream = stack.use(new Listener(await fetch(of.sseUrl, { headers, signal: abort.signal }), abort))
  const endpoint = await stream.nextEvent()
  expect(endpoint?.event).toBe('endpoint')
  const messagesUrl = new URL(endpoint?.data.toString() ?? '', of.sseUrl).href
  const post = async (body: string, token: string = of.clientToken): Promise<Response> => {
    const sent = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    return await fetch(messagesUrl, { method: 'POST', headers: sent, body })
  }
  return { stream, id: endpoint?.id ?? '', messagesUrl, post }
}

async function initialized(of: Share = share): Promise<SseSession> {
  const session = await open(of)
  expect((await session.post(INITIALIZE)).status).toBe(202)
  expect(asObject((await session.stream.nextMessage())?.['result'])['protocolVersion']).toBe('2024-11-05')
  expect((await session.post('{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(202)
  return session
}

function call(id: number, name: string, args: object = {}, meta: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta: meta } })
}

test('the endpoint is of the same origin and share', async () => {
  verifies('sse.two-endpoints', 'sse.endpoint-first', 'modern.older.http-sse')
  const { messagesUrl } = await open()
  expect(messagesUrl.startsWith(`${relay.origin}/s/${share.id}/messages`)).toBe(true)
})

test('the endpoint of a URL that carries its key carries it too', async () => {
  const abort = new AbortController()
  const url = share.shareUrl.replace(/\/mcp$/, '/sse')
  const stream = stack.use(new Listener(await fetch(url, { signal: abort.signal }), abort))
  const endpoint = new URL((await stream.nextEvent())?.data.toString() ?? '', url)
  const answer = await fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: INITIALIZE })
  expect(answer.status).toBe(202)
  expect(await stream.nextMessage()).toHaveProperty('id', 0)
})

test('a request is answered with 202, and on the stream, progress first', async () => {
  verifies('sse.messages-on-stream', 'modern.older.http-sse')
  const { stream, post } = await initialized()
  const response = await post(call(1, 'progress', { steps: 20 }, { progressToken: 'p' }))
  expect(response.status).toBe(202)
  const seen: unknown[] = []
  for (;;) {
    const message = await stream.nextMessage()
    if (message?.['id'] === 1) break
    seen.push(asObject(message?.['params'])['progress'])
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})

test('an answer comes byte for byte', async () => {
  const other = await createServedShare(stack, relay, { command: fixture('raw-bodies') })
  const { stream, post } = await initialized(other)
  await post('{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"raw"}}')
  expect((await stream.nextEvent())?.data.toString()).toBe(`{"result": ${rawResult} ,"id":9007199254740993,"jsonrpc":"2.0"}`)
})

test('a call to a server of 2026-07-28 is answered on the stream with which its client comes back', async () => {
  verifies('promise.2.sse-taken')
  const other = await createServedShare(stack, relay, { command: conformanceServer('modern') })
  const before = await initialized(other)
  expect((await before.post(call(1, 'wait', { key: 'sse' }))).status).toBe(202)
  await before.stream[Symbol.asyncDispose]()
  const back = await open(other, before.id)
  expect(back.messagesUrl).toBe(before.messagesUrl)
  expect((await back.post(call(2, 'open', { key: 'sse' }))).status).toBe(202)
  const answers = [await back.stream.nextMessage(), await back.stream.nextMessage()]
  expect(new Set(answers.map((answer) => answer?.['id']))).toEqual(new Set([1, 2]))
  expect(answers.find((answer) => answer?.['id'] === 1)).toMatchObject({ result: { content: [{ text: 'opened sse' }] } })
})

test('an unknown session, and one of another principal, is 404', async () => {
  verifies('sse.authenticated')
  const { messagesUrl, post } = await initialized()
  expect((await post(call(1, 'count'), await createToken(share, 'client'))).status).toBe(404)
  const unknown = messagesUrl.replace(/=[^=]+$/, `=${'a'.repeat(26)}`)
  const headers = { authorization: `Bearer ${share.clientToken}`, 'content-type': 'application/json' }
  expect((await fetch(unknown, { method: 'POST', headers, body: call(1, 'count') })).status).toBe(404)
})

test('a post without a token is 401', async () => {
  verifies('sse.authenticated')
  const { messagesUrl } = await initialized()
  const response = await fetch(messagesUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: call(1, 'count') })
  expect(response.status).toBe(401)
})

test('a page of a foreign origin gets 403 at both endpoints', async () => {
  verifies('sse.origin', 'http.origin.validated')
  const { messagesUrl } = await initialized()
  const headers = { authorization: `Bearer ${share.clientToken}`, origin: 'https://evil.example.com' }
  expect((await fetch(share.sseUrl, { headers: { ...headers, accept: 'text/event-stream' } })).status).toBe(403)
  const posted = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: call(1, 'count') }
  expect((await fetch(messagesUrl, posted)).status).toBe(403)
})
