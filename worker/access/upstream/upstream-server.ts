/** Reads where a share's upstream is, and what it is told with each request: https, and public addresses only, unless this relay was told otherwise. Pure. */
import { err, ok, type Result } from '../../../protocol/result.ts'
import { isPublicAddress, readAddress } from '../../ip-address.ts'
import { MAX_UPSTREAM_HEADER_BYTES, MAX_UPSTREAM_HEADERS, MAX_UPSTREAM_URL_CHARS } from '../../upstream-limits.ts'

/** All of it is secret, but for scheme, host and path of the URL. */
export interface UpstreamServer {
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Names of one label, and those that no public name server answers for (RFC 6761, RFC 6762, RFC 8375, RFC 9476; ICANN, .internal). */
const LOCAL_NAME = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa|alt|invalid|test|onion)$/

/** Behind what a relay does not take that was not told to. */
const OWN_RELAY = "a relay of one's own takes http and private addresses with ALLOW_PRIVATE_UPSTREAMS (docs/self-hosting.md)"

/** RFC 9110 §5.6.2. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/
/** What HTTP, MCP or the relay itself says. */
const OURS =
  /^(?:accept|accept-encoding|connection|content-encoding|content-length|content-type|expect|host|keep-alive|last-event-id|mcp-.*|te|trailer|transfer-encoding|upgrade|via|proxy-.*|cf-.*|x-forwarded-.*|forwarded)$/

/**
 * The error is what must be said behind `upstream.`, and names no value. `mayBePrivate`: http and addresses that are not public are
 * taken too.
 */
export function readUpstreamServer(
  { url: text, headers = {} }: Partial<UpstreamServer>,
  { mayBePrivate }: { readonly mayBePrivate: boolean },
): Result<UpstreamServer, string> {
  const url = readUrl(text ?? '', mayBePrivate)
  if (typeof url === 'string') return err(`url ${url}`)
  const fault = faultOfHeaders(headers)
  if (fault !== undefined) return err(`headers ${fault}`)
  return ok({ url: url.href, headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])) })
}

/** The URL as it may be shown: its query may hold a key. */
export function shownUpstreamUrl({ url }: Pick<UpstreamServer, 'url'>): string {
  const { origin, pathname, search } = new URL(url)
  return `${origin}${pathname}${search === '' ? '' : '?…'}`
}

function readUrl(text: string, mayBePrivate: boolean): URL | string {
  if (text.length > MAX_UPSTREAM_URL_CHARS) return `must have ${MAX_UPSTREAM_URL_CHARS} characters at most`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && !(mayBePrivate && url.protocol === 'http:')))
    return mayBePrivate
      ? 'must be https or http, like https://mcp.example.com/mcp'
      : `must be https, like https://mcp.example.com/mcp; ${OWN_RELAY}`
  if (url.username !== '' || url.password !== '') return 'must have no user name and password: give them in headers'
  if (!mayBePrivate && !isPublicHost(url.hostname)) return `must be at a public address; ${OWN_RELAY}`
  url.hash = ''
  return url
}

/** `host`: as the URL parser spells it, which has one spelling for each address of IPv4. What a name stands for shows when it is connected to. */
function isPublicHost(host: string): boolean {
  const name = host.replace(/\.$/, '')
  const address = readAddress(name)
  if (address !== undefined) return isPublicAddress(address)
  return name.includes('.') && !LOCAL_NAME.test(name)
}

function faultOfHeaders(headers: UpstreamServer['headers']): string | undefined {
  const entries = Object.entries(headers)
  if (entries.length > MAX_UPSTREAM_HEADERS) return `must be ${MAX_UPSTREAM_HEADERS} at most`
  const names = new Set<string>()
  let size = 0
  for (const [name, value] of entries) {
    if (!FIELD_NAME.test(name)) return 'must have names that HTTP takes'
    const key = name.toLowerCase()
    if (names.has(key)) return `must name ${key} once`
    if (OURS.test(key)) return `must not have ${key}, which is the relay's own`
    if (!FIELD_VALUE.test(value)) return `must have values of visible ASCII, which ${key} has not`
    names.add(key)
    size += name.length + value.length
  }
  return size > MAX_UPSTREAM_HEADER_BYTES ? `must have ${MAX_UPSTREAM_HEADER_BYTES} bytes at most together` : undefined
}
