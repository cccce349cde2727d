/** Reads which local web app is shared, and how requests come to it, from options. Pure. */
import { isHeader } from '../../protocol/web/http-fields.ts'
import type { HeaderList } from '../../protocol/web/web-frames.ts'
import { usageError } from '../exit.ts'
import { allOf, Faults } from './faults.ts'

export interface RawWebOptions {
  readonly http?: string
  readonly keepHost?: boolean
  readonly header: readonly string[]
}

export interface WebAppSettings {
  /** `http:` or `https:`, with nothing behind host and port. */
  readonly origin: URL
  /** The app sees the public host, and not its own. */
  readonly keepsHost: boolean
  /** Set on each request, in place of what its client says there. Names in lower case. */
  readonly headers: HeaderList
}

/** Fields that say where a message ends, whose it is on this hop, or which host is meant: `--header` cannot set them. */
const OF_THE_HOP = new Set(['connection', 'content-length', 'host', 'transfer-encoding', 'upgrade'])

/**
 * Undefined where no web app is shared.
 *
 * @throws {AgentExit} that names each option that is wrong.
 */
export function readWebApp({ http, keepHost, header }: RawWebOptions): WebAppSettings | undefined {
  if (http === undefined) {
    if (header.length > 0 || keepHost === true) throw usageError('--header and --keep-host are of use with --http only.')
    return undefined
  }
  const app = allOf({ origin: () => readAppOrigin(http), headers: () => readAppHeaders(header) })
  return { ...app, keepsHost: keepHost === true }
}

function readAppHeaders(lines: readonly string[]): HeaderList {
  const faults = new Faults()
  const headers = lines.flatMap((line) => faults.collect(() => readHeader(line)))
  faults.throwAny()
  return headers
}

function readAppOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === ''
  if (!isOrigin) throw usageError(`--http ${text} must be an origin, like http://localhost:3000, without a path.`)
  if (url.username !== '' || url.password !== '')
    throw usageError("--http takes no user and password: give them with --header 'Authorization: Basic …'.")
  return url
}

function readHeader(text: string): readonly [string, string] {
  const at = text.indexOf(':')
  const header = [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()] as const
  // Its value may be a secret, which the message would show.
  if (at < 1 || !isHeader(header)) throw usageError("--header must be like 'X-Name: value'.")
  if (OF_THE_HOP.has(header[0])) throw usageError(`--header cannot set ${header[0]}${header[0] === 'host' ? ': see --keep-host' : ''}.`)
  return header
}
