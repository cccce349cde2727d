/** Asks an HTTP server for its resource metadata (RFC 9728), at its own origin only, and leaves out of it what nobody elsewhere could use. */
import type { Metadata } from '../../../protocol/metadata-frames.ts'
import { MAX_RESOURCE_METADATA_BYTES } from '../../../protocol/limits.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { RESOURCE_METADATA_MS } from '../../limits.ts'
import type { Log } from '../../log.ts'
import type { LineMask } from '../masking/line-mask.ts'
import { Flow } from './flow.ts'
import { HttpRequest } from './http-request.ts'
import { type HttpServer, isSuccess } from './http-server.ts'

/** The metadata as JSON, or why there is none to give. */
export type ResourceMetadata = { readonly json: string } | { readonly lacks: NonNullable<Metadata['lacks']> }

const decoder = new TextDecoder()

/** A scope may be a URL, and must come as it is. */
const SCOPES = 'scopes_supported'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Tells what clients are to know, secrets masked; and its owner, once, where they cannot do anything with it. What it returns never rejects. */
export function metadataTeller(server: HttpServer, lineMask: LineMask | undefined, log: Log): () => Promise<ResourceMetadata> {
  let isTold = false
  return async () => {
    if (!server.passesAuth) return { lacks: 'metadata' }
    const found = await askResourceMetadata(server)
    if ('json' in found) return lineMask === undefined ? found : { json: decoder.decode(lineMask.apply(Buffer.from(found.json))) }
    if (found.lacks === 'issuer' && !isTold) {
      isTold = true
      log.warn('sign_in.not_public', {
        meaning:
          'the resource metadata of the server names no authorization server but itself, which clients elsewhere cannot reach: name a public one',
      })
    }
    return found
  }
}

/** Within RESOURCE_METADATA_MS. Never rejects. */
export async function askResourceMetadata(server: HttpServer): Promise<ResourceMetadata> {
  const bound = new AbortController()
  const late = delay(RESOURCE_METADATA_MS, { lacks: 'server' } as const, { signal: bound.signal }).catch(
    () => ({ lacks: 'server' }) as const,
  )
  const found = await Promise.race([firstOf(server, bound.signal), late])
  bound.abort()
  return found
}

/** Where its challenge says, then for its path, then for all of its origin (RFC 9728 §3.1, §5.1). */
async function firstOf(server: HttpServer, signal: AbortSignal): Promise<ResourceMetadata> {
  const { origin, pathname } = server.url
  const places = [server.metadataUrl, new URL(`${WELL_KNOWN}${pathname === '/' ? '' : pathname}`, origin), new URL(WELL_KNOWN, origin)]
  const urls = new Map(places.flatMap((url) => (url === undefined ? [] : [[url.href, url] as const])))
  let lacks: 'metadata' | 'server' = 'metadata'
  for (const url of urls.values()) {
    const read = await readFrom(server, url, signal)
    if (typeof read === 'object') return publicPart(read, origin)
    if (read === 'server') lacks = 'server'
  }
  return { lacks }
}

async function readFrom(
  server: HttpServer,
  url: URL,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | 'server' | 'metadata'> {
  const request = new HttpRequest(server, { method: 'GET', headers: { accept: 'application/json' } }, () => {}, url)
  const cut = (): void => request.destroy()
  signal.addEventListener('abort', cut, { once: true })
  try {
    const response = await request.response
    const body = isSuccess(response) ? await new Flow().readWhole(response, MAX_RESOURCE_METADATA_BYTES) : undefined
    response.destroy()
    if ((response.statusCode ?? 0) >= 500) return 'server'
    return body === undefined ? 'metadata' : (objectIn(body) ?? 'metadata')
  } catch {
    return 'server'
  } finally {
    signal.removeEventListener('abort', cut)
  }
}

/** What a signature covers names the server's own address, and would be believed before all else (RFC 9728 §2.2). What else names that address is of no use elsewhere. */
function publicPart(said: Readonly<Record<string, unknown>>, origin: string): ResourceMetadata {
  const { signed_metadata: _, authorization_servers: named, ...others } = said
  const issuers = Array.isArray(named) ? named.filter((issuer) => typeof issuer === 'string' && !isAt(issuer, origin)) : []
  if (issuers.length === 0) return { lacks: 'issuer' }
  try {
    const told = Object.entries(others).filter(([name, value]) => name === SCOPES || !JSON.stringify(value).toLowerCase().includes(origin))
    return { json: JSON.stringify({ ...Object.fromEntries(told), authorization_servers: issuers }) }
  } catch {
    // Of more depth than can be written.
    return { lacks: 'metadata' }
  }
}

function isAt(url: string, origin: string): boolean {
  return !URL.canParse(url) || new URL(url).origin === origin
}

function objectIn(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
