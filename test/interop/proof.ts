/** What `npm run interop` proves: one thing that software which is not ours does through a real relay. */
import type { Relay } from '../harness/selfhost.ts'

/** Of a package manager's output, the last lines say why it has failed. */
const REASON_LINES = 5

/** What a proof needs cannot be had here; the message is what the package manager said. Such a proof did not run. */
export class NotInstallable extends Error {
  constructor(output: string) {
    super(output.trim().split('\n').slice(-REASON_LINES).join('\n'))
  }
}

export interface Proof {
  readonly name: string
  /** The reason why it cannot run here, if there is one: a toolchain that is missing, a package that cannot be had. */
  readonly needs?: () => Promise<string | undefined>
  /** Throws what is wrong, or `NotInstallable`. The relay is for all proofs: one that kills a relay starts its own. */
  readonly run: (relay: Relay) => Promise<void>
}
