/** What the cookie of a browser holds whose person has signed in at a web app: an access token for the app's own origin, good for nothing else, and void with the person's link. */
import { mintAccessToken, verifyAccessToken } from '../access-token.ts'
import type { LinkHolder } from '../authenticate.ts'
import { readShareId } from '../share-id.ts'
import type { RelayKeys } from '../secrets/keys.ts'

/** Where a person is signed in: the share, and the origin of its app as the browser sees it. */
export interface SessionPlace {
  readonly share: string
  readonly origin: string
}

/** `link`: id of the person's. It ends at `expiresAtMs`, in milliseconds since 1970, if the link does not before. */
export function mintAppSession(
  { accessToken }: RelayKeys,
  { share, origin }: SessionPlace,
  link: string,
  expiresAtMs: number,
): Promise<string> {
  // No client has it, and no grant is behind it.
  return mintAccessToken(
    accessToken,
    origin,
    { resource: origin, share, link, client: '', grant: '', scope: 'app', expiresAtMs },
    Date.now(),
  )
}

/** Whoever is signed in with such a token; undefined for any other, one of another app's among them. */
export async function appSessionHolder(keys: RelayKeys, { share, origin }: SessionPlace, token: string): Promise<LinkHolder | undefined> {
  if ((await readShareId(keys.shareId, share)) === undefined) return undefined
  const read = await verifyAccessToken(keys.accessToken, token, { resource: origin, share }, Date.now())
  return read.ok ? personHolder(read.value.link, read.value.expiresAtMs) : undefined
}

/** A person in a browser, by its link. */
export function personHolder(link: string, expiresAtMs: number): LinkHolder {
  return { kind: 'client', id: `person:${link}`, expiresAtMs, chain: [link], isInUrl: false }
}
