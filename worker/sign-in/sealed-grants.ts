/**
 * Seals what clients bring to the token endpoint, codes and refresh tokens, so that a guess is known for one without asking the object that keeps
 * the grants. What is not sealed may be of the time before they were: such a one is asked about, for as long as few of them are wrong.
 */
import { isAccessToken, resourceNamedBy, verifyAccessToken } from '../access/access-token.ts'
import { hasSeal, sealOf } from '../access/secrets/sealed-text.ts'
import { resourcesOf, serverOfResource } from '../access/share-site.ts'
import type { RelayKeys } from '../access/secrets/keys.ts'

type Kind = 'code' | 'refresh'

interface Place {
  readonly keys: Pick<RelayKeys, 'signIn' | 'accessToken'>
  readonly share: string
}

/** `wrong`: never made by this relay. `unsealed`: it may have been made before they were sealed. */
export type Proof = { readonly kind: 'sealed'; readonly secret: string } | { readonly kind: 'unsealed' } | { readonly kind: 'wrong' }

const SEALED = /^([\w:-]+)\.([\w-]{22})$/
/** As the library writes them. */
const UNSEALED = /^[\w-]+:[\w-]+:[\w-]+$/

export async function sealGrant({ keys, share }: Place, kind: Kind, secret: string): Promise<string> {
  return `${secret}.${await sealOf(keys.signIn, { purpose: kind, share }, secret)}`
}

/** What a code or refresh token is worth before anybody is asked. */
export async function proveGrant({ keys, share }: Place, kind: Kind, text: string): Promise<Proof> {
  const [, secret, seal] = SEALED.exec(text) ?? []
  if (secret === undefined || seal === undefined) return UNSEALED.test(text) ? { kind: 'unsealed' } : { kind: 'wrong' }
  return (await hasSeal(keys.signIn, { purpose: kind, share }, secret, seal)) ? { kind: 'sealed', secret } : { kind: 'wrong' }
}

/** The same of a token that is to be revoked (RFC 7009): one of ours for access, or a refresh token. */
export async function proveRevoked(place: Place, base: string, text: string): Promise<Proof> {
  if (!isAccessToken(text)) return proveGrant(place, 'refresh', text)
  for (const resource of resourcesOf(base, serverOfResource(base, resourceNamedBy(text) ?? ''))) {
    const read = await verifyAccessToken(place.keys.accessToken, text, { resource, share: place.share }, Date.now())
    if (read.ok) return { kind: 'sealed', secret: text }
  }
  return { kind: 'wrong' }
}
