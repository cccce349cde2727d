import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { LinkEnd, LinkOptions } from '../../../../agent/link/link.ts'
import { pollOnce } from '../../../../agent/link/poll-link.ts'
import { splitBundle } from '../../../../protocol/bundle.ts'
import { decodeAgentFrame } from '../../../../protocol/frame-codec.ts'
import { decodeBatch, UnackedMessages } from '../../../../protocol/long-poll.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { linkOptions, NO_HANDLERS } from '../link-options.ts'

const TIMES = { pollTimeoutMs: 30_000, pollRetryMs: 1 }
const PROBLEM = { 'content-type': 'application/problem+json' }

let servers: Server[] = []
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  servers = []
})

async function listening(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

type Answer = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void

/** A relay that answers each request by the end of its path. */
async function startRelay(answers: Readonly<Record<string, Answer>>): Promise<URL> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const end = new URL(request.url ?? '', 'http://relay').pathname.split('/').at(-1) ?? ''
      answers[end]?.(request, Buffer.concat(parts), response)
    })
  })
  return new URL(`ws://localhost:${await listening(server)}/agent/s?lane=2`)
}

async function poll(url: URL, options: Partial<LinkOptions> = {}): Promise<{ readonly end: LinkEnd; readonly hasBegun: boolean }> {
  let hasBegun = false
  const end = await pollOnce(linkOptions(url, options), TIMES, NO_HANDLERS, () => void (hasBegun = true))
  return { end, hasBegun }
}

/** A relay that lets in, and closes with the first hello. */
function letsIn(seen: string[]): Readonly<Record<string, Answer>> {
  const said = Promise.withResolvers<void>()
  return {
    register: (request, body, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${body.toString()}`)
      response.setHeader('content-type', 'application/json')
      response.end('{"session_id":"the session"}')
    },
    message: (request, body, response) => {
      const batch = decodeBatch(body)
      const message = batch.ok ? batch.value.messages[0] : undefined
      const frames = message?.kind === 'binary' ? splitBundle(message.data) : undefined
      const frame = frames?.ok === true && frames.value[0] !== undefined ? decodeAgentFrame(frames.value[0]) : undefined
      seen.push(`${request.method} ${request.url} ${frame?.ok === true ? frame.value.header.type : 'no frame'}`)
      response.writeHead(204).end()
      said.resolve()
    },
    poll: (request, _, response) => {
      seen.push(`${request.method} ${request.url}`)
      const messages = new UnackedMessages()
      messages.push({ kind: 'close', code: 4005, reason: 'here' })
      void said.promise.then(() => response.end(messages.batch()?.body))
    },
  }
}

describe('pollOnce()', () => {
  test('registers with the token, polls, says hello, and ends with the close that comes', async () => {
    verifies('link.poll.credentials', 'link.poll.ends')
    const seen: string[] = []
    expect(await poll(await startRelay(letsIn(seen)))).toMatchObject({
      hasBegun: true,
      end: { kind: 'closed', code: 4005, reason: 'here', livedMs: 0 },
    })
    expect(seen.toSorted()).toEqual([
      'GET /agent/s/poll?lane=2&session_id=the+session&ack=0&timeout=30',
      'POST /agent/s/message?lane=2&session_id=the+session hello',
      'POST /agent/s/register?lane=2 Bearer t {"type":"agent","protocol":"mcp-edge.v1"}',
    ])
  })

  test('goes through a proxy as its WebSocket would', async () => {
    verifies('link.proxy')
    const url = await startRelay(letsIn([]))
    const asked: string[] = []
    const server = createServer()
    server.on('connect', (request, near, head) => {
      asked.push(request.url ?? '')
      const far = connect(Number(url.port), '127.0.0.1', () => {
        near.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        far.write(head)
        near.pipe(far).pipe(near)
      })
      far.on('error', () => near.destroy())
      near.on('error', () => far.destroy())
    })
    const proxy = new URL(`http://127.0.0.1:${await listening(server)}`)
    expect((await poll(url, { proxy })).end).toMatchObject({ kind: 'closed', reason: 'here' })
    expect(new Set(asked)).toEqual(new Set([url.host]))
  })

  test.each<[string, Answer, object]>([
    [
      'what the relay says',
      (_, __, response) => response.writeHead(401, PROBLEM).end('{"code":"UNAUTHORIZED","detail":"why"}'),
      { kind: 'refused', status: 401, code: 'UNAUTHORIZED', detail: 'why' },
    ],
    [
      'a page of somebody else',
      (_, __, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      { kind: 'refused', status: 200, contentType: 'text/html' },
    ],
    ['JSON of somebody else', (_, __, response) => response.end('{"session_id":1}'), { kind: 'refused', status: 200 }],
    ['nothing', (_, __, response) => response.writeHead(204).end(), { kind: 'refused', status: 204 }],
    [
      'a switch of protocols that nobody asked for',
      (request) => request.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'),
      { kind: 'refused', status: 101 },
    ],
    ['a connection that breaks', (_, __, response) => response.destroy(), { kind: 'unreachable' }],
  ])('has not begun after %s', async (_, register, end) => {
    expect(await poll(await startRelay({ register }))).toMatchObject({ hasBegun: false, end })
  })

  test('has not begun once it is stopped', async () => {
    expect(await poll(new URL('ws://localhost:1/agent/s'), { signal: AbortSignal.abort() })).toEqual({
      hasBegun: false,
      end: { kind: 'unreachable', reason: 'stopped' },
    })
  })
})
