/** What the holder of a link may do, as this isolate knows it, and the pass that its requests show, which names by what they were judged. */
import type { LinkHolder } from '../access/authenticate.ts'
import { leafOf } from '../contract/trust/pass.ts'
import type { GrantFacts, Pass } from '../contract/trust/trust-rpc.ts'
import { type KnownGrant, knownGrant, knownState, learnGrant } from './known-grants.ts'

/** Of the holder of a link, what its requests to a Share need. */
export type Holder = Pick<LinkHolder, 'chain' | 'isInUrl' | 'names' | 'ends' | 'policies' | 'challenge' | 'isAnonymous'> &
  Pick<Pass, 'address'> & {
    /** Where its client finds the metadata of the server itself, whose key stands in the URL. */
    readonly metadataUrl?: () => string
  }

export class HolderGrant {
  readonly #share: string
  readonly #holder: Holder
  /** Of the link, as grants are known by. */
  readonly #name: string
  /** As it was known here last: the isolate may have forgotten it for other links since. */
  #known: KnownGrant | undefined
  #pass: Pass

  /** `share`: its id. */
  constructor(share: string, holder: Holder) {
    this.#share = share
    this.#holder = holder
    this.#name = `${share} ${leafOf(holder)}`
    this.#known = knownGrant(this.#name)
    this.#pass = passOf(holder, this.#known)
  }

  /** What its requests show. */
  get pass(): Pass {
    return this.#pass
  }

  get known(): KnownGrant | undefined {
    if (knownState(this.#name) !== this.#known?.state) this.#known = knownGrant(this.#name) ?? this.#known
    return this.#known
  }

  /** Of what was judged by something else the pass goes on naming that. */
  learn(facts: GrantFacts): KnownGrant {
    this.#known = learnGrant(this.#share, this.#name, facts)
    return this.#known
  }

  /** The same, and what is asked from now on is judged by this. */
  judgeBy(facts: GrantFacts): KnownGrant {
    const grant = this.learn(facts)
    this.#pass = passOf(this.#holder, grant)
    return grant
  }

  policies(grant: KnownGrant | undefined): readonly string[] {
    const { policies = [] } = this.#holder
    return grant === undefined ? policies : [...policies, ...grant.policies]
  }
}

function passOf({ chain, names, ends, address }: Holder, grant: KnownGrant | undefined): Pass {
  const narrowed = names === undefined || ends === undefined ? {} : { names, ends }
  return { chain, ...narrowed, ...(address === undefined ? {} : { address }), ...(grant === undefined ? {} : { state: grant.state }) }
}
