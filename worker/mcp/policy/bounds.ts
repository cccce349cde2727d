/** What a visitor may do, as far as this isolate knows: the policies of its share and its links, ready to judge by. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { PinSet, readPins } from '../../../protocol/policy/pins.ts'
import { type Policy, readPolicy } from '../../../protocol/policy/policy.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { GrantFacts } from '../../contract/trust-rpc.ts'
import { MAX_KNOWN_LINKS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'

/** What of a ShareClient says what its holder may do. */
export type Bounding = Pick<ShareClient, 'policies' | 'pins'>

/** By their texts, as isolates hear them. A number names each, since the text is long. */
const pinSets = new Newest<{ readonly set: PinSet; readonly name: number }>(MAX_KNOWN_LINKS)
let pinSetCount = 0

const NO_BOUNDS = new PolicyJudge([])
const judges = new Newest<PolicyJudge>(MAX_KNOWN_LINKS)

/** Judges by what was heard last, which is what a call was let in by once it was; or by other facts that have just been told. */
export function judgeFor(share: Bounding, grant?: GrantFacts): PolicyJudge {
  return judgeOf(share.policies(grant), share.pins(grant))
}

/** The same by policies alone: of an answer that was translated, and is bounded by pins already. */
export function policyJudgeFor(share: Bounding): PolicyJudge {
  return judgeOf(share.policies(), undefined)
}

/** Whether a visitor may be told of a change: of a resource only if it may read it, whatever it could when it asked to be told. */
export function mayHearOf(share: Bounding, header: AgentFrame): boolean {
  return header.type !== 'notification' || header.uri === undefined || judgeFor(share).resource(header.uri)
}

/** `policies`: as JSON texts; a request must be within each. `pins`: as in `GrantFacts`. */
export function judgeOf(policies: readonly string[], pins?: string): PolicyJudge {
  if (policies.length === 0 && pins === undefined) return NO_BOUNDS
  const pinned = pins === undefined ? undefined : pinSetOf(pins)
  // No JSON text holds a line break.
  const name = [pinned?.name ?? '', ...policies].join('\n')
  const known = judges.get(name)
  if (known !== undefined) return known
  const judge = new PolicyJudge(policies.map(policyOf), pinned?.set)
  judges.set(name, judge)
  return judge
}

function pinSetOf(text: string): { readonly set: PinSet; readonly name: number } {
  const known = pinSets.get(text)
  if (known !== undefined) return known
  const made = { set: new PinSet(readPins(text)), name: ++pinSetCount }
  pinSets.set(text, made)
  return made
}

/** Of a later relay, perhaps: what cannot be read allows nothing. */
const NOTHING: Policy = {
  access: 'read',
  tools: { allow: [], deny: [] },
  prompts: { allow: [], deny: [] },
  resources: { allow: [], deny: [] },
  arguments: [],
  hold: [],
}

function policyOf(text: string): Policy {
  const read = readPolicy(JSON.parse(text))
  return read.ok ? read.value : NOTHING
}
