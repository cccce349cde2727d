/** Binds what a browser carries for us, in a URL or a form, to that one browser: by a secret in a cookie, of which the rest has the digest only. Nothing is kept. */
import { encode } from 'jose/base64url'
import { equalBytes, hashSecret, randomText } from '../secrets/secret.ts'

/** What is carried of it, in the open. */
export interface BrowserBond {
  /** Names the cookie: pages in several tabs have one each. */
  readonly flow: string
  /** SHA-256 of the cookie's value, in base64url. */
  readonly digest: string
}

const FLOW_BYTES = 6
const SECRET_BYTES = 32
const encoder = new TextEncoder()

/** `secret`: the value of the cookie. */
export async function makeBond(): Promise<{ readonly bond: BrowserBond; readonly secret: string }> {
  const secret = randomText(SECRET_BYTES)
  return { bond: { flow: randomText(FLOW_BYTES), digest: encode(await hashSecret(secret)) }, secret }
}

/** Whether the cookies of a request are of the browser that has got the secret. `prefix`: of the cookie's name, before the flow. */
export async function isBoundTo({ flow, digest }: BrowserBond, cookies: string | null, prefix: string): Promise<boolean> {
  const pairs = (cookies ?? '').split(';').map((part) => part.trim().split('='))
  const secret = pairs.find(([name]) => name === `${prefix}${flow}`)?.[1]
  return secret !== undefined && equalBytes(encoder.encode(encode(await hashSecret(secret))), encoder.encode(digest))
}
