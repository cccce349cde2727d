/** What is counted against limits, and what the lanes of a share say to each other of that. Types and names, nothing that acts. */
import type { RateLimits } from '../../../protocol/policy/rate-limits.ts'

/** Limits that a call is charged to, and whose they are: SHARE_CHARGE, `addressCharge` of an address, or the id of a link. */
export interface Charge {
  readonly name: string
  readonly limits: RateLimits
}

export const SHARE_CHARGE = 'share'

const ADDRESS = 'address '

/** What is used from one address; from all together that nobody knows. */
export function addressCharge(address = 'unknown'): string {
  return `${ADDRESS}${address}`
}

export function isAddressCharge(name: string): boolean {
  return name.startsWith(ADDRESS)
}

/** What a lane says to the one that keeps these limits. `key`: of the call. */
export type MeterOrder =
  /** A call is about to be made, whose request has so many bytes. A key that was paid for is not charged again. */
  | { readonly op: 'spend'; readonly key: string; readonly charges: readonly Charge[]; readonly bytes: number }
  /** A call that was charged before, under whatever key, goes on under this one. */
  | { readonly op: 'begin'; readonly key: string; readonly charges: readonly Charge[] }
  /** A call is over, or not under way for the moment. */
  | { readonly op: 'settle'; readonly key: string; readonly charges: readonly Charge[]; readonly bytes: number; readonly ms: number }
  /** Whether any call would be let through now. */
  | { readonly op: 'look'; readonly charges: readonly Charge[] }

/** No more is let through. `detail` names the limit, and is safe to show. */
export interface Exhausted {
  readonly kind: 'limited'
  readonly retryAfterMs: number
  readonly detail: string
}

/** Requests that are not charged: what the relay answers by itself or asks in a client's name, and what a client needs before it can do anything. */
const FREE_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'subscriptions/listen',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
])

/** Whether a request with this method is charged. */
export function isCharged(method: string): boolean {
  return !FREE_METHODS.has(method)
}
