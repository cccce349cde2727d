/** Requests to a local web app that are under way: sends each frame on as it came, between the Worker's socket and the agent's link. Assembles nothing, and holds no timer. */
import type { ProblemCode } from '../../../protocol/errors.ts'
import { decodeRelayFrame, encodeFrame } from '../../../protocol/frame-codec.ts'
import type { AgentWebFrame, RelayWebFrame } from '../../../protocol/web/web-frames.ts'
import { webWindow } from '../../../protocol/web/web-limits.ts'
import { CUT_CLOSE } from '../../contract/trust/pass.ts'
import { linkOf, type RootOf } from '../../contract/trust/principals.ts'
import type { Charge } from '../../contract/trust/metering.ts'
import { STREAM_CLOSE, type WebControl } from '../../contract/streams.ts'
import type { GrantFacts, PassRefusal } from '../../contract/trust/trust-rpc.ts'
import { MAX_SHOWN_CHARS } from '../../usage-limits.ts'
import {
  MAX_OPEN_WEB_EXCHANGES,
  MAX_TUNNEL_DEBT_BYTES,
  MAX_WEB_EXCHANGES_OF_ONE,
  TUNNEL_NOTED_BYTES,
  WS_HEAD_BYTES,
} from '../../web-limits.ts'
import type { LinkHealth } from '../agents/link-health.ts'
import { type AgentLinks } from '../agents/links.ts'
import type { TunnelSaid } from '../agents/wires/dialect.ts'
import type { EndedCall } from '../clients/running-calls.ts'
import { type AgentLink, closeQuietly, sendFrame, servesWeb } from '../agents/agent-link.ts'
import { tunnelFrames } from './tunnel-frames.ts'

interface Parts {
  readonly ctx: DurableObjectState
  readonly links: AgentLinks
  readonly health: LinkHealth
  readonly rootOf: RootOf
  /** An exchange is over, of so many bytes. */
  readonly ended: (call: EndedCall, key: string) => void
}

/** Who asks. `charges`: what it is charged to, if anything is limited. */
export interface WebCaller {
  readonly x: string
  readonly link: string
  readonly address?: string
  readonly principal: string
  readonly charges?: readonly Charge[]
}

/** Attachment of a Worker's socket. */
interface WebAttachment extends Omit<WebCaller, 'charges'> {
  readonly role: 'web'
  /** The agent that serves it, and the link of it: one that comes back knows nothing of it. */
  readonly agent: string
  readonly linkSinceMs: number
  readonly startedAtMs: number
  readonly charged?: { readonly charges: readonly Charge[]; readonly sinceMs: number }
  /** Method and path, once they are known; and what the app has answered, or how it failed. */
  readonly request?: string
  readonly status?: number
  readonly failure?: ProblemCode
  /** Of one through a tunnel: bytes for the client, and those that it has taken, as far as they are noted. */
  readonly down?: number
  readonly taken?: number
}

interface Exchange {
  readonly socket: WebSocket
  facts: WebAttachment
  /** WebSocket messages in both directions, or parts of them, since the object woke. */
  messages: number
  /** Running totals in both directions, as the last frames said. */
  up: number
  down: number
  /** What the client has taken. */
  taken: number
}

const WEB_TAG = 'w'

/** Why an exchange is not begun. */
type WebRefusal = Extract<ProblemCode, 'AGENT_AWAY' | 'SHARE_BUSY' | 'NO_WEB_APP'>

export class WebExchanges {
  readonly #parts: Parts
  readonly #byX = new Map<string, Exchange>()
  readonly #bySocket = new Map<WebSocket, Exchange>()
  /** Those of before the object slept that are charged to limits. */
  readonly charged: readonly { readonly key: string; readonly charged: NonNullable<WebAttachment['charged']> }[]

