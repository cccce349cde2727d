/**
 * Lets requests in, or not, by the pass that each shows: in memory, without waiting, once its link is known. Of a link that is not known,
 * or that seems to have ended, the registry is asked once. Whatever it does not know is refused.
 */
import { addressCharge, type Charge } from '../../contract/trust/metering.ts'
import { leafOf } from '../../contract/trust/pass.ts'
import type { LaneKey } from '../../contract/lane-key.ts'
import type { RegistryObject } from '../../contract/objects.ts'
import { ANONYMOUS } from '../../../protocol/handshake.ts'
import { pinsOf } from '../../../protocol/policy/server-pins.ts'
import { derivedPrincipal, isAnonymous, isDerived, linkOf } from '../../contract/trust/principals.ts'
import type { GrantFacts, LinkTrust, Pass, PassRefusal, PassVerdict, ShareTrust, TrustChange } from '../../contract/trust/trust-rpc.ts'
import { MAX_KNOWN_LINKS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'
import { anonymousStanding, policyDigest, refusalFor, sameTexts, type Standing, standingOf, verdictFor } from './standing.ts'
import type { KeptLinkTrust, KeptShareTrust, TrustRows } from './trust-rows.ts'

interface Parts {
  readonly rows: TrustRows
  /** Id of the share, and which of its lanes this is. */
  readonly share: string
  readonly lane: LaneKey
  readonly registry: () => Pick<RegistryObject, 'shareTrust' | 'chainTrust'> | DurableObjectStub<RegistryObject>
  /** Whether the object has rows: one that was only asked about writes nothing. */
  readonly isKept: () => boolean
  /** Has `sweep` called by then. */
  readonly alarmBy: (timeMs: number) => void
}

/** What comes of a judgement: undefined lets the request in. */
type Judgement<Verdict> = Verdict | undefined | Promise<Verdict | undefined>

export class TrustGate {
  readonly #parts: Parts
  /** By the link that a pass was made for. 'none': there is no such share, which whoever asks finds out. */
  readonly #standings = new Newest<Standing | 'none'>(MAX_KNOWN_LINKS)
  /** What was heard of the share last, in an object that keeps nothing. */
  #heard: KeptShareTrust | undefined
  #isCapturing: boolean | undefined
  /** Of principals of narrowed links: as which they count. */
  readonly #roots = new Newest<string>(MAX_KNOWN_LINKS)
  /** Links of whose end the registry was asked. */
  readonly #confirmed = new Newest<true>(MAX_KNOWN_LINKS)
  /** Links of which the registry is being asked. */
  readonly #asking = new Map<string, Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#standings.clear()
    this.#heard = undefined
    this.#isCapturing = undefined
    this.#roots.clear()
    this.#confirmed.clear()
    this.#parts.rows.forget()
  }

  /** Judges a client's request by its pass. */
  judge(pass: Pass, nowMs: number): Judgement<PassVerdict> {
    const standing = this.#known(pass, nowMs)
    if (standing === undefined) return this.#learn(pass).then(() => this.judge(pass, nowMs))
    return standing === 'none' ? undefined : verdictFor(standing, pass, nowMs)
  }

  /** The same for what needs no judgement but whether anything is let in: an agent's link, the rest of a request. */
  refuse(pass: Pass, nowMs: number, isAgent: boolean): Judgement<PassVerdict> {
    const standing = this.#known(pass, nowMs)
    if (standing === undefined) return this.#learn(pass).then(() => this.refuse(pass, nowMs, isAgent))
    return refused(standing, nowMs, isAgent)
  }

  /** Why nothing more is let in for a link that was let in before; undefined while it is. */
  refusalOf(link: string, nowMs: number, isAgent: boolean): PassRefusal | undefined {
    const standing = this.#recalled({ chain: [link] })
    return standing === undefined || standing === 'none' ? undefined : refusalFor(standing, nowMs, isAgent)
  }

  /** What a link that was let in before lets its holder do; undefined when that is not known here. */
  factsOf(link: string): GrantFacts | undefined {
    const standing = this.#recalled({ chain: [link] })
    return standing === undefined || standing === 'none' ? undefined : standing.facts
  }

  /** Whether the owner wants to know what calls carry. */
  get isCapturing(): boolean {
    return (this.#isCapturing ??= this.#parts.rows.share()?.isCaptured === true)
  }

  /** The principal as which one counts: of a narrowed link that of the link of the owner's that it comes from. */
  rootOf(principal: string): string {
    if (isAnonymous(principal)) return ANONYMOUS
    if (!isDerived(principal)) return principal
    const known = this.#roots.get(principal)
    if (known !== undefined) return known
    const chain = this.#chainOf(linkOf(principal))
    const root = chain.includes(undefined) ? undefined : chain.find((link) => link?.kind === chain.at(-1)?.kind)
    if (root === undefined) return principal
    const name = `${root.kind}:${root.id}`
    this.#roots.set(principal, name)
    return name
  }

  /** All principals that count as this one, itself among them. */
  allOf(root: string): string[] {
    return [root, ...this.#parts.rows.below(linkOf(root)).map(derivedPrincipal)]
  }

  /** What the registry says of the share of a new object: from now on it keeps what it hears. */
  async adopt(trust: ShareTrust): Promise<void> {
    this.#heard = undefined
    await this.#keepShare(trust)
    this.#standings.clear()
  }

  /** What the calls of a pass that was let in just now are charged to, though something may have been decided since; undefined where nothing is limited. */
  chargesOf(pass: Pass): readonly Charge[] | undefined {
    const standing = this.#recalled(pass)
    if (standing === undefined || standing === 'none') return undefined
    const { charges, perAddress } = standing
    if (perAddress === undefined) return charges
    return [{ name: addressCharge(pass.address), limits: perAddress }, ...(charges ?? [])]
  }

  /** Applies what the owner has changed; what was heard before, or is older than what is known, changes nothing. */
  async apply(change: TrustChange): Promise<void> {
    if (change.op === 'link_changed') await this.#keepLink(change.trust)
    else {
      const { version } = change.trust
      const floors =
        change.op === 'share_changed' ? {} : { revokedBefore: version, ...(change.keepsAgents ? {} : { agentsRevokedBefore: version }) }
      await this.#keepShare(change.trust, floors)
    }
    this.#standings.clear()
    this.#confirmed.clear()
  }

  /** What is decided for the share, as far as it is known here. */
  get share(): ShareTrust | undefined {
    return this.#parts.rows.share()
  }

  /** What is accepted of the server, as JSON text; undefined where nothing is held back. */
  get pins(): string | undefined {
    return this.#parts.rows.share()?.pins
  }

  /** When the share ends as far as it is known here, in milliseconds since 1970. */
  get endsAtMs(): number | undefined {
    return this.share?.expiresAtMs
  }

  /** When the next link ends, in milliseconds since 1970; undefined where none is known. */
  get nextLinkEndMs(): number | undefined {
    return this.#parts.rows.nextEndMs()
  }

  /** Whether the share has ended, which the registry must say: its end may have been moved. Rejects when it cannot be asked. */
  async hasEnded(nowMs: number): Promise<boolean> {
    const trust = await this.#parts.registry().shareTrust(this.#parts.share)
    if (trust !== undefined) await this.#keepShare(trust)
    this.#standings.clear()
    return trust === undefined || trust.expiresAtMs <= nowMs
  }

  /** Forgets links that have ended; returns when the next does, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    this.#parts.rows.dropEnded(nowMs)
    return this.#parts.rows.nextEndMs()
  }

  /** How a link stands; undefined when the registry must be asked. */
  #known(pass: Pass, nowMs: number): Standing | 'none' | undefined {
    const standing = this.#recalled(pass)
    if (standing === undefined || standing === 'none') return standing
    const seemsOver = standing.shareEndsAtMs <= nowMs || standing.linkEndsAtMs <= nowMs
    return seemsOver && this.#confirmed.get(leafOf(pass)) === undefined ? undefined : standing
  }

  /** The same, by what is in memory and in the rows. */
  #recalled({ chain }: Pick<Pass, 'chain'>): Standing | 'none' | undefined {
    const leaf = leafOf({ chain })
    const known = this.#standings.get(leaf)
    if (known !== undefined) return known
    const { rows } = this.#parts
    const share = rows.share()
    if (share === undefined) return undefined
    if (leaf === ANONYMOUS) return this.#keepStanding(leaf, anonymousStanding(share) ?? GONE)
    const chainRows = this.#chainOf(leaf)
    const links = chainRows.includes(undefined) ? this.#revokedAbove(share, chain) : chainRows
    if (links === undefined) return undefined
    return this.#keepStanding(leaf, standingOf(share, links))
  }

  #keepStanding(leaf: string, standing: Standing): Standing {
    this.#standings.set(leaf, standing)
    return standing
  }

  /** The rows of a link and of those that it was narrowed from, the owner's own first. */
  #chainOf(leaf: string): (KeptLinkTrust | undefined)[] {
    const link = this.#parts.rows.link(leaf)
    return link?.parent === undefined ? [link] : [...this.#chainOf(link.parent), link]
  }

  /**
   * A link that is not known here, and is over since it was made of one that is revoked: its holder can make any number of them, of which the
   * registry need not hear.
   */
  #revokedAbove(share: KeptShareTrust, chain: Pass['chain']): [KeptLinkTrust] | undefined {
    for (const id of chain.slice(0, -1)) {
      const link = this.#parts.rows.link(id)
      if (link !== undefined && standingOf(share, [link]).isRevoked) return [link]
    }
    return undefined
  }

  /** Asks the registry, once for all that wait for it: they go on in the order in which they came. */
  #learn(pass: Pass): Promise<void> {
    const leaf = leafOf(pass)
    const asking = this.#asking.get(leaf) ?? this.#ask(pass).finally(() => this.#asking.delete(leaf))
    this.#asking.set(leaf, asking)
    return asking
  }

  async #ask({ chain, names = [], ends = [] }: Pass): Promise<void> {
    const { registry, share: id } = this.#parts
    const leaf = leafOf({ chain })
    const [root, ...below] = chain
    const derived = below.map((link, at) => ({ id: link, parent: chain[at] ?? root, root, name: names[at] ?? '', endMs: ends[at] ?? 0 }))
    const { share: trust, links: told } = await registry().chainTrust(id, root, derived)
    const share = trust === undefined ? undefined : await this.#keepShare(trust)
    const links = await Promise.all(told.map(async (link) => (link === undefined ? undefined : this.#keepLink(link))))
    const nextMs = Math.min(...links.flatMap((link) => link?.expiresAtMs ?? []))
    if (this.#parts.isKept() && nextMs > Date.now() && nextMs < Infinity) this.#parts.alarmBy(nextMs)
    this.#confirmed.set(leaf, true)
    if (share !== undefined) this.#standings.set(leaf, leaf === ANONYMOUS ? (anonymousStanding(share) ?? GONE) : standingOf(share, links))
    else if (this.#parts.isKept()) this.#standings.set(leaf, GONE)
    else this.#standings.set(leaf, 'none')
  }

  /** Keeps what is newer than what is known; returns the newest. */
  async #keepShare(
    told: ShareTrust,
    floors: Partial<Pick<KeptShareTrust, 'revokedBefore' | 'agentsRevokedBefore'>> = {},
  ): Promise<KeptShareTrust> {
    const trust = this.#ownTrust(told)
    const { anonymous } = trust
    const [digest, anonymousDigest] = await Promise.all([
      policyDigest(trust),
      policyDigest(anonymous === undefined ? {} : { policy: anonymous }),
    ])
    const known = this.#parts.rows.share() ?? this.#heard
    const revokedBefore = Math.max(known?.revokedBefore ?? 0, floors.revokedBefore ?? 0)
    const agentsRevokedBefore = Math.max(known?.agentsRevokedBefore ?? 0, floors.agentsRevokedBefore ?? 0)
    const isNews = known === undefined || known.version < trust.version
    if (!isNews && known.revokedBefore === revokedBefore && known.agentsRevokedBefore === agentsRevokedBefore) return known
    const kept = {
      ...(isNews ? { ...trust, ...sameTexts(known, trust), digest, anonymousDigest } : known),
      revokedBefore,
      agentsRevokedBefore,
    }
    if (this.#parts.isKept()) this.#parts.rows.putShare(kept)
    else this.#heard = kept
    this.#isCapturing = undefined
    return kept
  }

  /** What is decided for the share, with the pins of the server that is carried here. */
  #ownTrust(trust: ShareTrust): ShareTrust {
    const { lane } = this.#parts
    return trust.pins === undefined ? trust : { ...trust, pins: pinsOf(trust.pins, typeof lane === 'string' ? lane : undefined) }
  }

  async #keepLink(trust: LinkTrust): Promise<KeptLinkTrust> {
    const digest = await policyDigest(trust)
    const known = this.#parts.rows.link(trust.id)
    if (known !== undefined && known.version >= trust.version) return known
    const kept = { ...trust, digest }
    // Whoever comes with a link that is over must not have rows written.
    if (this.#parts.isKept() && (known !== undefined || trust.expiresAtMs > Date.now())) this.#parts.rows.putLink(kept)
    return kept
  }
}

/** Of a link whose share the registry does not know any more, in an object that has yet to hear of that; and of whoever shows no credential where one is needed. */
const GONE: Standing = {
  shareEndsAtMs: Infinity,
  linkEndsAtMs: Infinity,
  isRevoked: true,
  isPaused: false,
  facts: { state: '', policies: [] },
}

function refused(standing: Standing | 'none', nowMs: number, isAgent: boolean): PassVerdict | undefined {
  const code = standing === 'none' ? undefined : refusalFor(standing, nowMs, isAgent)
  return code === undefined ? undefined : { kind: 'refused', code }
}
