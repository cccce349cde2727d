/** The least that a relay of this shape can be: Worker, object, hibernatable WebSocket. Each path goes one hop further. */
import { DurableObject } from 'cloudflare:workers'

interface Env {
  readonly SHARE: DurableObjectNamespace<Share>
}

export class Registry extends DurableObject {}

export class Share extends DurableObject<Env> {
  readonly #waiting = new Map<number, (body: ArrayBuffer) => void>()
  #lastNumber = 0

  echo(body: Uint8Array): Uint8Array {
    return body
  }

  /** `kind` is one byte that tells the agent how far to take the body. */
  call(kind: number, body: Uint8Array): Promise<ArrayBuffer> {
    const [agent] = this.ctx.getWebSockets()
    if (agent === undefined) throw new Error('no agent')
    const number = ++this.#lastNumber
    const frame = new Uint8Array(5 + body.length)
    new DataView(frame.buffer).setUint32(0, number)
    frame[4] = kind
    frame.set(body, 5)
    agent.send(frame)
    const { promise, resolve } = Promise.withResolvers<ArrayBuffer>()
    this.#waiting.set(number, resolve)
    return promise
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    return new Response(null, { status: 101, webSocket: client })
  }

  override webSocketMessage(_: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message === 'string') return
    const number = new DataView(message).getUint32(0)
    this.#waiting.get(number)?.(message.slice(5))
    this.#waiting.delete(number)
  }
}

const HEADERS = { 'content-type': 'application/json' }
/** All that a client of MCP needs to take this for a server: one session for everybody. */
const MCP_HEADERS = { ...HEADERS, 'mcp-session-id': 'bare' }
const KINDS: Readonly<Record<string, number>> = { '/agent': 0, '/child': 1, '/mcp': 1 }

const handler: ExportedHandler<Env> = {
  async fetch(request, env) {
    const path = new URL(request.url).pathname
    const share = env.SHARE.getByName('bare')
    if (path === '/link') return share.fetch(request)
    if (request.method !== 'POST') return new Response(null, { status: 405 })
    const body = await request.bytes()
    const kind = KINDS[path]
    if (kind !== undefined) {
      const answer = await share.call(kind, body)
      return new Response(answer, { status: answer.byteLength === 0 ? 202 : 200, headers: path === '/mcp' ? MCP_HEADERS : HEADERS })
    }
    return new Response(path === '/object' ? await share.echo(body) : body, { headers: HEADERS })
  },
}

export default handler
