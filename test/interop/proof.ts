/** What `npm run interop` proves: one thing that software which is not ours does through a real relay. */
import type { Relay } from '../harness/selfhost.ts'

export interface Proof {
  readonly name: string
  /** The reason why it cannot run here, if there is one: a toolchain that is missing, a package that cannot be had. */
  readonly needs?: () => Promise<string | undefined>
  /** Throws what is wrong. The relay is for all proofs: one that kills a relay starts its own. */
  readonly run: (relay: Relay) => Promise<void>
}
