/** Takes one request to the share's web app, and makes of what comes back the client's response: streamed both ways, or a WebSocket. */
import type { Failure, ProblemCode } from '../../protocol/errors.ts'
import { APP_READ_ONLY, type HeaderList, type WebHead } from '../../protocol/web/web-frames.ts'
import { WEB_CHUNK_BYTES } from '../../protocol/web/web-limits.ts'
import { randomKey } from '../call-key.ts'
import { ResponseBody } from '../carry/response-body.ts'
import { PassRefused } from '../carry/pass-refused.ts'
import type { ShareClient } from '../carry/share-client.ts'
import { LoggedRequest } from './request-log.ts'
import { STREAM_CLOSE } from '../contract/streams.ts'
import { webProblem } from './web-problem.ts'
import { WebExchange } from './web-exchange.ts'
import { mayUseWebApp, READ_BY_ALL, type WebAsk, whatIsAllowed } from './web-policy.ts'
import { bridgeSocket } from './web-socket.ts'

/** A request that was let in, as it goes to the app. */
export interface Forwarded extends WebAsk {
  readonly request: Request
  readonly share: ShareClient
  readonly principal: string
  readonly target: string
  readonly origin: string
  /** The cookies that a WebSocket's answer may set. */
  readonly cookiesOf: (headers: HeaderList) => readonly string[]
  /** Answers in place of the refusal of a Share, where it does. */
  readonly refused?: (failure: Failure) => Promise<Response | undefined>
  /** Makes the response of the app's head and what of its body is to be told. */
  readonly respond: (head: WebHead, body: AppBody) => Response
}

export interface AppBody {
  /** Undefined where there is none. */
  readonly readable: ReadableStream<Uint8Array> | undefined
  /** What the app says of its length; undefined where it says none, or none that can be believed. */
  readonly length: number | undefined
}

/** Of responses that have no body (RFC 9110 §6.4.1). */
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304])
const REFUSED: Failure = { code: 'NOT_OFFERED', executed: 'no' }

/** How a head fails to come. */
class WebFailure extends Error {
  readonly code: ProblemCode
  readonly detail: string | undefined

  constructor(code: ProblemCode, detail?: string) {
    super(code)
    this.code = code
    this.detail = detail
  }
}

export async function forward(forwarded: Forwarded): Promise<Response> {
  const { request, share } = forwarded
  const logged = new LoggedRequest(forwarded)
  const refuse = (code: ProblemCode, detail?: string, failure?: Failure): Response => {
    logged.end(code)
    const isReadByAll = code === 'APP_REQUEST_REFUSED' && detail === `${APP_READ_ONLY}.`
    if (code !== 'WEB_NOT_ALLOWED' && !isReadByAll) return webProblem(request, code, detail, failure)
    const { detail: allowed, ...fields } = isReadByAll ? READ_BY_ALL : whatIsAllowed(share.policies())
    return webProblem(request, code, allowed, fields)
  }
  try {
    const exchange = await open(forwarded)
    return exchange instanceof WebExchange ? await exchanged(forwarded, exchange, logged) : refuse(exchange.code)
  } catch (error) {
    if (error instanceof WebFailure) return refuse(error.code, error.detail)
    if (!(error instanceof PassRefused)) throw error
    const { failure } = error
    if (failure === REFUSED) return refuse('WEB_NOT_ALLOWED')
    const refusal = refuse(failure.code, failure.detail, share.told(failure))
    return (await forwarded.refused?.(failure)) ?? refusal
  }
}

/** Begins the exchange, if the holder's policies allow it as the Share knows them. */
async function open({ share, principal, ...ask }: Forwarded): Promise<WebExchange | { readonly code: ProblemCode }> {
  const judge = (): Failure | undefined => (mayUseWebApp(share.policies(), ask) ? undefined : REFUSED)
  // Its owner may allow more by now than this isolate has heard.
  if (judge() !== undefined) await share.admit(() => undefined)
  if (judge() !== undefined) return { code: 'WEB_NOT_ALLOWED' }
  const x = randomKey()
  const socket = await share.begin({ kind: 'web', x, principal }, judge)
  return 'code' in socket ? socket : new WebExchange(x, socket)
}

