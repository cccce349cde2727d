/** Seals values that their holder carries for us and must not change: JSON in base64url, and a MAC over it, its purpose and its share. Anyone can read them. */
import { decode, encode } from 'jose/base64url'
import { equalBytes, mac } from './secret.ts'

const MAC_BYTES = 16
/** Of a MAC in base64url. */
const MAC_CHARS = 22
const encoder = new TextEncoder()

/** What a text is sealed for: no text of one purpose is taken for another, and none of another share's. */
export interface SealPurpose {
  readonly purpose: 'client' | 'consent' | 'code' | 'refresh' | 'owner' | 'claim' | 'app_entry' | 'app_consent' | 'app_pass'
  /** Empty for what is no share's. */
  readonly share: string
}

/** The sealed text of a value that JSON can spell. */
export async function sealText(key: CryptoKey, purpose: SealPurpose, value: unknown): Promise<string> {
  const payload = encode(JSON.stringify(value))
  return `${payload}.${await sealOf(key, purpose, payload)}`
}

/** The value of a text that this relay has sealed for this; undefined for any other text. */
export async function openSealedText(key: CryptoKey, purpose: SealPurpose, text: string): Promise<unknown> {
  const at = text.length - MAC_CHARS - 1
  if (at < 1 || text[at] !== '.') return undefined
  const payload = text.slice(0, at)
  const isOurs = await hasSeal(key, purpose, payload, text.slice(at + 1))
  return isOurs ? JSON.parse(new TextDecoder().decode(decode(payload))) : undefined
}

/** Whether this is the seal of a text. Compared as text, so that one value has one spelling. */
export async function hasSeal(key: CryptoKey, purpose: SealPurpose, text: string, seal: string): Promise<boolean> {
  return equalBytes(encoder.encode(seal), encoder.encode(await sealOf(key, purpose, text)))
}

/** The seal of a text, 22 characters of base64url: it proves that this relay has made the text. */
export async function sealOf(key: CryptoKey, { purpose, share }: SealPurpose, payload: string): Promise<string> {
  return encode(await mac(key, encoder.encode(`${purpose}\n${share}\n${payload}`), MAC_BYTES))
}
