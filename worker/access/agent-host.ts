/**
 * Mints and verifies secret host names: for an agent that can send neither a header nor a path. A label of a name has 63 characters at most
 * (RFC 1035 §2.3.4) and knows no capitals, so that only what must be said is in it: the share, the link, and that this relay has made it.
 */
import { decodeBase32, encodeBase32 } from '../../protocol/encoding/base32.ts'
import { concat } from '../../protocol/splice.ts'
import type { Settings } from '../env.ts'
import { completeShareId, SHARE_ID_PAYLOAD_BYTES } from './share-id.ts'
import { equalBytes, fromHex, mac, toHex } from './secrets/secret.ts'

const LINK_BYTES = 12
const PAYLOAD_BYTES = SHARE_ID_PAYLOAD_BYTES + LINK_BYTES
/** 88 bits, as many as there is room for: each guess is a request, and they are slowed. */
const MAC_BYTES = 11
/** Characters of the secret. */
const SECRET_CHARS = 56
const LABEL = /^([a-z2-7]{56})-agent$/

/** Which link of which share an agent comes by. */
interface AgentHost {
  readonly share: string
  readonly link: string
}

/** The label of a new secret host name. @throws {RangeError} when `link` is not 24 hex digits, or `share` is no id. */
export async function mintAgentHost(key: CryptoKey, { share, link }: AgentHost): Promise<string> {
  const payload = concat([decodeBase32(share)?.subarray(0, SHARE_ID_PAYLOAD_BYTES) ?? new Uint8Array(), fromHex(link) ?? new Uint8Array()])
  if (payload.length !== PAYLOAD_BYTES) throw new RangeError('not a share id, or not the id of a link')
  return `${encodeBase32(concat([payload, await mac(key, payload, MAC_BYTES)]))}-agent`
}

/** Whom a label names; undefined when this relay never made it. `shareIds`: the key of share ids. Touches no object. */
export async function readAgentHost(key: CryptoKey, shareIds: CryptoKey, label: string): Promise<AgentHost | undefined> {
  const [, secret] = LABEL.exec(label) ?? []
  const bytes = secret?.length === SECRET_CHARS ? decodeBase32(secret) : undefined
  if (bytes === undefined) return undefined
  const payload = bytes.slice(0, PAYLOAD_BYTES)
  if (!equalBytes(await mac(key, payload, MAC_BYTES), bytes.subarray(PAYLOAD_BYTES))) return undefined
  return {
    share: await completeShareId(shareIds, payload.slice(0, SHARE_ID_PAYLOAD_BYTES)),
    link: toHex(payload.subarray(SHARE_ID_PAYLOAD_BYTES)),
  }
}

/** The label of a host that looks like one of these; undefined on any other host. */
export function agentHostLabel(
  { shareDomain, hasAgentHosts }: Pick<Settings, 'shareDomain' | 'hasAgentHosts'>,
  url: string,
): string | undefined {
  if (shareDomain === undefined || !hasAgentHosts || !url.includes(`-agent.${shareDomain}`)) return undefined
  const { hostname } = new URL(url)
  const label = hostname.endsWith(`.${shareDomain}`) ? hostname.slice(0, -1 - shareDomain.length) : ''
  return LABEL.test(label) ? label : undefined
}

/** Origin of such a host, on a relay that agents reach at this origin. */
export function agentHostOrigin(shareDomain: string, relay: string, label: string): string {
  const url = new URL(relay)
  url.hostname = `${label}.${shareDomain}`
  return url.origin
}