async function exchanged(forwarded: Forwarded, exchange: WebExchange, logged: LoggedRequest): Promise<Response> {
  const { request, share, method, isUpgrade, target, headers, origin } = forwarded
  const head = Promise.withResolvers<WebHead>()
  const body = new ResponseBody(request.signal, () => {
    logged.end('left')
    head.reject(new WebFailure('APP_BROKEN'))
    exchange.close()
  })
  const fail = (code: ProblemCode, detail?: string): void => {
    logged.end(code)
    head.reject(new WebFailure(code, detail))
    body.abort(code)
    bridge?.broken()
    exchange.close()
  }
  const over = (): void => {
    logged.end('ok')
    exchange.close()
  }
  const bridge = isUpgrade ? bridgeSocket(exchange, over) : undefined
  const hasBody = !isUpgrade && request.body !== null && method !== 'GET' && method !== 'HEAD'
  const asked = isUpgrade ? { upgrade: true as const, protocols: protocolsOf(request) } : hasBody ? { hasBody: true as const } : {}
  const isSent = exchange.begin(
    { method, target, headers, origin, ...asked },
    {
      onFrame: (frame, bytes) => {
        switch (frame.type) {
          case 'web_head':
            logged.answered(frame.status)
            head.resolve(frame)
            break
          case 'web_data':
            body.write(bytes, () => exchange.taken(bytes.length, body.isIdle))
            break
          case 'web_end':
            head.reject(new WebFailure('APP_BROKEN'))
            body.end()
            over()
            break
          case 'web_failed':
            fail(frame.code, frame.detail)
            break
          case 'web_message':
            bridge?.message(frame, bytes)
            break
          case 'web_close':
            bridge?.close(frame.code, frame.reason)
            if (bridge === undefined) fail('APP_BROKEN')
            break
          case 'web_credit':
            break
        }
      },
      onGrant: (facts) => {
        share.learn(facts)
        if (!mayUseWebApp(share.policies(), forwarded)) fail('WEB_NOT_ALLOWED')
      },
      onLost: (code) => fail(share.cutBy(code)?.code ?? (code === STREAM_CLOSE.CROWDED ? 'SHARE_BUSY' : 'APP_LINK_LOST')),
    },
  )
  if (!isSent) {
    exchange.close()
    throw new WebFailure('APP_REQUEST_REFUSED')
  }
  if (hasBody && request.body !== null) void upload(request.body, exchange)
  const answer = await head.promise
  if (answer.status === 101 && bridge !== undefined) return bridge.response(answer.protocol, forwarded.cookiesOf(answer.headers))
  const isBodiless = method === 'HEAD' || NO_BODY.has(answer.status)
  if (answer.status < 200 || answer.status > 599) {
    fail('APP_BROKEN')
    throw new WebFailure('APP_BROKEN')
  }
  return forwarded.respond(answer, { readable: isBodiless ? undefined : body.readable, length: lengthOf(answer.headers) })
}

/** Brings a request's body as the app takes it. A client that leaves is noticed by its request's signal. */
async function upload(body: ReadableStream<Uint8Array>, exchange: WebExchange): Promise<void> {
  // Of a body from outside the runtime gives 4 KiB at a time, unless it is handed more room.
  const reader = body.getReader({ mode: 'byob' })
  try {
    for (let room = new ArrayBuffer(WEB_CHUNK_BYTES); ;) {
      const { value, done } = await reader.read(new Uint8Array(room))
      if (done) break
      if (!(await exchange.upload(value))) return
      // The frame has a copy of it.
      room = value.buffer
    }
    exchange.end({ type: 'web_end' })
  } catch {
    exchange.close()
  } finally {
    void reader.cancel().catch(() => undefined)
  }
}

/** Subprotocols in the order of the client's wish (RFC 6455 §4.1). */
function protocolsOf({ headers }: Request): string[] {
  const offered = (headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  return [...new Set(offered.filter((name) => name !== ''))]
}

function lengthOf(headers: HeaderList): number | undefined {
  const values = headers.flatMap(([name, value]) => (name.toLowerCase() === 'content-length' ? [value] : []))
  const [first] = values
  return values.length === 1 && first !== undefined && /^\d{1,15}$/.test(first) ? Number(first) : undefined
}
