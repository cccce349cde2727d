/** Reads where an HTTP MCP server is and what it is told in every request (--url, --sse, --header, --header-file, --pass-auth). No I/O but through what it is given. */
import { usageError } from '../exit.ts'
import { HTTP_HEADER_FILE_CHARS, HTTP_HEADERS } from '../limits.ts'
import { allOf, Faults } from './faults.ts'

export interface HttpTarget {
  readonly url: URL
  /** Streamable HTTP, or HTTP+SSE of revision 2024-11-05. */
  readonly transport: 'streamable' | 'sse'
  /** Told the server in every request, and nobody else. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** What a client shows for this server goes to it, and what it says of that goes to the client. */
  readonly passesAuth?: true
}

interface HttpOptions {
  readonly url: string
  readonly sse: boolean
  readonly header: readonly string[]
  /** Text of the file, if one was named. */
  readonly headerFile: string | undefined
  readonly passAuth?: boolean
}

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What the transport itself says, or HTTP. */
const OURS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** @throws {AgentExit} whose text names each option that is wrong and what it takes, and no value of a header. */
export function readHttpTarget({ url, sse, header, headerFile, passAuth = false }: HttpOptions): HttpTarget {
  const lines = [...header, ...(headerFile ?? '').split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))]
  const target = allOf({ url: () => readServerUrl(url), headers: () => readHeaders(lines, passAuth) })
  return { ...target, transport: sse ? 'sse' : 'streamable', ...(passAuth && { passesAuth: true as const }) }
}

function readServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw usageError('--url must be like http://localhost:8080/mcp.')
  if (url.username !== '' || url.password !== '')
    throw usageError("--url takes no user name and password: give them as --header 'Authorization: Basic …', or in --header-file.")
  url.hash = ''
  return url
}

function readHeaders(lines: readonly string[], passAuth: boolean): HttpTarget['headers'] {
  if (lines.length > HTTP_HEADERS) throw usageError(`--header and --header-file take ${HTTP_HEADERS} headers at most.`)
  const faults = new Faults()
  const headers = lines.flatMap((line) => faults.collect(() => readHeader(line)))
  if (passAuth && headers.some(([name]) => name.toLowerCase() === 'authorization'))
    faults.add(
      usageError(
        'With --pass-auth each client shows the server its own credential: leave the header Authorization out of --header and --header-file.',
      ),
    )
  faults.throwAny()
  return headers
}

/** @throws {AgentExit} when it cannot be a file of headers. */
export function checkHeaderFile(path: string, text: string): string {
  if (text.length > HTTP_HEADER_FILE_CHARS) throw usageError(`--header-file ${path} may have ${HTTP_HEADER_FILE_CHARS / 1024} KiB.`)
  return text
}

/** All that no log and no client may see: the values of headers whole and in their parts, and those in the URL. */
export function targetSecrets({ url, headers }: HttpTarget): string[] {
  const ofHeaders = headers.flatMap(([, value]) => [value, ...partsOf(value)])
  const ofUrl = [...url.searchParams].flatMap(([, value]) => [value, encodeURIComponent(value)])
  return [...new Set([...ofHeaders, ...ofUrl])].filter((secret) => secret !== '')
}

/** What stands behind a scheme (`Bearer …`), the user and password in `Basic …`, and the values of cookies. */
function partsOf(value: string): string[] {
  const [, scheme = '', rest = ''] = /^([\w-]+) +(\S+)$/.exec(value) ?? []
  const basic = scheme.toLowerCase() === 'basic' ? Buffer.from(rest, 'base64').toString('utf8') : ''
  const cookies = value.split(';').flatMap((part) => /^\s*[^\s=]+=(.+)$/.exec(part)?.[1] ?? [])
  return [rest, basic, basic.slice(basic.indexOf(':') + 1), ...cookies]
}

function readHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(0, colon)).trim()
  const value = line.slice(colon + 1).trim()
  if (!TOKEN.test(name) || value === '') throw usageError("A header is given as 'Name: value'.")
  if (OURS.has(name.toLowerCase())) throw usageError(`The header ${name} is the agent's own: leave it out.`)
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw usageError(`The value of the header ${name} has characters that HTTP does not carry.`)
  return [name, value]
}
