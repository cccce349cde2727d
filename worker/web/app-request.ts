/** What of a client's request goes on to the web app, and what the relay tells it of the client. Pure. */
import { ENTRY_COOKIE } from '../access/app/app-entry.ts'
import { endToEnd } from '../../protocol/web/http-fields.ts'
import type { HeaderList } from '../../protocol/web/web-frames.ts'

/** What the relay knows of a request, whatever that says of itself. */
export interface ForwardFacts {
  /** As `clientAddress` says. */
  readonly address: string | undefined
  /** Origin under which the client sees the app. */
  readonly origin: string
  /** `Authorization` is the relay's, and not the app's. */
  readonly isBearerOurs: boolean
  /** Header in which a proxy before the relay says whose connection it has. */
  readonly addressHeader: string | undefined
}

/** The cookie by which a browser shows its link, in host mode. `__Host-`: no other host can set it (RFC 6265bis §4.1.3). */
export const APP_COOKIE = '__Host-mcpe'

/** Methods that switch protocols with the runtime, or have a client's own fields sent back to whatever page asks. */
export const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])
/** Those that go on to the app, as far as they have a name that all know; it may take others besides. */
export const TAKEN_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** What the relay says by itself, or the network before it; a client's own word on this is not passed on. */
const OF_THE_RELAY = /^(?:x-forwarded-.*|forwarded|x-real-ip|true-client-ip|cdn-loop|cf-.*|host)$/
export function requestHeaders(headers: Headers, facts: ForwardFacts): HeaderList {
  const { address, origin, isBearerOurs, addressHeader } = facts
  const { protocol, host } = new URL(origin)
  const proto = protocol.slice(0, -1)
  const kept = endToEnd([...headers]).flatMap(([name, value]): [string, string][] => {
    if (OF_THE_RELAY.test(name) || name === addressHeader || (isBearerOurs && name === 'authorization')) return []
    if (name !== 'cookie') return [[name, value]]
    const others = cookiePairs(value).filter((pair) => !isAppCookie(pair) && !isEntryCookie(pair))
    return others.length === 0 ? [] : [[name, others.join('; ')]]
  })
  // Of a network only its prefix is said.
  const who = address?.replace('/64', '') ?? 'unknown'
  return [
    ...kept,
    ...(address === undefined ? [] : [['x-forwarded-for', who] as const]),
    ['x-forwarded-proto', proto],
    ['x-forwarded-host', host],
    // What is no token stands in quotation marks (RFC 7239 §4).
    ['forwarded', `for=${/^[\d.]+$|^unknown$/.test(who) ? who : `"[${who}]"`};host="${host}";proto=${proto}`],
  ]
}

/** The keys, and tokens of who has signed in, in a request's cookies that may be the relay's. */
export function appKeys(cookie: string | null): string[] {
  return cookiePairs(cookie ?? '').flatMap((pair) => (isAppCookie(pair) ? [pair.slice(pair.indexOf('=') + 1)] : []))
}

function cookiePairs(cookie: string): string[] {
  return cookie.split(';').flatMap((pair) => (pair.trim() === '' ? [] : [pair.trim()]))
}

function isAppCookie(pair: string): boolean {
  return pair.slice(0, APP_COOKIE.length + 1).toLowerCase() === `${APP_COOKIE.toLowerCase()}=`
}

function isEntryCookie(pair: string): boolean {
  return pair.toLowerCase().startsWith(ENTRY_COOKIE.toLowerCase())
}
