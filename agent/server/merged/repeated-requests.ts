/** What is asked again of a server that was started again, or late: the log level, and what its client has subscribed to. Written anew, so that nothing else of a request is kept. */
import type { Failure } from '../../../protocol/errors.ts'
import { MERGED_SUBSCRIPTION_BYTES, MERGED_SUBSCRIPTIONS } from '../../limits.ts'

/** RFC 5424, as MCP names them: no other is said again. */
const LEVELS: ReadonlySet<string> = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'])

interface Subscription {
  readonly server: string
  readonly uri: string
}

export class RepeatedRequests {
  #level: string | undefined
  /** By server and URI. */
  readonly #subscriptions = new Map<string, Subscription>()
  #bytes = 0

  setLevel(level: string | undefined): void {
    if (level !== undefined && LEVELS.has(level)) this.#level = level
  }

  /** Why a server is not asked for it; undefined where it may be. `uri`: as that server knows it. */
  refusalOf(server: string, uri: string): Failure | undefined {
    const key = keyOf(server, uri)
    if (this.#subscriptions.has(key) || this.#bytes + sizeOf(key) <= MERGED_SUBSCRIPTION_BYTES) return undefined
    const detail = `a session may have subscriptions with ${MERGED_SUBSCRIPTION_BYTES} bytes of URIs in all`
    return { code: 'SHARE_BUSY', executed: 'no', detail }
  }

  /** A server has taken it. The oldest give way where there are too many, and this one is not kept where they are too large together. */
  subscribed(server: string, uri: string): void {
    this.unsubscribed(server, uri)
    if (this.refusalOf(server, uri) !== undefined) return
    const key = keyOf(server, uri)
    this.#subscriptions.set(key, { server, uri })
    this.#bytes += sizeOf(key)
    const [oldest] = this.#subscriptions.values()
    if (oldest !== undefined && this.#subscriptions.size > MERGED_SUBSCRIPTIONS) this.unsubscribed(oldest.server, oldest.uri)
  }

  unsubscribed(server: string, uri: string): void {
    const key = keyOf(server, uri)
    if (this.#subscriptions.delete(key)) this.#bytes -= sizeOf(key)
  }

  /** A server is none any more. */
  forget(server: string): void {
    for (const one of this.#subscriptions.values()) if (one.server === server) this.unsubscribed(server, one.uri)
  }

  /** Its answers are nobody's. */
  of(server: string, hasLogging: boolean): Uint8Array[] {
    const level = hasLogging && this.#level !== undefined ? [request('logging/setLevel', { level: this.#level })] : []
    const own = [...this.#subscriptions.values()].filter((one) => one.server === server)
    return [...level, ...own.map(({ uri }) => request('resources/subscribe', { uri }))]
  }
}

function request(method: string, params: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.from(`{"jsonrpc":"2.0","id":${ownId()},"method":"${method}","params":${JSON.stringify(params)}}`)
}

/** Random, so that no client's id is taken for it. */
export function ownId(): string {
  return JSON.stringify(`mcp-edge-${crypto.randomUUID()}`)
}

function keyOf(server: string, uri: string): string {
  return `${server} ${uri}`
}

function sizeOf(key: string): number {
  return Buffer.byteLength(key)
}
