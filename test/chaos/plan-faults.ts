/** Owns the kinds of faults, how often each comes, and how each is drawn. Pure. */
import type { Random } from './random.ts'

/** Where a byte of a link stands (docs/protocol.md, Frames); `between`: before the first byte of a frame. */
export const LINK_PARTS = ['upgrade', 'frame-header', 'header-line', 'body', 'between'] as const
export type LinkPart = (typeof LINK_PARTS)[number]

/** Seen from the agent. */
export type Direction = 'up' | 'down'
export type Directions = Direction | 'both'

/** `ms` is how long it lasts; a relay or an agent that was killed is started again after it. */
export type Fault =
  | {
      readonly kind: 'cut'
      readonly ms: number
      readonly part: LinkPart
      readonly direction: Direction
      /** Who hears of it; the other end stays open, and silent. */
      readonly heardBy: 'both' | 'agent' | 'relay'
      /** With a reset, not with an end. */
      readonly abrupt: boolean
    }
  | { readonly kind: 'half-open' | 'stall'; readonly ms: number; readonly direction: Directions }
  | { readonly kind: 'delay'; readonly ms: number; readonly latencyMs: number }
  | { readonly kind: 'throttle'; readonly ms: number; readonly bytesPerSecond: number }
  | { readonly kind: 'kill-child'; readonly ms: number; readonly nth: number }
  | { readonly kind: PlainKind; readonly ms: number }

/** `tail` is `unplug` while servers say more than an agent keeps; `away` is `kill-agent` for longer than the grace time. */
type PlainKind = 'unplug' | 'tail' | 'kill-agent' | 'away' | 'drain' | 'sleep' | 'restart-relay' | 'reset' | 'evict'
export type FaultKind = Fault['kind']

/** Every kind, and how often it comes. */
export const FAULT_KINDS: Readonly<Record<FaultKind, number>> = {
  cut: 30,
  'half-open': 8,
  stall: 8,
  delay: 6,
  throttle: 4,
  unplug: 6,
  tail: 4,
  'kill-agent': 8,
  away: 2,
  drain: 5,
  'kill-child': 12,
  sleep: 4,
  'restart-relay': 2,
  reset: 6,
  evict: 1,
}

/** A world that is to be evicted from memory is left alone this long: calls may run for 16 s, and an idle object stays for 10. */
const LULL_MS = 30_000

const DIRECTIONS: readonly Directions[] = ['up', 'down', 'both']

export function isFaultKind(text: string): text is FaultKind {
  return Object.hasOwn(FAULT_KINDS, text)
}

export function planFault(kind: FaultKind, random: Random): Fault {
  switch (kind) {
    case 'cut':
      return {
        kind,
        ms: 3_000,
        part: random.pick(LINK_PARTS),
        direction: random.pick(['up', 'down']),
        heardBy: random.pick(['both', 'both', 'agent', 'relay']),
        abrupt: random.chance(0.5),
      }
    case 'half-open':
      return { kind, ms: random.between(5_000, 12_000), direction: random.pick(DIRECTIONS) }
    case 'stall':
      return { kind, ms: random.between(300, 5_000), direction: random.pick(DIRECTIONS) }
    case 'delay':
      return { kind, ms: random.between(1_000, 6_000), latencyMs: random.between(10, 300) }
    case 'throttle':
      return { kind, ms: random.between(1_000, 6_000), bytesPerSecond: random.between(20_000, 400_000) }
    case 'kill-child':
      return { kind, ms: 0, nth: random.between(0, 1_000) }
    case 'unplug':
      return { kind, ms: random.between(300, 12_000) }
    case 'tail':
      return { kind, ms: random.between(2_000, 6_000) }
    case 'away':
      return { kind, ms: random.between(33_000, 45_000) }
    case 'sleep':
      return { kind, ms: random.chance(0.2) ? random.between(20_000, 40_000) : random.between(1_000, 12_000) }
    case 'kill-agent':
    case 'drain':
      return { kind, ms: random.between(0, 3_000) }
    case 'restart-relay':
      return { kind, ms: random.between(0, 1_500) }
    case 'reset':
      return { kind, ms: 0 }
    case 'evict':
      return { kind, ms: LULL_MS }
  }
}
