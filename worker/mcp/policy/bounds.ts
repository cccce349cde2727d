/** What a visitor may do, as far as this isolate knows: the policies of its share and its links, ready to judge by. */
import { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { type Policy, readPolicy } from '../../../protocol/policy/policy.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { MAX_KNOWN_LINKS } from '../../limits.ts'
import { Newest } from '../../newest.ts'

const NO_BOUNDS = new PolicyJudge([])
const judges = new Newest<PolicyJudge>(MAX_KNOWN_LINKS)

/** Judges by what was heard last; once a call was let in, that is what it was let in by. */
export function judgeFor({ grant }: Pick<ShareClient, 'grant'>): PolicyJudge {
  return grant === undefined ? NO_BOUNDS : judgeOf(grant.policies)
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
