/** Encrypts texts that the relay keeps or hands out and nobody else may read or change: AES-256-GCM, bound to a purpose, a share, and to whom they are given. */
import { decode, encode } from 'jose/base64url'
import { concat } from '../../../protocol/splice.ts'
import { randomBytes } from './secret.ts'

/** NIST SP 800-38D §8.2.2: random, for fewer than 2^32 texts of one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

const encoder = new TextEncoder()

/** What a text is encrypted for: under another purpose, share or holder it cannot be read. */
export interface TextBinding {
  readonly purpose: 'upstream' | 'upstream session'
  readonly share: string
  /** Empty for what is nobody's in particular. */
  readonly holder: string
}

/** In base64url, without padding. */
export async function encryptText(key: CryptoKey, binding: TextBinding, text: string): Promise<string> {
  const nonce = randomBytes(NONCE_BYTES)
  const hidden = await crypto.subtle.encrypt(parametersOf(nonce, binding), key, encoder.encode(text))
  return encode(concat([nonce, new Uint8Array(hidden)]))
}

/** The text that was encrypted for this; undefined for any other text. */
export async function decryptText(key: CryptoKey, binding: TextBinding, encrypted: string): Promise<string | undefined> {
  if (!/^[\w-]+$/.test(encrypted)) return undefined
  try {
    const bytes = decode(encrypted)
    // One text has one spelling: what is left over of the last digit is zero.
    if (bytes.length < NONCE_BYTES + TAG_BYTES || encode(bytes) !== encrypted) return undefined
    const parameters = parametersOf(bytes.slice(0, NONCE_BYTES), binding)
    return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, key, bytes.slice(NONCE_BYTES)))
  } catch {
    return undefined
  }
}

function parametersOf(iv: Uint8Array<ArrayBuffer>, { purpose, share, holder }: TextBinding) {
  // Neither a purpose nor a share's id holds a line break.
  return { name: 'AES-GCM', iv, additionalData: encoder.encode(`${purpose}\n${share}\n${holder}`) }
}
