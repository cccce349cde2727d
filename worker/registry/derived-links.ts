/** Adds the links that holders have narrowed, when they are first used, and says what is decided for a chain of them. Synchronous. */
import type { RegistryObject } from '../contract/objects.ts'
import type { ChainTrust, DerivedLink, LinkTrust } from '../contract/trust-rpc.ts'
import { linkTrustOf } from './change-teller.ts'
import type { LinkTable } from './links.ts'
import type { KeptShare } from './share-row.ts'
import type { ShareTable } from './shares.ts'

interface Parts {
  readonly shares: Pick<ShareTable, 'countChange'>
  readonly links: LinkTable
  /** A share that its owner has not ended. */
  readonly living: (share: string) => KeptShare | undefined
  readonly registry: Pick<RegistryObject, 'linkTrust'>
  readonly hasRoom: () => boolean
}

export class DerivedLinks {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  derive(share: string, link: DerivedLink): LinkTrust | undefined {
    const { links, living, hasRoom, shares } = this.#parts
    if (living(share) === undefined) return undefined
    const known = links.get(share, link.id)
    if (known !== undefined) return linkTrustOf(known)
    const [root, parent] = [links.get(share, link.root), links.get(share, link.parent)]
    const nowMs = Date.now()
    if (root === undefined || parent === undefined || !hasRoom() || !links.hasRoomForDerived(share, link.root, nowMs)) return undefined
    links.derive(share, link, parent, nowMs, shares.countChange(share))
    return this.#parts.registry.linkTrust(share, link.id)
  }

  chain(share: string, root: string, derived: readonly DerivedLink[]): ChainTrust {
    const trust = this.#parts.living(share)?.trust
    const links = [this.#parts.registry.linkTrust(share, root)]
    // One behind the other: each must be there when the next is narrowed from it, and of what is over nothing is made any more.
    for (const link of derived) {
      const parent = links.at(-1)
      if (parent === undefined || parent.isRevoked || parent.expiresAtMs <= Date.now()) break
      links.push(this.derive(share, link))
    }
    return { share: trust, links }
  }
}
