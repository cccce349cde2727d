/**
 * Owns what this isolate has heard of what links let their holders do, by share and link. What is accepted of a server is long and the same for
 * all links of a share, so it is here once for each share and version, with the set that it is judged by.
 */
import { PinSet, readPins } from '../../protocol/policy/pins.ts'
import type { GrantFacts } from '../contract/trust/trust-rpc.ts'
import { Newest } from '../newest.ts'
import { MAX_KNOWN_LINKS, MAX_KNOWN_PINS_CHARS } from '../trust-limits.ts'

/** What is accepted of one server: the text that the Share tells, and the same ready to judge by. */
export class AcceptedEntries {
  readonly text: string
  #set: PinSet | undefined

  constructor(text: string) {
    this.text = text
  }

  get set(): PinSet {
    return (this.#set ??= new PinSet(readPins(this.text)))
  }
}

/** `GrantFacts` as an isolate has them. */
export type KnownGrant = Omit<GrantFacts, 'pins'> & { readonly pins?: AcceptedEntries }

/** What is particular to a link. `pinned`: name of what is accepted. */
type LinkGrant = Omit<GrantFacts, 'pins'> & { readonly pinned?: string }

const grants = new Newest<LinkGrant>(MAX_KNOWN_LINKS)
const accepted = new Newest<AcceptedEntries>(MAX_KNOWN_LINKS, { most: MAX_KNOWN_PINS_CHARS, sizeOf: ({ text }) => text.length })

/** `name`: of the share, then of the link. */
export function knownState(name: string): string | undefined {
  return grants.get(name)?.state
}

/** Undefined for a link of which nothing was heard, or that was forgotten for others: the Share tells it again. */
export function knownGrant(name: string): KnownGrant | undefined {
  const grant = grants.get(name)
  if (grant?.pinned === undefined) return grant
  const { pinned, ...facts } = grant
  const pins = accepted.get(pinned)
  return pins === undefined ? undefined : { ...facts, pins }
}

/** What a Share has told of a link, as it is known from now on. */
export function learnGrant(share: string, name: string, { pins: text, ...facts }: GrantFacts): KnownGrant {
  if (text === undefined) {
    grants.set(name, facts)
    return facts
  }
  // The first part of a state names what is decided for the share itself, its pins among that.
  const pinned = `${share} ${facts.state.split('.', 1)[0]}`
  const before = accepted.get(pinned)
  const pins = before?.text === text ? before : new AcceptedEntries(text)
  accepted.set(pinned, pins)
  grants.set(name, { ...facts, pinned })
  return { ...facts, pins }
}
