/** Mints and verifies path keys: the secret in a share URL, for clients that cannot send a header. */
import { err, ok, type Result } from '../../protocol/result.ts'
import { decodeBase32, encodeBase32 } from '../../protocol/encoding/base32.ts'
import { concat } from '../../protocol/splice.ts'
import { equalBytes, fromHex, mac, toHex } from './secrets/secret.ts'

/** Bytes of the id of the link that a key belongs to. */
const SERIAL_BYTES = 12
const PAYLOAD_BYTES = SERIAL_BYTES + 4
const MAC_BYTES = 16
const PATH_KEY_CHARS = 52
const MINUTE_MS = 60_000

export interface PathKey {
  readonly text: string
  /** Id of its link: its serial number in hex. */
  readonly id: string
  /** Subject of everything done with the key: `key:` and that id. */
  readonly principal: string
  /** Milliseconds since 1970. Keys count in minutes, so this is up to one minute later than was asked for. */
  readonly expiresAtMs: number
}

/**
 * A new key for one share: 32 bytes in base32, which are serial number, expiry in minutes, MAC over share id and both.
 *
 * @throws {RangeError} when `id` is not 24 hex digits.
 */
export async function mintPathKey(key: CryptoKey, share: string, expiresAtMs: number, id: string): Promise<PathKey> {
  const serial = fromHex(id)
  if (serial?.length !== SERIAL_BYTES) throw new RangeError(`id must have ${2 * SERIAL_BYTES} hex digits`)
  const expiryMinutes = Math.ceil(expiresAtMs / MINUTE_MS)
  const payload = new Uint8Array(PAYLOAD_BYTES)
  payload.set(serial)
  new DataView(payload.buffer).setUint32(SERIAL_BYTES, expiryMinutes)
  const text = encodeBase32(concat([payload, await signPathKey(key, share, payload)]))
  return { text, id, principal: `key:${id}`, expiresAtMs: expiryMinutes * MINUTE_MS }
}

/** What a path key of this share says; `wrong` when this relay never made it for this share. Touches no object. */
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
  if (!equalBytes(await signPathKey(key, share, payload), bytes.subarray(PAYLOAD_BYTES))) return err('wrong')
  const expiresAtMs = new DataView(payload.buffer).getUint32(SERIAL_BYTES) * MINUTE_MS
  if (expiresAtMs <= nowMs) return err('expired')
  const id = toHex(payload.subarray(0, SERIAL_BYTES))
  return ok({ text, id, principal: `key:${id}`, expiresAtMs })
}

/** The MAC of a key of this share, which only its holder and this relay know. */
export function signPathKey(key: CryptoKey, share: string, payload: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return mac(key, concat([new TextEncoder().encode(share), payload]), MAC_BYTES)
}
