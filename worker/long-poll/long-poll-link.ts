/**
 * The Durable Object of one agent that polls. It dials the Share by a WebSocket, as that agent would, and so is awake, and paid for, while
 * the agent polls; the Share behind it sleeps. That socket keeps it in memory for 15 minutes without any request: longer than any pause of an agent. Workers come over `fetch`, once they have looked at the agent's credential.
 */
import { DurableObject } from 'cloudflare:workers'
import { POLL_MS } from '../../protocol/limits.ts'
import { decodeBatch, UnackedMessages } from '../../protocol/long-poll.ts'
import { randomBytes, toHex } from '../access/secrets/secret.ts'
import { handOver } from '../agent-route.ts'
import { ShareClient } from '../carry/share-client.ts'
import { socketIn } from '../carry/upgrade.ts'
import type { ForeignOpening } from '../contract/foreign-makes.ts'
import type { LongPollObject } from '../contract/objects.ts'
import type { Env } from '../env.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import { keyOfLane, laneBy } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { REOPEN_MS, SESSION_KEPT_MS } from './limits.ts'
import { PolledLink } from './polled-link.ts'
import { SerialLink } from './serial-link.ts'

/** What outlives the object's memory: an agent of cpp-mcp registers once in its life, and polls by this id for ever. */
interface KeptSession {
  readonly id: string
  readonly share: string
  /** The link of the share that its secret host name belongs to. */
  readonly link: string
}

/** RFC 6455 §7.4.1: no close was heard. */
const ABNORMAL = 1006
const SESSION = 'session'
const SESSION_ID_BYTES = 8
const REGISTRATION = '{"type":"mcp_server"}'
const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store' }

export class LongPollLink extends DurableObject<Env> implements LongPollObject {
  #polled: PolledLink | undefined
  #serial: SerialLink | undefined
  #openedAtMs = 0

  override fetch(request: Request): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    switch (pathname) {
      case '/open':
        return this.#open(searchParams)
      case '/poll':
        return this.#poll(searchParams)
      case '/message':
        return this.#message(request)
      case '/serial/register':
        return this.#registerSerial(searchParams)
      case '/serial/poll':
        return this.#pollSerial(searchParams)
      case '/serial/response':
        return this.#respondSerial(searchParams, request)
      default:
        return this.#left(searchParams)
    }
  }

  /** Forgets a session that nobody has polled for long. */
  override async alarm(): Promise<void> {
    if (this.#serial === undefined) await this.ctx.storage.deleteAll()
    else await this.#keepOn()
  }

  async #open(query: URLSearchParams): Promise<Response> {
    const socket = await this.#dial(query.get('share') ?? '', query.get('link') ?? '', keyOfLane(query.get('lane') ?? ''))
    if (socket instanceof Response) return socket
    const polled = new PolledLink(socket, () => {
      if (this.#polled === polled) this.#polled = undefined
    })
    this.#polled = polled
    return new Response(null, { status: 204 })
  }

  async #poll(query: URLSearchParams): Promise<Response> {
    const [name, ack, maxMs] = [query.get('name') ?? '', Number(query.get('ack')), Number(query.get('ms'))]
    const body = this.#polled === undefined ? endedBehind(ack) : await this.#polled.poll({ name, ack, maxMs })
    if (body === undefined) return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
    return new Response(body, { headers: { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' } })
  }

  async #message(request: Request): Promise<Response> {
    const batch = decodeBatch(new Uint8Array(await request.arrayBuffer()))
    if (!batch.ok) return problemResponse('POLL_BATCH_REFUSED')
    // It was reset meanwhile, and what came before is not known: the agent begins anew.
    if (this.#polled?.take(batch.value) !== true) return problemResponse('POLL_LINK_OVER')
    return new Response(null, { status: 204 })
  }

  async #registerSerial(query: URLSearchParams): Promise<Response> {
    const session = { id: toHex(randomBytes(SESSION_ID_BYTES)), share: query.get('share') ?? '', link: query.get('link') ?? '' }
    this.#serial?.end('registered anew')
    const refused = await this.#openSerial(session)
    if (refused !== undefined) return refused
    await this.ctx.storage.put(SESSION, session satisfies KeptSession)
    return Response.json({ session_id: session.id, poll_endpoint: '/poll', response_endpoint: '/response' }, { headers: JSON_TYPE })
  }

  async #pollSerial(query: URLSearchParams): Promise<Response> {
    const session = await this.#session(query)
    if (session === undefined) return told(404, 'Session not found')
    if (this.#serial === undefined) {
      // After a restart of the relay, or once the share has ended the link: such an agent never registers again.
      if (Date.now() - this.#openedAtMs < REOPEN_MS) return told(503, 'The link to the share was closed')
      const refused = await this.#openSerial(session)
      if (refused !== undefined) return refused
    }
    const serial = this.#serial
    const text = await serial?.poll(query.get('name') ?? '', POLL_MS)
    if (text !== undefined) return new Response(text, { headers: JSON_TYPE })
    return serial?.isClosed === false ? new Response(null, { status: 204 }) : told(503, 'The link to the share was closed')
  }

  /** `large`: its body was not read to its end. */
  async #respondSerial(query: URLSearchParams, request: Request): Promise<Response> {
    if ((await this.#session(query)) === undefined) return told(404, 'Session not found')
    if (query.has('large')) this.#serial?.tooLarge()
    else this.#serial?.respond(query.get('request_id') ?? '', await request.text())
    return query.has('large') ? told(400, 'Invalid response') : Response.json({ status: 'ok' }, { headers: JSON_TYPE })
  }

  #left(query: URLSearchParams): Response {
    const name = query.get('name') ?? ''
    this.#polled?.left(name)
    this.#serial?.left(name)
    return new Response(null, { status: 204 })
  }

  async #session(query: URLSearchParams): Promise<KeptSession | undefined> {
    const kept = await this.ctx.storage.get<KeptSession>(SESSION)
    return kept !== undefined && kept.id === query.get('session_id') ? kept : undefined
  }

  /** The response of whoever does not let it in; undefined once it is open. */
  async #openSerial({ share, link }: KeptSession): Promise<Response | undefined> {
    this.#openedAtMs = Date.now()
    const socket = await this.#dial(share, link, 0, { make: 'cpp-mcp' })
    if (socket instanceof Response) return socket
    const serial = new SerialLink(socket, REGISTRATION, () => {
      if (this.#serial !== serial) return
      this.#serial = undefined
      void this.#keepOn()
    })
    this.#serial = serial
    await this.#keepOn()
    return undefined
  }

  async #dial(share: string, link: string, key: LaneKey, foreign?: ForeignOpening): Promise<WebSocket | Response> {
    const lane = laneBy(share, key)
    if (lane === undefined) return problemResponse('LANE_UNKNOWN')
    const response = await handOver(new ShareClient(this.env, lane, { chain: [link], isInUrl: false }), lane, foreign)
    return socketIn(response) ?? response
  }

  #keepOn(): Promise<void> {
    return this.ctx.storage.setAlarm(Date.now() + SESSION_KEPT_MS)
  }
}

/** The object was reset, or its link has ended: the agent dials again, and says by its hello what it has. */
function endedBehind(ack: number): Uint8Array<ArrayBuffer> | undefined {
  const messages = new UnackedMessages(ack + 1)
  messages.push({ kind: 'close', code: ABNORMAL, reason: 'the relay has no such link any more' })
  return messages.batch()?.body
}

function told(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: JSON_TYPE })
}
