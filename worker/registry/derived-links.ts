/** Links that holders have narrowed, as the registry hears of them: each is added when it comes for the first time. Synchronous, as the list of links is. */
import type { ChainTrust, DerivedLink, LinkTrust } from '../contract/trust/trust-rpc.ts'
import { linkTrustOf } from './change-teller.ts'
import type { LinkTable } from './links.ts'
import type { ShareTable } from './shares.ts'

interface Parts {
  readonly shares: Pick<ShareTable, 'living' | 'countChange'>
  readonly links: LinkTable
  readonly hasRoom: () => boolean
}

export class DerivedLinks {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  trustOf(share: string, id: string): LinkTrust | undefined {
    const { shares, links } = this.#parts
    const link = shares.living(share) === undefined ? undefined : links.get(share, id)
    return link === undefined ? undefined : linkTrustOf(link)
  }

  derive(share: string, link: DerivedLink): LinkTrust | undefined {
    const { links, shares, hasRoom } = this.#parts
    if (shares.living(share) === undefined) return undefined
    const known = links.get(share, link.id)
    if (known !== undefined) return linkTrustOf(known)
    const [root, parent] = [links.get(share, link.root), links.get(share, link.parent)]
    const nowMs = Date.now()
    if (root === undefined || parent === undefined || !hasRoom() || !links.hasRoomForDerived(share, link.root, nowMs)) return undefined
    links.derive(share, link, parent, nowMs, shares.countChange(share))
    return this.trustOf(share, link.id)
  }

  chain(share: string, root: string, derived: readonly DerivedLink[]): ChainTrust {
    const trust = this.#parts.shares.living(share)?.trust
    const own = this.trustOf(share, root)
    // Of a link that an agent has had made, the agent's stands before it, be it there or not.
    const links = own?.parent === undefined ? [own] : [this.trustOf(share, own.parent), own]
    // One behind the other: each must be there when the next is narrowed from it, and of what is over nothing is made any more.
    for (const link of derived) {
      const parent = links.at(-1)
      if (parent === undefined || parent.isRevoked || parent.expiresAtMs <= Date.now()) break
      links.push(this.derive(share, link))
    }
    return { share: trust, links }
  }
}
