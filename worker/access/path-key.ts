/** Mints and verifies path keys: the secret in a share URL, for clients that cannot send a header. */
import { err, ok, type Result } from '../../protocol/result.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { concat } from '../../protocol/splice.ts'
import { equalBytes, mac, toHex } from './secret.ts'

/** Random bytes of a key; they name its principal. */
export const PATH_KEY_SERIAL_BYTES = 4
const PAYLOAD_BYTES = PATH_KEY_SERIAL_BYTES + 4
const MAC_BYTES = 12
const PATH_KEY_CHARS = 32
const MINUTE_MS = 60_000

export interface PathKey {
  readonly text: string
  /** Subject of everything done with the key: `key:` and its serial number in hex. */
  readonly principal: string
  /** Milliseconds since 1970. Keys count in minutes, so this is up to one minute later than was asked for. */
  readonly expiresAtMs: number
}

/** A new key for one share: 20 bytes in base32, which are serial number, expiry in minutes, MAC over share id and both. */
export async function mintPathKey(key: CryptoKey, share: string, expiresAtMs: number, serial: Uint8Array): Promise<PathKey> {
  if (serial.length !== PATH_KEY_SERIAL_BYTES) throw new RangeError(`serial must have ${PATH_KEY_SERIAL_BYTES} bytes`)
  const expiryMinutes = Math.ceil(expiresAtMs / MINUTE_MS)
  const payload = new Uint8Array(PAYLOAD_BYTES)
  payload.set(serial)
  new DataView(payload.buffer).setUint32(PATH_KEY_SERIAL_BYTES, expiryMinutes)
  const text = encodeBase32(concat([payload, await sign(key, share, payload)]))
  return { text, principal: principalOf(serial), expiresAtMs: expiryMinutes * MINUTE_MS }
}

/** The principal of a path key of this share; `wrong` when this relay never made it for this share. Touches no object. */
export async function readPathKey(
  key: CryptoKey,
  share: string,
  text: string,
  nowMs: number,
): Promise<Result<PathKey, 'wrong' | 'expired'>> {
  if (text.length !== PATH_KEY_CHARS) return err('wrong')
  const bytes = decodeBase32(text)
  if (bytes === undefined) return err('wrong')
  const payload = bytes.slice(0, PAYLOAD_BYTES)
  if (!equalBytes(await sign(key, share, payload), bytes.subarray(PAYLOAD_BYTES))) return err('wrong')
  const expiresAtMs = new DataView(payload.buffer).getUint32(PATH_KEY_SERIAL_BYTES) * MINUTE_MS
  if (expiresAtMs <= nowMs) return err('expired')
  return ok({ text, principal: principalOf(payload.subarray(0, PATH_KEY_SERIAL_BYTES)), expiresAtMs })
}

function sign(key: CryptoKey, share: string, payload: Uint8Array): Promise<Uint8Array> {
  return mac(key, concat([new TextEncoder().encode(share), payload]), MAC_BYTES)
}

function principalOf(serial: Uint8Array): string {
  return `key:${toHex(serial)}`
}
