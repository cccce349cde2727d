/**
 * What a consent page is about, carried by its form, sealed, and bound to the browser that has opened it: by a cookie that only this
 * host can set (`__Host-`), and of which the form holds the digest. So opening pages writes nothing anywhere.
 */
import type { AuthRequest } from '@cloudflare/workers-oauth-provider'
import { encode } from 'jose/base64url'
import { openSealedText, sealText } from '../access/sealed-text.ts'
import { equalBytes, hashSecret, randomText } from '../access/secret.ts'
import { CONSENT_MS } from './limits.ts'

/** A page that was opened. */
export interface OpenedConsent {
  /** The form's hidden field. */
  readonly sealed: string
  readonly cookie: string
}

interface Sealed {
  readonly request: AuthRequest
  /** Names the cookie: pages in several tabs have one each. */
  readonly flow: string
  readonly digest: string
  readonly expiresAtMs: number
}

const FLOW_BYTES = 6
const COOKIE_BYTES = 32
const SECOND_MS = 1000
const encoder = new TextEncoder()

/** `key`: RelayKeys.signIn. */
export async function openConsent(key: CryptoKey, share: string, request: AuthRequest): Promise<OpenedConsent> {
  const flow = randomText(FLOW_BYTES)
  const secret = randomText(COOKIE_BYTES)
  const about: Sealed = { request, flow, digest: encode(await hashSecret(secret)), expiresAtMs: Date.now() + CONSENT_MS }
  return {
    sealed: await sealText(key, { purpose: 'consent', share }, about),
    cookie: `${cookieName(flow)}=${secret}; ${ATTRIBUTES}; Max-Age=${CONSENT_MS / SECOND_MS}`,
  }
}

/** What was asked for, by a form that comes back from the browser that got it; undefined for any other. */
export async function readConsent(key: CryptoKey, share: string, sealed: string, cookies: string | null): Promise<Sealed | undefined> {
  const about = (await openSealedText(key, { purpose: 'consent', share }, sealed)) as Sealed | undefined
  if (about === undefined || about.expiresAtMs <= Date.now()) return undefined
  const secret = cookieOf(cookies, cookieName(about.flow))
  if (secret === undefined) return undefined
  const isSame = equalBytes(encoder.encode(encode(await hashSecret(secret))), encoder.encode(about.digest))
  return isSame ? about : undefined
}

/** The header that forgets a page's cookie. */
export function endedCookie(flow: string): string {
  return `${cookieName(flow)}=; ${ATTRIBUTES}; Max-Age=0`
}

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict'

function cookieName(flow: string): string {
  return `__Host-sign-in-${flow}`
}

function cookieOf(cookies: string | null, name: string): string | undefined {
  const found = (cookies ?? '').split(';').map((part) => part.trim().split('='))
  return found.find(([known]) => known === name)?.[1]
}
