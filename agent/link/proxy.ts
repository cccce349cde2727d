/** Dials a relay by the HTTP proxy that the usual variables name, and by the certificates that the user has given. Node's own clients know of neither. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls'
import type { TlsFiles } from '../config/transport-options.ts'
import type { Variables } from '../config/environment.ts'
import { isLoopback } from '../config/token.ts'
import { DIAL_MS } from '../limits.ts'

/** What Node hands to whoever opens a connection for a request. */
interface Target extends ConnectionOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

type Opened = (error: Error | null, socket: Duplex) => void
/** As `http.request` takes it: the socket comes later. */
export type OpenConnection = (target: Target, opened: Opened) => undefined

/**
 * The proxy for a relay: `HTTPS_PROXY` for wss, `HTTP_PROXY` for ws, also in small letters. Undefined where there is none, where `NO_PROXY`
 * names the relay (`*`, a domain with all below it, an address; each also with a port), and for this machine.
 *
 * @throws {RangeError} for a proxy that is no http or https URL; its text holds no password.
 */
export function proxyFor(relay: URL, variables: Variables): URL | undefined {
  const isSecure = relay.protocol === 'wss:'
  const named = (name: string): string => variables[name.toLowerCase()] || variables[name] || ''
  const text = named(isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY').trim()
  if (text === '' || isLoopback(relay) || isExempt(relay, named('NO_PROXY'))) return undefined
  const whole = text.includes('://') ? text : `http://${text}`
  const proxy = URL.canParse(whole) ? new URL(whole) : undefined
  if (proxy?.protocol !== 'http:' && proxy?.protocol !== 'https:')
    throw new RangeError(`${isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'} is no URL of an HTTP proxy, such as http://proxy.example.com:3128`)
  return proxy
}

function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const ownPort = port === '' ? (protocol === 'wss:' ? '443' : '80') : port
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      const [, host = '', onlyPort] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [undefined, entry.toLowerCase()]
      const domain = host.replace(/^\*?\./, '')
      return (onlyPort === undefined || onlyPort === ownPort) && (hostname === domain || hostname.endsWith(`.${domain}`))
    })
}

/** Opens connections through a proxy, by CONNECT (RFC 9110 §9.3.6). `isSecure`: TLS goes through it, to the relay itself. */
export function throughProxy(proxy: URL, isSecure: boolean, tls: TlsFiles): OpenConnection {
  return (target, opened) => {
    const { host = '', port = isSecure ? 443 : 80 } = target
    const authority = `${host}:${port}`
    const fail = (reason: string): void => opened(new Error(`the proxy ${proxy.host} ${reason}`), undefined as never)
    const ask = proxy.protocol === 'https:' ? httpsRequest : httpRequest
    const request = ask({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : proxy.port,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...credentialsOf(proxy) },
      timeout: DIAL_MS,
    })
    request.once('timeout', () => request.destroy(new Error('does not answer')))
    request.once('error', (error) => fail(`cannot be used: ${error.message}`))
    request.once('response', (response) => fail(`answers ${response.statusCode}`))
    request.once('connect', ({ statusCode }: IncomingMessage, socket: Socket) => {
      if (statusCode !== 200) {
        socket.destroy()
        return fail(`answers ${statusCode}`)
      }
      opened(null, isSecure ? tlsConnect({ ...tls, socket, servername: isIP(host) === 0 ? host : '' }) : socket)
    })
    request.end()
    return undefined
  }
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  return { 'proxy-authorization': `Basic ${credentials}` }
}

/** A percent sign that begins no octet stands for itself, and so do octets that are no UTF-8. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (octets) => {
    try {
      return decodeURIComponent(octets)
    } catch {
      return octets
    }
  })
}
