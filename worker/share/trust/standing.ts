/** How a link stands: what is decided for its share and for each link of its chain, put together. Pure but for the digest. */
import { ANONYMOUS } from '../../../protocol/handshake.ts'
import { encodeBase32 } from '../../../protocol/encoding/base32.ts'
import { type RateLimits, readRateLimits } from '../../../protocol/policy/rate-limits.ts'
import { type Charge, SHARE_CHARGE } from '../../contract/trust/metering.ts'
import { UNRESTRICTED } from '../../contract/trust/pass.ts'
import type { GrantFacts, Pass, PassRefusal, PassVerdict, ShareTrust } from '../../contract/trust/trust-rpc.ts'
import type { KeptLinkTrust, KeptShareTrust } from './trust-rows.ts'

export interface Standing {
  readonly shareEndsAtMs: number
  /** The earliest end of any link of the chain. */
  readonly linkEndsAtMs: number
  readonly isRevoked: boolean
  readonly isPaused: boolean
  readonly facts: GrantFacts
  /** What its calls are charged to, the share's own limits first; absent where nothing is limited. */
  readonly charges?: readonly Charge[]
  /** What may be used from each address. */
  readonly perAddress?: RateLimits
}

/** Bytes of a policy's digest: nobody gains from two policies with the same one, which must not happen by chance. */
const DIGEST_BYTES = 10
const encoder = new TextEncoder()

/** What names a policy, and a share's pins and upstream with it, in `Pass.state`; empty where there is none. */
export async function policyDigest({ policy, pins, upstream }: Pick<ShareTrust, 'policy' | 'pins' | 'upstream'>): Promise<string> {
  if (policy === undefined && pins === undefined && upstream === undefined) return ''
  // No JSON text holds a line break.
  const own = pins === undefined ? (policy ?? '') : `${policy ?? ''}\n${pins}`
  const text = upstream === undefined ? own : `${own}\n\n${upstream}`
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(text))
  return encodeBase32(new Uint8Array(digest).subarray(0, DIGEST_BYTES))
}

/** An `undefined` link is none that the registry knows. */
export function standingOf(share: KeptShareTrust, links: readonly (KeptLinkTrust | undefined)[]): Standing {
  const known = links.filter((link) => link !== undefined)
  const all = [share, ...known]
  const charges = [chargeOf(SHARE_CHARGE, share.limits), ...known.map(({ id, limits }) => chargeOf(id, limits))].flat()
  const [perAddress] = chargeOf('', share.addressLimits)
  const policies = all.flatMap(({ policy }) => (policy === undefined ? [] : [policy]))
  return {
    shareEndsAtMs: share.expiresAtMs,
    linkEndsAtMs: Math.min(...known.map(({ expiresAtMs }) => expiresAtMs)),
    isRevoked: known.length < links.length || known.some((link) => isRevoked(link, share)),
    isPaused: share.isPaused,
    facts: factsOf(share, all, policies),
    ...(charges.length === 0 ? {} : { charges }),
    ...(perAddress === undefined ? {} : { perAddress: perAddress.limits }),
  }
}

/** How whoever has shown no credential stands; `undefined` of a share that lets nobody in without one. */
export function anonymousStanding(share: KeptShareTrust): Standing | undefined {
  const { anonymous, anonymousDigest, anonymousLimits, policy, digest, pins, upstream } = share
  if (anonymous === undefined) return undefined
  const { charges = [], ...own } = standingOf(share, [])
  const all = [...charges, ...chargeOf(ANONYMOUS, anonymousLimits)]
  return {
    ...own,
    facts: {
      state: `${digest}.${anonymousDigest}`,
      policies: [...(policy === undefined ? [] : [policy]), anonymous],
      ...(pins === undefined ? {} : { pins }),
      ...(upstream === undefined ? {} : { upstream }),
    },
    ...(all.length === 0 ? {} : { charges: all }),
  }
}

function factsOf({ pins, upstream }: KeptShareTrust, all: readonly { readonly digest: string }[], policies: readonly string[]): GrantFacts {
  const isRestricted = policies.length > 0 || pins !== undefined || upstream !== undefined
  const state = isRestricted ? all.map(({ digest }) => digest).join('.') : UNRESTRICTED
  return { state, policies, ...(pins === undefined ? {} : { pins }), ...(upstream === undefined ? {} : { upstream }) }
}

/** Limits were checked when they were set: text that does not read is of a later version of the relay, and limits nothing here. */
function chargeOf(name: string, text: string | undefined): Charge[] {
  const limits = text === undefined ? undefined : readRateLimits(JSON.parse(text))
  return limits?.ok === true && Object.keys(limits.value).length > 0 ? [{ name, limits: limits.value }] : []
}

function isRevoked({ isRevoked: isItself, kind, version }: KeptLinkTrust, share: KeptShareTrust): boolean {
  return isItself || version < (kind === 'agent' ? share.agentsRevokedBefore : share.revokedBefore)
}

/** Why nothing is let in with a link, in the order in which it is told. Agents stay connected to a paused share. */
export function refusalFor(
  { shareEndsAtMs, linkEndsAtMs, isRevoked: isOver, isPaused }: Standing,
  nowMs: number,
  isAgent: boolean,
): PassRefusal | undefined {
  if (shareEndsAtMs <= nowMs) return 'SHARE_EXPIRED'
  if (isOver) return 'LINK_REVOKED'
  if (linkEndsAtMs <= nowMs) return 'LINK_EXPIRED'
  return isPaused && !isAgent ? 'SHARE_PAUSED' : undefined
}

/** What a client's pass is told whose request is not let in as it is. */
export function verdictFor(standing: Standing, { state }: Pass, nowMs: number): PassVerdict | undefined {
  const code = refusalFor(standing, nowMs, false)
  if (code !== undefined) return { kind: 'refused', code }
  const { facts } = standing
  if (state === facts.state || (state === undefined && facts.state === UNRESTRICTED)) return undefined
  return { kind: 'stale_grant', facts }
}

/** Long texts that are as they were before, as they are in memory already: they are told anew with each link, and each keeps what it stands by. */
export function sameTexts(known: ShareTrust | undefined, { pins, policy }: ShareTrust): Pick<ShareTrust, 'pins' | 'policy'> {
  return {
    ...(pins !== undefined && known?.pins === pins ? { pins: known.pins } : {}),
    ...(policy !== undefined && known?.policy === policy ? { policy: known.policy } : {}),
  }
}
