/** Reads what mcp-web-ui sends to its gateway: a name, a backend, a user. What is missing or wrong is named, as there. No I/O but the body. */
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import {
  GATEWAY_TTL_MINUTES,
  MAX_GATEWAY_BODY_BYTES,
  MAX_GATEWAY_METADATA_CHARS,
  MAX_GATEWAY_NAME_CHARS,
  MAX_GATEWAY_USER_CHARS,
} from '../foreign-limits.ts'
import { readCapped } from '../read-capped.ts'

/** Where a server listens on its machine. */
export interface Backend {
  readonly type: 'tcp' | 'unix'
  readonly host: string
  readonly port: number
}

interface GatewayBody {
  readonly serverName: string
  /** Absent where it was not said; of an owner alone, whose shares are many. */
  readonly share?: string
  readonly backend?: Backend
  readonly metadata: string
  readonly userId: string
  readonly serverType: string
  readonly ttlMinutes: number
}

/** What is said of a body that cannot be taken, beside its code. */
export interface GatewayFault {
  readonly error: string
  readonly required?: readonly string[]
}

/** The kind of a server whose maker does not say. */
const SERVER_TYPE = 'mcp-webui'
/** A year, as the longest life of a link. */
const MAX_TTL_MINUTES = 366 * 24 * 60
const PRINTABLE = /^\P{Cc}+$/u
/** A name, or an address of IPv4 or IPv6. */
const HOST = /^[\w.:[\]-]{1,253}$/

/** `required`: the members that must be there. */
export async function readGatewayBody(request: Request, required: readonly string[]): Promise<Result<GatewayBody, GatewayFault>> {
  const body = parse(await readCapped(request.body, MAX_GATEWAY_BODY_BYTES))
  if (body === undefined) return err({ error: 'The body is no JSON object of at most 16 KiB' })
  if (required.some((member) => body[member] === undefined || body[member] === ''))
    return err({ error: 'Missing required fields', required })
  const { serverName, share, backend, metadata = {}, userId = '-', serverType = SERVER_TYPE, ttlMinutes = GATEWAY_TTL_MINUTES } = body
  const wrong = (member: string, what: string): Result<never, GatewayFault> => err({ error: `${member} must be ${what}` })
  if (!isText(serverName, MAX_GATEWAY_NAME_CHARS)) return wrong('serverName', `a text of up to ${MAX_GATEWAY_NAME_CHARS} characters`)
  if (!isText(userId, MAX_GATEWAY_USER_CHARS)) return wrong('userId', `a text of up to ${MAX_GATEWAY_USER_CHARS} characters`)
  if (!isText(serverType, MAX_GATEWAY_NAME_CHARS)) return wrong('serverType', `a text of up to ${MAX_GATEWAY_NAME_CHARS} characters`)
  if (share !== undefined && !isText(share, MAX_GATEWAY_NAME_CHARS)) return wrong('share', 'the id of a share')
  if (typeof ttlMinutes !== 'number' || !Number.isInteger(ttlMinutes) || ttlMinutes < 1 || ttlMinutes > MAX_TTL_MINUTES)
    return wrong('ttlMinutes', `a whole number from 1 to ${MAX_TTL_MINUTES}`)
  const facts = JSON.stringify(metadata)
  if (!isObject(metadata) || facts.length > MAX_GATEWAY_METADATA_CHARS)
    return wrong('metadata', `an object of up to ${MAX_GATEWAY_METADATA_CHARS} characters`)
  const read = backend === undefined ? ok(undefined) : readBackend(backend)
  if (!read.ok) return read
  return ok({
    serverName,
    metadata: facts,
    userId,
    serverType,
    ttlMinutes,
    ...(share === undefined ? {} : { share }),
    ...(read.value === undefined ? {} : { backend: read.value }),
  })
}

/** Whether a backend is this origin of a web app. */
export function isBackend({ type, host, port }: Backend, origin: string): boolean {
  if (type !== 'tcp') return false
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const text = `${new URL(origin).protocol}//${name}:${port}`
  return URL.canParse(text) && new URL(text).origin === origin
}

/** The backend that an origin is. */
export function backendOf(origin: string): Backend {
  const { protocol, hostname, port } = new URL(origin)
  return { type: 'tcp', host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
}

function readBackend(value: unknown): Result<Backend, GatewayFault> {
  if (!isObject(value)) return err({ error: 'backend must be an object' })
  const { type = 'tcp', host, port } = value
  if (type === 'unix') return ok({ type, host: '', port: 0 })
  if (type !== 'tcp') return err({ error: 'backend.type must be tcp' })
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
  if (typeof host !== 'string' || !HOST.test(host) || !isPort) return err({ error: 'TCP backend requires host and port' })
  return ok({ type, host, port })
}

function isText(value: unknown, maxChars: number): value is string {
  return typeof value === 'string' && value.length <= maxChars && PRINTABLE.test(value)
}

function parse(text: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