  constructor(parts: Parts) {
    this.#parts = parts
    for (const socket of parts.ctx.getWebSockets(WEB_TAG)) {
      const facts = socket.deserializeAttachment() as WebAttachment
      this.#keep({ socket, facts, messages: 0, up: 0, down: facts.down ?? 0, taken: facts.taken ?? 0 })
    }
    this.charged = [...this.#byX.values()].flatMap(({ facts: { x, charged } }) => (charged === undefined ? [] : [{ key: x, charged }]))
  }

  has(socket: WebSocket): boolean {
    return this.#bySocket.has(socket)
  }

  /** Whether an exchange of this principal can be begun now. When all places are taken, whoever has the most loses its oldest to one that has fewer. */
  refuse(principal: string): WebRefusal | undefined {
    if (this.#choose() === undefined) return this.#parts.links.all().length === 0 ? 'AGENT_AWAY' : 'NO_WEB_APP'
    const counts = new Map<string, number>()
    for (const exchange of this.#byX.values()) {
      const root = this.#parts.rootOf(exchange.facts.principal)
      counts.set(root, (counts.get(root) ?? 0) + 1)
    }
    const own = counts.get(this.#parts.rootOf(principal)) ?? 0
    if (this.#byX.size < MAX_OPEN_WEB_EXCHANGES) return own >= MAX_WEB_EXCHANGES_OF_ONE ? 'SHARE_BUSY' : undefined
    const [crowd, most] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one))
    if (most <= own + 1) return 'SHARE_BUSY'
    for (const exchange of this.#byX.values())
      if (this.#parts.rootOf(exchange.facts.principal) === crowd) {
        this.#note(exchange, { failure: 'SHARE_BUSY' })
        this.#close(exchange, STREAM_CLOSE.CROWDED, 'others need its place')
        break
      }
    return undefined
  }

  /** Takes the socket of a Worker, for which `refuse` had nothing to say just now. Its first frame is the request. */
  open(socket: WebSocket, { charges, ...caller }: WebCaller, nowMs: number): void {
    const link = this.#choose()
    const { name: agent = '', connectedAtMs: linkSinceMs = 0 } = link ?? {}
    const charged = charges === undefined ? {} : { charged: { charges, sinceMs: nowMs } }
    const facts: WebAttachment = { role: 'web', ...caller, agent, linkSinceMs, startedAtMs: nowMs, ...charged }
    this.#parts.ctx.acceptWebSocket(socket, [WEB_TAG])
    const exchange = { socket, facts, messages: 0, up: 0, down: 0, taken: 0 }
    this.#keep(exchange)
    this.#note(exchange, {})
  }

  /** A frame of a Worker, for its own exchange. */
  fromWorker(socket: WebSocket, bytes: Uint8Array): void {
    const exchange = this.#bySocket.get(socket)
    const frame = decodeRelayFrame(bytes)
    if (exchange === undefined) return
    if (!frame.ok || !('x' in frame.value.header) || frame.value.header.x !== exchange.facts.x) return this.#lose(exchange)
    const { header } = frame.value
    if (header.type === 'web_open') this.#begin(exchange, header)
    if (header.type === 'web_data' || header.type === 'web_message') exchange.up = header.at
    if (header.type === 'web_message') exchange.messages++
    const link = this.#linkOf(exchange)
    if (link === undefined) this.#lose(exchange)
    else if (link.wire === undefined) send(link.socket, bytes)
    else sendFrame(link, header, frame.value.body)
  }

  /** A text message of a Worker: what its client has taken becomes credit for the agent. */
  control(socket: WebSocket, text: string): void {
    const exchange = this.#bySocket.get(socket)
    const control = JSON.parse(text) as WebControl
    const link = exchange === undefined ? undefined : this.#linkOf(exchange)
    if (exchange === undefined || link === undefined || control.type !== 'web_taken') return
    exchange.taken = control.total
    sendFrame(link, { type: 'web_credit', x: exchange.facts.x, upto: control.total + webWindow(this.#byX.size) })
  }

  /** A frame of an agent. One for an exchange that is over, or is another agent's, is dropped. */
  fromAgent(link: AgentLink, header: AgentWebFrame, bytes: Uint8Array): void {
    const exchange = this.#byX.get(header.x)
    if (exchange === undefined || !isOn(exchange, link)) return
    if (header.type === 'web_message') exchange.messages++
    if (header.type === 'web_data' || header.type === 'web_message') exchange.down = header.at
    else if (header.type === 'web_head') this.#note(exchange, { status: header.status })
    else if (header.type === 'web_failed') this.#note(exchange, { failure: header.code })
    send(exchange.socket, bytes)
  }

  /** What a tunnel has said, as frames of an agent of ours; false where that is of no exchange of its own that is open. */
  fromTunnel(link: AgentLink, said: TunnelSaid): boolean {
    const exchange = this.#byX.get(said.x)
    if (exchange === undefined || !isOn(exchange, link)) return false
    if (exchange.facts.failure !== undefined) return true
    const tell = (told: TunnelSaid): void => {
      for (const { header, body } of tunnelFrames(told, exchange.facts.status !== undefined, exchange.down))
        this.fromAgent(link, header, encodeFrame(header, body))
    }
    tell(said)
    const { down, taken } = exchange
    if (down - taken > MAX_TUNNEL_DEBT_BYTES)
      tell({ x: said.x, kind: 'failed', code: 'APP_BROKEN', detail: 'its client reads too slowly.' })
    else if (down - (exchange.facts.down ?? 0) > TUNNEL_NOTED_BYTES) this.#note(exchange, { down, taken })
    return true
  }

  /** A Worker's socket has closed: the exchange is over. False when it is no such socket. */
  closed(socket: WebSocket): boolean {
    const exchange = this.#bySocket.get(socket)
    if (exchange === undefined) return false
    this.#end(exchange)
    const link = this.#linkOf(exchange)
    if (link !== undefined) sendFrame(link, { type: 'web_gone', x: exchange.facts.x })
    return true
  }

  /** A link is gone, and with it what it carried. */
  linkGone(link: AgentLink): void {
    for (const exchange of this.#byX.values()) if (isOn(exchange, link)) this.#lose(exchange)
  }

  /** After sleep or a reset, when nobody tells of what closed meanwhile. */
  prune(): void {
    for (const exchange of this.#byX.values()) {
      if (exchange.socket.readyState !== WebSocket.OPEN) this.closed(exchange.socket)
      else if (this.#linkOf(exchange) === undefined) this.#lose(exchange)
    }
  }

  /** Ends what is let in no more. */
  cut(refusalOf: (link: string) => PassRefusal | undefined): void {
    for (const exchange of this.#byX.values()) {
      const code = refusalOf(exchange.facts.link)
      if (code === undefined) continue
      this.#note(exchange, { failure: code })
      this.#close(exchange, CUT_CLOSE[code], code)
    }
  }

  /** Tells Workers what their clients may do now. */
  tell(newsFor: (socket: WebSocket, link: string) => GrantFacts | undefined): void {
    for (const { socket, facts } of this.#byX.values()) {
      const granted = newsFor(socket, facts.link)
      if (granted !== undefined) send(socket, JSON.stringify({ type: 'grant', facts: granted } satisfies WebControl))
    }
  }

  /** The share has ended. */
  closeAll(code: number, reason: string): void {
    for (const exchange of this.#byX.values()) this.#close(exchange, code, reason)
  }

  #begin(exchange: Exchange, { method, target }: Extract<RelayWebFrame, { type: 'web_open' }>): void {
    // What stands behind a question mark may be a secret.
    this.#note(exchange, { request: `${method} ${target.split('?')[0]}`.slice(0, MAX_SHOWN_CHARS) })
    const link = this.#linkOf(exchange)
    // Agents of other makes say nothing until the app has answered.
    if (link !== undefined && link.wire === undefined) this.#parts.health.sent(link, Date.now())
  }

  /** The agent with the fewest exchanges. */
  #choose(): AgentLink | undefined {
    const { links, health } = this.#parts
    const nowMs = Date.now()
    return links.choose(
      (name) => [...this.#byX.values()].filter(({ facts }) => facts.agent === name).length,
      (link) => health.isSuspect(link, nowMs),
      servesWeb,
    )
  }

  #linkOf(exchange: Exchange): AgentLink | undefined {
    const link = this.#parts.links.named(exchange.facts.agent)
    return link !== undefined && isOn(exchange, link) ? link : undefined
  }

  #lose(exchange: Exchange): void {
    this.#note(exchange, { failure: 'AGENT_LOST' })
    this.#close(exchange, STREAM_CLOSE.LOST, 'the agent is gone')
  }

  /** Its agent hears of it at once, and the close event finds nothing more to do. */
  #close(exchange: Exchange, code: number, reason: string): void {
    this.closed(exchange.socket)
    closeQuietly(exchange.socket, code, reason)
  }

  #end(exchange: Exchange): void {
    const { x, link, address, principal, startedAtMs, request = '', status, failure } = exchange.facts
    const bytes = exchange.up + exchange.down + exchange.messages * WS_HEAD_BYTES
    this.#byX.delete(x)
    this.#bySocket.delete(exchange.socket)
    const outcome = failure ?? (status === undefined ? 'CANCELLED' : status >= 400 ? 'error' : 'ok')
    const whose = linkOf(this.#parts.rootOf(principal))
    const call = { at: startedAtMs, whose, link, ...(address === undefined ? {} : { address }), principal, method: `web ${request}` }
    this.#parts.ended({ ...call, outcome, status: status ?? 502, ms: Date.now() - startedAtMs, bytes }, x)
  }

  #keep(exchange: Exchange): void {
    this.#byX.set(exchange.facts.x, exchange)
    this.#bySocket.set(exchange.socket, exchange)
  }

  #note(exchange: Exchange, news: Partial<WebAttachment>): void {
    exchange.facts = { ...exchange.facts, ...news }
    exchange.socket.serializeAttachment(exchange.facts)
  }
}

function isOn({ facts }: Exchange, link: AgentLink): boolean {
  return facts.agent === link.name && facts.linkSinceMs === link.connectedAtMs
}

function send(socket: WebSocket, message: Uint8Array | string): void {
  try {
    socket.send(message)
  } catch {
    // It is closing; its close event ends the exchange.
  }
}
