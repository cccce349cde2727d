/** `/.well-known/oauth-protected-resource/s/<share>/k/<key>/mcp`: where the clients of a server that signs them in by itself do that (RFC 9728), in the server's own words but for the URL of what is protected. */
import { resourceAt } from '../access/share-site.ts'
import type { PassedMetadata } from '../contract/passing.ts'
import { settingsOf } from '../env.ts'
import { problemResponse } from '../problem.ts'
import { behindDoor } from './streamable-http.ts'

export const getServerResourceMetadata = behindDoor(async (c, { shareFor }) => {
  const told = JSON.parse(await shareFor('').ask<string>((share, pass) => share.resourceMetadata(pass))) as PassedMetadata
  if ('json' in told) return metadataResponse(told.json, resourceAt(c.req.raw, settingsOf(c.env)))
  switch (told.lacks) {
    case 'passing':
    case 'metadata':
      return problemResponse('ROUTE_NOT_FOUND')
    case 'issuer':
      return problemResponse('SIGN_IN_NOT_PUBLIC')
    case 'server':
      return problemResponse('METADATA_UNREACHABLE')
    case 'agent':
      return problemResponse('AGENT_AWAY')
  }
})

/** Nothing of what the agent says is more than words to this relay. */
function metadataResponse(json: string, resource: string): Response {
  const body = bodyOf(json, resource)
  if (body === undefined) return problemResponse('METADATA_UNREACHABLE')
  return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

/** Undefined for what is no object, or of more depth than can be written. */
function bodyOf(json: string, resource: string): string | undefined {
  try {
    const metadata: unknown = JSON.parse(json)
    const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
    return isObject ? JSON.stringify({ ...metadata, resource }) : undefined
  } catch {
    return undefined
  }
}
