/** The sockets that come to a share: links of agents, streams of Workers, and their requests to its web app or its upstream. */
import { LINK_SUBPROTOCOL } from '../../protocol/handshake.ts'
import { GRACE_MS, HELLO_MS } from '../../protocol/limits.ts'
import { type Charge, type Exhausted, isCharged } from '../contract/trust/metering.ts'
import { leafOf, VERDICT_STATUS } from '../contract/trust/pass.ts'
import type { Pass } from '../contract/trust/trust-rpc.ts'
import { readForeign } from '../contract/foreign-makes.ts'
import type { AlarmClock } from './alarm-clock.ts'
import type { ShareParts } from './share-parts.ts'

export class ShareSockets {
  readonly #parts: ShareParts
  readonly #clock: AlarmClock

  constructor(parts: ShareParts, clock: AlarmClock) {
    this.#parts = parts
    this.#clock = clock
  }

  /** An agent's link, or a Worker's stream. */
  open({ searchParams }: URL, pass: Pass, isAgent: boolean): Response {
    const { callLedger, links, streamSockets, agentMessages } = this.#parts
    if (this.#parts.store.settings === undefined) return new Response(null, { status: 404 })
    const link = leafOf(pass)
    callLedger.used(pass.chain, 0, Date.now())
    const [client, server] = Object.values(new WebSocketPair())
    if (client === undefined || server === undefined) return new Response(null, { status: 500 })
    if (isAgent) {
      const foreign = readForeign(searchParams)
      links.accept(server, link, Date.now(), foreign)
      void this.#clock.sweepBy(Date.now() + HELLO_MS)
      const headers = foreign === undefined ? { 'sec-websocket-protocol': LINK_SUBPROTOCOL } : {}
      return new Response(null, { status: 101, webSocket: client, headers })
    }
    const status = streamSockets.open(server, searchParams, link)
    if (status === 101) this.#parts.spending.streamed(searchParams.get('key') ?? '')
    void this.#clock.sweepBy(agentMessages.nextVerdictMs(Date.now()))
    return status === 101 ? new Response(null, { status, webSocket: client }) : new Response(null, { status })
  }

  /** Begins an exchange with the web app. An answer that is no 101 says why not: a verdict, or a code. */
  async openWeb({ searchParams }: URL, pass: Pass): Promise<Response> {
    const { gate, web, callLedger } = this.#parts
    if (this.#parts.store.settings === undefined) return new Response(null, { status: 404 })
    const [x, principal] = [searchParams.get('x') ?? '', searchParams.get('principal') ?? '']
    const refusal = gate.share?.upstream === undefined ? web.refuse(principal) : 'NO_WEB_APP'
    if (refusal !== undefined) return Response.json({ code: refusal }, { status: 503 })
    const nowMs = Date.now()
    callLedger.used(pass.chain, 1, nowMs)
    const charges = gate.chargesOf(pass)
    const refused = charges === undefined ? undefined : await this.#charge(charges, x, pass)
    if (refused !== undefined) return refused
    const [client, server] = Object.values(new WebSocketPair())
    if (client === undefined || server === undefined) return new Response(null, { status: 500 })
    const address = pass.address === undefined ? {} : { address: pass.address }
    web.open(server, { x, link: leafOf(pass), ...address, principal, ...(charges === undefined ? {} : { charges }) }, nowMs)
    return new Response(null, { status: 101, webSocket: client })
  }

  /** Watches a request that a Worker takes to the share's upstream. An answer that is no 101 says why not, as above. */
  async openUpstream({ searchParams }: URL, pass: Pass): Promise<Response> {
    const { gate, upstream, usage, callLedger } = this.#parts
    if (this.#parts.store.settings === undefined) return new Response(null, { status: 404 })
    const [x, principal, method] = ['x', 'principal', 'method'].map((name) => searchParams.get(name) ?? '') as [string, string, string]
    const tool = searchParams.get('tool') ?? undefined
    const sinceMs = Number(searchParams.get('sinceMs') ?? Number.NaN)
    const isAgain = !Number.isNaN(sinceMs)
    const told = searchParams.get('isTold') === null ? {} : ({ isTold: 'true' } as const)
    const refusal = upstream.refuse({ principal, ...told })
    if (refusal !== undefined) return Response.json({ code: refusal }, { status: 503 })
    const nowMs = Date.now()
    callLedger.used(pass.chain, isAgain || method === '' ? 0 : 1, nowMs)
    const charges = isCharged(method) && method !== '' ? gate.chargesOf(pass) : undefined
    const what = { principal, method, ...(tool === undefined ? {} : { tool }) }
    // What was charged before and goes on is let go on.
    const noteLimit = (): void => usage.limited(pass, what)
    const refused = charges === undefined ? undefined : await this.#charge(charges, x, pass, noteLimit)
    if (refused !== undefined && !isAgain) return refused
    const [client, server] = Object.values(new WebSocketPair())
    if (client === undefined || server === undefined) return new Response(null, { status: 500 })
    const asked = { x, ...what, ...told, link: leafOf(pass), ...(pass.address === undefined ? {} : { address: pass.address }) }
    upstream.open(server, { ...asked, ...(charges === undefined ? {} : { charges }) }, isAgain ? sinceMs : nowMs)
    return new Response(null, { status: 101, webSocket: client })
  }

  /** Charges what begins; or why it may not. */
  async #charge(charges: readonly Charge[], x: string, pass: Pass, noteLimit?: (limit: Exhausted) => void): Promise<Response | undefined> {
    const { gate, spending } = this.#parts
    const exhausted = await spending.start(charges, x)
    if (exhausted !== undefined) {
      noteLimit?.(exhausted)
      return Response.json(exhausted, { status: VERDICT_STATUS })
    }
    // What keeps the limits may be another object: what has ended meanwhile was not there to be cut.
    const verdict = await gate.judge(pass, Date.now())
    if (verdict === undefined) return undefined
    spending.failed(x)
    return Response.json(verdict, { status: VERDICT_STATUS })
  }

  /** One of them has closed, with this code or without any. */
  async closed(socket: WebSocket, code?: number): Promise<void> {
    if (this.#parts.web.closed(socket) || this.#parts.upstream.closed(socket)) return
    const { links, streamSockets, agentMessages } = this.#parts
    const link = links.remove(socket)
    if (link === undefined) {
      this.#parts.spending.closed(socket)
      return streamSockets.closed(socket, code)
    }
    const nowMs = Date.now()
    agentMessages.closed(link, code, nowMs)
    if (this.#parts.store.settings !== undefined) await this.#clock.sweepBy(nowMs + GRACE_MS)
  }
}
