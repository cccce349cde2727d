/** Thousands of requests with something changed, the same ones in each run: none makes the relay fail, and no reply tells a secret. */
import { beforeAll, expect, test } from 'vitest'
import { type Choose, mutate, numbers } from '../../harness/mutations.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { invite, SigningIn } from '../harness/sign-in.ts'
import { createShare, fetchRelay, ORIGIN, ownerKey, type TestShare } from '../harness/relay.ts'

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const ROUNDS = 400
const NO_ASCII = /[^\x20-\x7e]/g
const ALPHABET = 'ABCxyz019-_.{}[]",:/\\%&=;*\u0000'
/** Without DELETE: the owner's would end the share, and all that follows would be about none. */
const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'OPTIONS', 'HEAD']
const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }
const CALL =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"path":"/home/me"},"_meta":{"progressToken":7}}}'
const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
const MODERN_META = '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'

let share: TestShare
let requests: readonly Sent[]
let secrets: readonly string[]

beforeAll(async () => {
  share = await createShare({ name: 'docs' })
  const owner = await ownerKey()
  const api = `/api/shares/${share.id}`
  const key = String((await order('POST', `${api}/tokens`, { kind: 'key' })).told['share_url'])
  const { code } = await invite(share, { name: 'Ann' })
  const asOwner = { ...JSON_TYPE, authorization: `Bearer ${owner}` }
  const asClient = { ...JSON_TYPE, authorization: `Bearer ${share.clientToken}` }
  const inSession = { 'mcp-session-id': 'nobody', 'mcp-protocol-version': '2025-11-25' }
  const keyPath = new URL(key).pathname
  const signing = new SigningIn(share)
  await signing.register()
  const signIn = new URL(signing.base).pathname
  const asked = signing.authorizeQuery()
  secrets = [owner, share.clientToken, share.agentToken, code, keyPath.split('/')[4] ?? key]
  requests = [
    { method: 'POST', path: share.url, headers: asClient, body: INITIALIZE },
    { method: 'POST', path: share.url, headers: { ...asClient, ...inSession }, body: CALL },
    {
      method: 'POST',
      path: keyPath,
      headers: { ...JSON_TYPE, ...inSession, 'mcp-protocol-version': '2025-03-26' },
      body: `[${CALL},${CALL}]`,
    },
    {
      method: 'POST',
      path: keyPath,
      headers: { ...JSON_TYPE, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' },
      body: `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":${MODERN_META}}}`,
    },
    { method: 'GET', path: keyPath, headers: { accept: 'text/event-stream', ...inSession, 'last-event-id': 'g.o1-1' } },
    { method: 'DELETE', path: share.url, headers: { ...asClient, ...inSession } },
    { method: 'POST', path: `/s/${share.id}/messages?sessionId=nobody`, headers: asClient, body: CALL },
    { method: 'POST', path: '/api/shares', headers: asOwner, body: '{"name":"x","expires_in":60,"limits":{"calls":"10/minute"}}' },
    { method: 'PATCH', path: api, headers: asOwner, body: '{"name":"docs","policy":{"access":"read","tools":{"allow":["read_*"]}}}' },
    { method: 'POST', path: `${api}/tokens`, headers: asOwner, body: '{"kind":"client","name":"x","policy":{"arguments":["t(a^=/b)"]}}' },
    { method: 'GET', path: `${api}/audit?after=0.0`, headers: asOwner },
    { method: 'POST', path: '/api/claim', headers: JSON_TYPE, body: '{"code":"abcd-efgh"}' },
    { method: 'GET', path: `${signIn}/authorize?${asked}`, headers: {} },
    {
      method: 'POST',
      path: `${signIn}/register`,
      headers: JSON_TYPE,
      body: '{"redirect_uris":["https://client.example/callback"],"client_name":"c"}',
    },
    {
      method: 'POST',
      path: `${signIn}/token`,
      headers: FORM_TYPE,
      body: `grant_type=authorization_code&code=a:b:c&code_verifier=${'v'.repeat(43)}&${asked}`,
    },
    {
      method: 'POST',
      path: `${signIn}/token`,
      headers: FORM_TYPE,
      body: `grant_type=refresh_token&refresh_token=a:b:c&client_id=${signing.clientId}`,
    },
    { method: 'GET', path: `/agent/${share.id}`, headers: { authorization: `Bearer ${share.agentToken}`, upgrade: 'websocket' } },
    { method: 'GET', path: `/.well-known/oauth-protected-resource${share.url}`, headers: {} },
  ]
})

/** The request with its path, one of its headers, its body or its method changed. Undefined for what no client can send. */
function changed(sent: Sent, next: Choose): Request | undefined {
  const { method, path, headers, body } = sent
  const names = Object.keys(headers)
  const name = names[next(names.length || 1)]
  const part = next(body === undefined ? 3 : 8)
  const init: RequestInit & { headers: Record<string, string> } = {
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body }),
  }
  // What is no ASCII no HTTP client puts into a header.
  if (part === 1 && name !== undefined) init.headers[name] = mutate(headers[name] ?? '', ALPHABET, next).replaceAll(NO_ASCII, '')
  if (part === 2) init.method = METHODS[next(METHODS.length)] ?? method
  if (part > 2) init.body = mutate(body ?? '', ALPHABET, next)
  if (init.method === 'GET' || init.method === 'HEAD') delete init.body
  try {
    return new Request(`${ORIGIN}${part === 0 ? `/${mutate(path.slice(1), ALPHABET, next)}` : path}`, init)
  } catch {
    return undefined
  }
}

test('no route fails on a request with anything changed, nor tells a secret in its reply', async () => {
  verifies('promise.9.forged')
  const next = numbers(20_261_135)
  const failed: string[] = []
  let sent = 0
  for (let round = 0; round < ROUNDS; round++)
    for (const one of requests) {
      const request = changed(one, next)
      if (request === undefined) continue
      sent++
      const shown = `${request.method} ${request.url} ${JSON.stringify([...request.headers])}`
      const reply = await fetchRelay(request.url.slice(ORIGIN.length), request)
      const isOpen = reply.headers.get('content-type')?.includes('event-stream') === true || reply.webSocket !== null
      reply.webSocket?.accept()
      reply.webSocket?.close()
      const text = isOpen ? '' : await reply.text()
      if (isOpen) await reply.body?.cancel()
      if (reply.status === 500 || text.includes('INTERNAL')) failed.push(`${reply.status}: ${shown}: ${text}`)
      const told = `${text}${JSON.stringify([...reply.headers])}`
      for (const secret of secrets) if (told.includes(secret)) failed.push(`told a secret: ${shown}: ${told}`)
    }
  expect(failed.slice(0, 5)).toEqual([])
  expect(sent).toBeGreaterThan(ROUNDS * requests.length * 0.8)
  const { status, told } = await order('GET', `/api/shares/${share.id}`)
  expect({ status, paused: told['paused'] }).toEqual({ status: 200, paused: false })
}, 120_000)
