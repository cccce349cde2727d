/** Asks an HTTP server of revision 2026-07-28 for a page of its tools in the agent's own name: one request, one answer, within TOOL_LIST_MS. */
import { setTimeout as delay } from 'node:timers/promises'
import { TOOL_LIST_MS } from '../../limits.ts'
import { EventStream } from './event-stream.ts'
import { Flow } from './flow.ts'
import { HttpRequest } from './http-request.ts'
import { type HttpServer, isSuccess, mediaType } from './http-server.ts'
import { modernHeaders } from './modern-headers.ts'

export interface PageQuestion {
  readonly revision: string
  /** Of the call for which it is asked: who its client is. */
  readonly envelope: Readonly<Record<string, unknown>>
  readonly cursor: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** The result; undefined when none comes. Never rejects. */
export async function askToolPage(server: HttpServer, { revision, envelope, cursor, headers }: PageQuestion): Promise<unknown> {
  // Random, so that no server takes it for a client's.
  const id = `mcp-edge-${crypto.randomUUID()}`
  const params = { ...(cursor === undefined ? {} : { cursor }), _meta: envelope }
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params }))
  const mirrors = modernHeaders({ method: 'tools/list', revision, request: body })
  const request = new HttpRequest(server, { method: 'POST', headers: { ...headers, ...mirrors }, body })
  const bound = new AbortController()
  const late = delay(TOOL_LIST_MS, undefined, { signal: bound.signal }).catch(() => {})
  const answer = await Promise.race([answerTo(request, id).catch(() => {}), late])
  bound.abort()
  request.destroy()
  return answer
}

async function answerTo(request: HttpRequest, id: string): Promise<unknown> {
  const response = await request.response
  const flow = new Flow()
  if (!isSuccess(response)) return undefined
  if (mediaType(response) !== 'text/event-stream') return resultIn((await flow.readWhole(response)) ?? new Uint8Array(0), id)
  let result: unknown
  const events = new EventStream({ event: (_, data) => void (result ??= resultIn(data, id)), tooLong: () => {} })
  await flow.read(response, (chunk) => {
    events.push(chunk)
    return result === undefined
  })
  return result
}

/** The result of an answer to this request; undefined of any other message. */
function resultIn(line: Uint8Array, id: string): unknown {
  try {
    const message: unknown = JSON.parse(Buffer.from(line).toString('utf8'))
    const isAnswer = typeof message === 'object' && message !== null && 'id' in message && message.id === id && 'result' in message
    return isAnswer ? message.result : undefined
  } catch {
    return undefined
  }
}
