/**
 * How a browser gets from the host of a web app to the sign-in of its share and back: what each of the two seals for the other, which nobody
 * else can make, and which counts in one browser only. Nothing of it is kept anywhere.
 */
import { type BrowserBond, isBoundTo, makeBond } from './browser-bond.ts'
import { openSealedText, sealText } from '../secrets/sealed-text.ts'

/** A visit that begins without a credential. */
export interface AppEntry extends BrowserBond {
  /** Origin of the app, where the browser goes back to, and nowhere else. */
  readonly origin: string
  /** The page that was asked for: path and query. */
  readonly to: string
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** A visit whose person has proved who it is. */
interface AppPass extends AppEntry {
  /** Id of the person's link. */
  readonly link: string
}

/** How long a person may take over signing in: as long as for a client, and the time that the page takes to come. */
const ENTRY_S = 11 * 60
/** How long the way back may take: a browser goes it by itself. */
const PASS_MS = 60_000
const SECOND_MS = 1000
/** A page that is longer is not come back to: a URL is to hold it, with its seal. */
const MAX_TO_CHARS = 2048

/** What the names of such cookies begin with. `__Host-`: no other host can set them (RFC 6265bis §4.1.3). */
export const ENTRY_COOKIE = '__Host-mcpe-in-'
// Sent along when the sign-in leads back, which may be another site.
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'

/** Begins a visit. `sealed` goes to the sign-in, the cookie to the browser. `key`: RelayKeys.signIn. */
export async function beginEntry(
  key: CryptoKey,
  share: string,
  { origin, to }: Pick<AppEntry, 'origin' | 'to'>,
): Promise<{ readonly sealed: string; readonly cookie: string }> {
  const { bond, secret } = await makeBond()
  const entry: AppEntry = { origin, to: to.length > MAX_TO_CHARS ? '/' : to, ...bond, expiresAtMs: Date.now() + ENTRY_S * SECOND_MS }
  return {
    sealed: await sealText(key, { purpose: 'app_entry', share }, entry),
    cookie: `${ENTRY_COOKIE}${bond.flow}=${secret}; ${ATTRIBUTES}; Max-Age=${ENTRY_S}`,
  }
}

/** For the sign-in: the visit that a browser brings; undefined for what this relay has not made for this share, or that is too old. */
export async function readEntry(key: CryptoKey, share: string, sealed: string): Promise<AppEntry | undefined> {
  const entry = (await openSealedText(key, { purpose: 'app_entry', share }, sealed)) as AppEntry | undefined
  return entry === undefined || entry.expiresAtMs <= Date.now() ? undefined : entry
}

/** The same visit with whoever has signed in, for the app's host. */
export function sealPass(key: CryptoKey, share: string, { origin, to, flow, digest }: AppEntry, link: string): Promise<string> {
  const pass: AppPass = { origin, to, flow, digest, link, expiresAtMs: Date.now() + PASS_MS }
  return sealText(key, { purpose: 'app_pass', share }, pass)
}

/** Who has signed in, and where to; undefined in any browser but the one that has begun the visit at this origin. */
export async function readPass(
  key: CryptoKey,
  share: string,
  { sealed, origin, cookies }: { readonly sealed: string; readonly origin: string; readonly cookies: string | null },
): Promise<Pick<AppPass, 'link' | 'to' | 'flow'> | undefined> {
  const pass = (await openSealedText(key, { purpose: 'app_pass', share }, sealed)) as AppPass | undefined
  if (pass === undefined || pass.origin !== origin || pass.expiresAtMs <= Date.now()) return undefined
  return (await isBoundTo(pass, cookies, ENTRY_COOKIE)) ? pass : undefined
}

/** The header that forgets a visit's cookie. */
export function endedEntry(flow: string): string {
  return `${ENTRY_COOKIE}${flow}=; ${ATTRIBUTES}; Max-Age=0`
}
