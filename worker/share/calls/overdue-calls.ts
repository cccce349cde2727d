/** Ends what waits over RPC for too long, since its Worker may be gone and nothing would tell: no RPC into the Share waits without a bound. */
import type { AgentLinks } from '../agents/links.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { CreditGrants } from '../answers/credit-grants.ts'
import type { Sessions } from './sessions.ts'

interface Parts {
  readonly links: AgentLinks
  readonly waiters: Waiters
  readonly introductions: ChildIntroductions
  readonly creditGrants: CreditGrants
  readonly sessions: Sessions
}

export class OverdueCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A call has waited for MAX_RPC_WAIT_MS. A Worker that is there goes on with what it is told; one that is gone keeps nothing awake. */
  end(waiter: Waiter): void {
    const { links, waiters, introductions, creditGrants, sessions } = this.#parts
    const isUnheard = waiter.buffer !== undefined || introductions.release(waiter.key)
    if (isUnheard && waiter.isInitialize) sessions.left(waiter.session, Date.now())
    if (waiter.buffer !== undefined) creditGrants.abandon(waiter)
    else if (isUnheard) waiters.settle(waiter, { kind: 'pending' })
    // A lost agent has a time of its own to come back, and its calls are told of it over the RPC.
    else if (links.named(waiter.agent) !== undefined) waiters.toStream(waiter)
  }
}
