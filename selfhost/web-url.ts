/** The URL by which the app of `npm start` is opened. No I/O. */
import { isLoopbackHost } from './address.ts'

interface Place {
  /** The relay's, as clients see it. */
  readonly origin: string
  /** Path of the share's MCP URL, with its key. */
  readonly sharePath: string
  /** Domain below which shares have hosts; empty for none. */
  readonly shareDomain: string
  /** Address that the relay listens on, and whether a proxy stands before it. */
  readonly host: string
  readonly isProxied: boolean
}

/** As the relay makes it for a key: on a host of the app's own, where browsers find that, else below a path. */
export function webUrl({ origin, sharePath, shareDomain, host, isProxied }: Place): string {
  const [, share, key] = /^\/s\/([^/]+)\/k\/([^/]+)\//.exec(sharePath) ?? []
  // Browsers lead every name below it to this machine.
  const domain = shareDomain !== '' ? shareDomain : isLoopbackHost(host) && !isProxied ? 'localhost' : undefined
  if (domain === undefined) return `${origin}/s/${share}/k/${key}/http/`
  const url = new URL(origin)
  url.hostname = `${share}-app.${domain}`
  return `${url.origin}/?mcp_edge_key=${key}`
}
