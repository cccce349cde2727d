/** Makes of what EGDesk's tunnel says of an exchange the frames that an agent of ours would send. Pure. */
import { endToEnd, headerOf, isHeader } from '../../../protocol/web/http-fields.ts'
import type { AgentWebFrame, HeaderList } from '../../../protocol/web/web-frames.ts'
import { WEB_CHUNK_BYTES } from '../../../protocol/web/web-limits.ts'
import type { TunnelSaid } from '../agents/wires/dialect.ts'

interface WebFrame {
  readonly header: AgentWebFrame
  readonly body?: Uint8Array
}

/** Of what the tunnel has decoded, length and coding are not those of the server. */
const OF_THE_BODY: ReadonlySet<string> = new Set(['content-length', 'content-encoding'])
const EVENTS: HeaderList = [
  ['content-type', 'text/event-stream'],
  ['cache-control', 'no-store'],
]

/** `hasHead`: the client has been told a status already. `at`: the running total of the bytes before. */
export function* tunnelFrames(said: TunnelSaid, hasHead: boolean, at: number): Generator<WebFrame> {
  const { x } = said
  switch (said.kind) {
    case 'credit':
      yield { header: { type: 'web_credit', x, upto: said.upto } }
      return
    case 'failed':
      yield { header: { type: 'web_failed', x, code: said.code, detail: said.detail } }
      return
    case 'response':
      // What breaks off a stream is told in this way.
      if (hasHead) {
        yield { header: { type: 'web_failed', x, code: 'APP_BROKEN' } }
        return
      }
      yield { header: { type: 'web_head', x, status: said.status, headers: headersOf(said.headers, said.body) } }
      yield* bodyOf(x, said.body, at)
      yield { header: { type: 'web_end', x } }
      return
    case 'piece':
      if (!hasHead) yield { header: { type: 'web_head', x, status: 200, headers: EVENTS } }
      yield* bodyOf(x, said.body, at)
      return
    case 'end':
      if (!hasHead) yield { header: { type: 'web_head', x, status: 200, headers: EVENTS } }
      yield { header: { type: 'web_end', x } }
      return
  }
}

function* bodyOf(x: string, body: Uint8Array, at: number): Generator<WebFrame> {
  for (let from = 0; from < body.length; from += WEB_CHUNK_BYTES) {
    const part = body.subarray(from, from + WEB_CHUNK_BYTES)
    yield { header: { type: 'web_data', x, at: at + from + part.length }, body: part }
  }
}

/** To HEAD a server says how long the body would be. */
function headersOf(headers: HeaderList, body: Uint8Array): HeaderList {
  const kept = endToEnd(headers).filter((header) => isHeader(header) && !OF_THE_BODY.has(header[0].toLowerCase()))
  const length = body.length > 0 ? String(body.length) : (headerOf(headers, 'content-length') ?? '0')
  return [...kept, ['content-length', /^\d{1,15}$/.test(length) ? length : '0']]
}
