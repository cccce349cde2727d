/** Tells a share's lanes what its owner has changed, and again those that were not reached: what is told are the facts as they stand when they are told. */
import { askLanes, unreachedOf } from '../carry/lane-orders.ts'
import type { LaneKey, LanesOfShare } from '../contract/lane-key.ts'
import type { Changed, LinkRecord, ShareRecord } from '../contract/registry/registry-rpc.ts'
import type { AdminCommand } from '../contract/share-admin.ts'
import type { LinkTrust } from '../contract/trust/trust-rpc.ts'
import type { Env } from '../env.ts'
import { LANE_ORDER_MS } from '../trust-limits.ts'
import type { LinkTable } from './links.ts'
import type { ShareTable } from './shares.ts'
import { serverSubject, type Subject, type Untold, type UntoldTable } from './untold.ts'

interface Parts {
  readonly env: Env
  readonly untold: UntoldTable
  readonly shares: ShareTable
  readonly links: LinkTable
  /** All of a share that has ended everywhere. */
  readonly forget: (share: string) => void
  /** Has `send` called for what is due, by alarm. */
  readonly setAlarm: () => Promise<void>
}

const LINK_SUBJECT = 'link:'

export function linkSubject(id: string): Subject {
  return `${LINK_SUBJECT}${id}`
}

export class ChangeTeller {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Tells all lanes of a change, or those that are named. It is noted first, and forgotten when they have heard it. */
  async tell<Value>(record: ShareRecord, subject: Subject, value: Value, lanes?: readonly LaneKey[]): Promise<Changed<Value>> {
    const { id: share, isMade } = record
    const { version } = record.trust
    if (!isMade) {
      if (subject === 'end') this.#parts.forget(share)
      return { value, unreached: [] }
    }
    const untold = { share, subject, version, lanes }
    this.#parts.untold.note(untold, Date.now() + 2 * LANE_ORDER_MS)
    void this.#parts.setAlarm()
    const unreached = await this.send(untold)
    await this.#parts.setAlarm()
    return { value, unreached }
  }

  /** Tells lanes what holds now; the ones that it did not reach are noted, and returned. */
  async send(untold: Untold): Promise<LaneKey[]> {
    const { share, subject, lanes } = untold
    const command = this.#commandOf(share, subject)
    const audience = lanes === undefined ? {} : { lanes }
    const unreached = command === undefined ? [] : unreachedOf(await askLanes(this.#parts.env, this.#lanesOf(share), command, audience))
    this.#parts.untold.settle(untold, unreached, Date.now())
    if (subject === 'end' && unreached.length === 0) this.#parts.forget(share)
    return unreached
  }

  /** Of a server that is to end, its object may still serve. */
  #lanesOf(id: string): LanesOfShare {
    const { shares, untold } = this.#parts
    return { id, servers: [...new Set([...(shares.get(id)?.servers ?? []), ...untold.endingServers(id)])] }
  }

  #commandOf(share: string, subject: Subject): AdminCommand | undefined {
    if (subject === 'end' || subject.startsWith(serverSubject(''))) return { op: 'revoke' }
    const record = this.#parts.shares.get(share)
    if (record === undefined) return undefined
    const { trust, rotated, agentsRotated } = record
    if (subject === 'share') return { op: 'share_changed', trust }
    // Told late, it must not end the links that were made since.
    if (subject === 'rotated') return { op: 'rotated', trust: { ...trust, version: rotated }, keepsAgents: true }
    if (subject === 'agents_rotated') return { op: 'rotated', trust: { ...trust, version: agentsRotated }, keepsAgents: false }
    const link = this.#parts.links.get(share, subject.slice(LINK_SUBJECT.length))
    return link === undefined ? undefined : { op: 'link_changed', trust: linkTrustOf(link) }
  }
}

/** What lanes are told of a link. */
export function linkTrustOf({ id, version, kind, expiresAtMs, isRevoked, policy, limits, maker, parent = maker }: LinkRecord): LinkTrust {
  const facts = {
    ...(policy === undefined ? {} : { policy }),
    ...(limits === undefined ? {} : { limits }),
    ...(parent === undefined ? {} : { parent }),
  }
  return { id, version, kind, expiresAtMs, isRevoked, ...facts }
}
