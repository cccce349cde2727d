/** Makes, derives, hashes and compares secrets. */

const encoder = new TextEncoder()

/** Whether two byte strings are equal, in a time that depends on their lengths only. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  let difference = 0
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return difference === 0
}

export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count))
}

/** The hash under which a secret is kept and compared. */
export async function hashSecret(secret: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(secret)))
}

/** HMAC-SHA-256, cut to its first `bytes` bytes. */
export async function mac(key: CryptoKey, data: Uint8Array, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, data)).slice(0, bytes)
}

/** A key for HMAC-SHA-256 that cannot be read back. */
export function importHmacKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

/** The sub-key of a key for one purpose: HMAC-SHA-256 over the label. */
export async function deriveHmacKey(key: CryptoKey, label: string): Promise<CryptoKey> {
  return importHmacKey(await mac(key, encoder.encode(label), 32))
}

/** The same for AES-256-GCM, which encrypts. */
export async function deriveAesKey(key: CryptoKey, label: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', await mac(key, encoder.encode(label), 32), 'AES-GCM', false, ['encrypt', 'decrypt'])
}

/** Random bytes in base64url, without padding. */
export function randomText(byteCount: number): string {
  return btoa(String.fromCharCode(...randomBytes(byteCount)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte] ?? ''
  return text
}

/** The bytes that lower-case hex digits spell; undefined for anything else. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^(?:[\da-f]{2})*$/.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16))
}
