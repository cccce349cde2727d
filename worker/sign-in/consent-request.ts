/**
 * What a consent page is about, carried by its form, sealed, and bound to the browser that has opened it: by a cookie that only this
 * host can set (`__Host-`), and of which the form holds the digest. So opening pages writes nothing anywhere.
 */
import { type BrowserBond, isBoundTo, makeBond } from '../access/app/browser-bond.ts'
import { openSealedText, sealText, type SealPurpose } from '../access/secrets/sealed-text.ts'
import { CONSENT_MS } from './limits.ts'

/** A page that was opened. */
export interface OpenedConsent {
  /** The form's hidden field. */
  readonly sealed: string
  readonly cookie: string
}

/** What the form is about, and whose: one about a client is none about a web app. */
export interface ConsentPurpose extends SealPurpose {
  readonly purpose: 'consent' | 'app_consent'
}

interface Sealed<Asked> extends BrowserBond {
  readonly request: Asked
  readonly expiresAtMs: number
}

const SECOND_MS = 1000
const COOKIE = '__Host-sign-in-'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict'

/** `key`: RelayKeys.signIn. */
export async function openConsent(key: CryptoKey, purpose: ConsentPurpose, request: unknown): Promise<OpenedConsent> {
  const { bond, secret } = await makeBond()
  const about: Sealed<unknown> = { request, ...bond, expiresAtMs: Date.now() + CONSENT_MS }
  return {
    sealed: await sealText(key, purpose, about),
    cookie: `${COOKIE}${bond.flow}=${secret}; ${ATTRIBUTES}; Max-Age=${CONSENT_MS / SECOND_MS}`,
  }
}

/** What was asked for, by a form that comes back from the browser that got it; undefined for any other. */
export async function readConsent<Asked>(
  key: CryptoKey,
  purpose: ConsentPurpose,
  sealed: string,
  cookies: string | null,
): Promise<Sealed<Asked> | undefined> {
  const about = (await openSealedText(key, purpose, sealed)) as Sealed<Asked> | undefined
  if (about === undefined || about.expiresAtMs <= Date.now()) return undefined
  return (await isBoundTo(about, cookies, COOKIE)) ? about : undefined
}

/** The header that forgets a page's cookie. */
export function endedCookie(flow: string): string {
  return `${COOKIE}${flow}=; ${ATTRIBUTES}; Max-Age=0`
}
