/** What a visitor may do, as far as this isolate knows: the policies of its share and its links, ready to judge by. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { type Policy, readPolicy } from '../../../protocol/policy/policy.ts'
import type { AcceptedEntries, KnownGrant } from '../../carry/known-grants.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { MAX_KNOWN_LINKS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'

/** What of a ShareClient says what its holder may do. */
export type Bounding = Pick<ShareClient, 'policies' | 'pins'> & { readonly server?: string | undefined }

/** By the name of the server that is judged by them, if it has one, and their texts, one to a line: no JSON text holds a line break. */
const parsed = new Newest<readonly Policy[]>(MAX_KNOWN_LINKS)
/** By what is accepted, then by policies, for as long as both are remembered. */
const judges = new WeakMap<object, WeakMap<readonly Policy[], PolicyJudge>>()

const NOTHING_PINNED = {}
const NO_BOUNDS = new PolicyJudge([])

/** Judges by what was heard last, which is what a call was let in by once it was; or by other facts that have just been told. */
export function judgeFor(share: Bounding, grant?: KnownGrant): PolicyJudge {
  return judgeOf(share.policies(grant), share.pins(grant), share.server)
}

/** The same by policies alone: of an answer that was translated, and is bounded by pins already. */
export function policyJudgeFor(share: Bounding): PolicyJudge {
  return judgeOf(share.policies(), undefined, share.server)
}

/** Whether a visitor may be told of a change: of a resource only if it may read it, whatever it could when it asked to be told. */
export function mayHearOf(share: Bounding, header: AgentFrame): boolean {
  return header.type !== 'notification' || header.uri === undefined || judgeFor(share).resource(header.uri)
}

/** `policies`: as JSON texts; a request must be within each. `server`: as `PolicyJudge` takes it. */
export function judgeOf(policies: readonly string[], accepted?: AcceptedEntries, server?: string): PolicyJudge {
  if (policies.length === 0 && accepted === undefined) return NO_BOUNDS
  const read = policiesOf(policies, server)
  const key = accepted ?? NOTHING_PINNED
  const known = judges.get(key)?.get(read)
  if (known !== undefined) return known
  const judge = new PolicyJudge(read, accepted?.set, server)
  const ofKey = judges.get(key) ?? new WeakMap<readonly Policy[], PolicyJudge>()
  judges.set(key, ofKey.set(read, judge))
  return judge
}

function policiesOf(texts: readonly string[], server = ''): readonly Policy[] {
  const name = [server, ...texts].join('\n')
  const known = parsed.get(name)
  if (known !== undefined) return known
  const read = texts.map(policyOf)
  parsed.set(name, read)
  return read
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
