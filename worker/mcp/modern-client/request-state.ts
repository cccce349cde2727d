/** Mints and checks requestState: the handle of a parked call, sealed for one principal, one request and a while (MCP 2026-07-28, basic/patterns/mrtr). */
import { err, ok, type Result } from '../../../protocol/result.ts'
import { concat } from '../../../protocol/splice.ts'
import { equalBytes, mac } from '../../access/secrets/secret.ts'

/** Layout version, and the label that keeps these MACs apart from others. */
const VERSION = 1
const HANDLE_BYTES = 16
const EXPIRY_BYTES = 6
const PRINCIPAL_BYTES = 16
const DIGEST_BYTES = 32
const MAC_BYTES = 16
const PAYLOAD_BYTES = 1 + EXPIRY_BYTES + HANDLE_BYTES + PRINCIPAL_BYTES + DIGEST_BYTES
/** Of 87 bytes in base64url: no bit is left over, so that one state has one spelling. */
const TEXT_CHARS = 116

const encoder = new TextEncoder()

/** Whose state it is, and of which request. */
export interface StateBinding {
  readonly principal: string
  /** From `requestDigest`, 32 bytes. */
  readonly digest: Uint8Array
}

export type StateFault = 'tampered' | 'expired' | 'other_principal' | 'other_request'

/** A new state. `handle`: 16 random bytes. `expiresAtMs`: whole milliseconds since 1970. Throws a RangeError for other sizes. */
export async function mintRequestState(key: CryptoKey, handle: Uint8Array, expiresAtMs: number, binding: StateBinding): Promise<string> {
  if (handle.length !== HANDLE_BYTES || binding.digest.length !== DIGEST_BYTES) throw new RangeError('handle has 16 bytes, digest 32')
  if (!Number.isInteger(expiresAtMs) || expiresAtMs < 0 || expiresAtMs >= 2 ** (8 * EXPIRY_BYTES))
    throw new RangeError('expiry out of range')
  const expiry = new Uint8Array(EXPIRY_BYTES)
  new DataView(expiry.buffer).setUint16(0, Math.floor(expiresAtMs / 2 ** 32))
  new DataView(expiry.buffer).setUint32(2, expiresAtMs % 2 ** 32)
  const payload = concat([Uint8Array.of(VERSION), expiry, handle, await principalMac(key, binding.principal), binding.digest])
  return toBase64Url(concat([payload, await payloadMac(key, payload)]))
}

/** The handle of a state, when this relay made it for this principal and request and it has not expired. Whether it was used before is for whoever keeps the call. */
export async function verifyRequestState(
  key: CryptoKey,
  text: string,
  binding: StateBinding,
  nowMs: number,
): Promise<Result<Uint8Array<ArrayBuffer>, StateFault>> {
  const bytes = fromBase64Url(text)
  if (bytes === undefined) return err('tampered')
  const payload = bytes.slice(0, PAYLOAD_BYTES)
  if (!equalBytes(await payloadMac(key, payload), bytes.subarray(PAYLOAD_BYTES)) || payload[0] !== VERSION) return err('tampered')
  let at = 1
  const take = (count: number): Uint8Array<ArrayBuffer> => payload.slice(at, (at += count))
  const expiry = new DataView(take(EXPIRY_BYTES).buffer)
  const handle = take(HANDLE_BYTES)
  // The principal is checked first: whoever has another's state learns no more than that it is another's.
  if (!equalBytes(take(PRINCIPAL_BYTES), await principalMac(key, binding.principal))) return err('other_principal')
  if (!equalBytes(take(DIGEST_BYTES), binding.digest)) return err('other_request')
  if (expiry.getUint16(0) * 2 ** 32 + expiry.getUint32(2) <= nowMs) return err('expired')
  return ok(handle)
}

function payloadMac(key: CryptoKey, payload: Uint8Array): Promise<Uint8Array> {
  return mac(key, concat([encoder.encode('state\0'), payload]), MAC_BYTES)
}

/** A MAC, not a plain hash: the client must not be able to find out principals by guessing. */
function principalMac(key: CryptoKey, principal: string): Promise<Uint8Array> {
  return mac(key, encoder.encode(`principal\0${principal}`), PRINCIPAL_BYTES)
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length !== TEXT_CHARS || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
}
