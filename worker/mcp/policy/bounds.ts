/** What a visitor may do, as far as this isolate knows: the policies of its share and its links, ready to judge by. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { type Policy, readPolicy } from '../../../protocol/policy/policy.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { GrantFacts } from '../../contract/trust-rpc.ts'
import { MAX_KNOWN_LINKS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'

const NO_BOUNDS = new PolicyJudge([])
const judges = new Newest<PolicyJudge>(MAX_KNOWN_LINKS)

/** Judges by what was heard last, which is what a call was let in by once it was; or by other facts that have just been told. */
export function judgeFor(share: Pick<ShareClient, 'policies'>, grant?: GrantFacts): PolicyJudge {
  return judgeOf(share.policies(grant))
}

/** Whether a visitor may be told of a change: of a resource only if it may read it, whatever it could when it asked to be told. */
export function mayHearOf(share: Pick<ShareClient, 'policies'>, header: AgentFrame): boolean {
  return header.type !== 'notification' || header.uri === undefined || judgeFor(share).resource(header.uri)
}

/** `policies`: as JSON texts; a request must be within each. */
export function judgeOf(policies: readonly string[]): PolicyJudge {
  if (policies.length === 0) return NO_BOUNDS
  // No JSON text holds a line break.
  const name = policies.join('\n')
  const known = judges.get(name)
  if (known !== undefined) return known
  const judge = new PolicyJudge(policies.map(policyOf))
  judges.set(name, judge)
  return judge
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
