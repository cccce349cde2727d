/** The least that an open GET stream can be: an event stream that lives, alone or over a socket of an object that may sleep. */
import { DurableObject } from 'cloudflare:workers'

interface Env {
  readonly SHARE: DurableObjectNamespace<Share>
}

export class Registry extends DurableObject {}

export class Share extends DurableObject<Env> {
  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    return new Response(null, { status: 101, webSocket: client })
  }
}

const KEEPALIVE_MS = 15_000
const KEEPALIVE = new TextEncoder().encode(':\n\n')

function stream(socket?: WebSocket): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      const write = (): void => controller.enqueue(KEEPALIVE)
      write()
      const timer = setInterval(write, KEEPALIVE_MS)
      socket?.addEventListener('message', write)
      socket?.addEventListener('close', () => clearInterval(timer))
      socket?.accept()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const handler: ExportedHandler<Env> = {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/events') return stream()
    if (pathname !== '/socket') return new Response(null, { status: 204 })
    const { webSocket } = await env.SHARE.getByName('bare').fetch(request.url, { headers: { upgrade: 'websocket' } })
    return webSocket === null ? new Response(null, { status: 500 }) : stream(webSocket)
  },
}

export default handler
