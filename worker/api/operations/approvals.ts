/** The calls about what waits for the owner of a share: what they take, and what they answer. */
import * as v from 'valibot'
import { APPROVAL_DECISIONS } from '../../contract/trust/approvals.ts'
import { bodyOf, choice } from './members.ts'
import { NO_CONTENT, type Operation, time } from './operation.ts'

const text = v.nullable(v.string())

export const ApprovalOrder = bodyOf({ decision: choice(APPROVAL_DECISIONS) })

const call = {
  id: v.string(),
  at: time,
  principal: v.string(),
  link: v.object({ id: v.string(), name: text }),
  client: text,
  session: text,
  agent: v.string(),
  tool: v.string(),
  arguments: v.pipe(
    text,
    v.description('JSON text, in which what cannot be seen is escaped; null for a call without, or where they are not kept.'),
  ),
  other_params: v.pipe(
    text,
    v.description('The same of all else of its params that a server may act on; null where there is nothing else, or it is not kept.'),
  ),
}
const Approval = v.object({ ...call, expires_at: time })
/** A call that waits, as the share's owner sees it. */
export type ApprovalFacts = v.InferOutput<typeof Approval>

const Decision = v.object({ ...call, decision: v.picklist(APPROVAL_DECISIONS), expires_at: v.nullable(time) })
/** What an owner has decided. */
export type DecisionFacts = v.InferOutput<typeof Decision>

const ApprovalList = v.object({ approvals: v.array(Approval), decisions: v.array(Decision), next: v.exactOptional(v.string()) })

export const APPROVAL_SCHEMAS = { ApprovalOrder, Approval, Decision, ApprovalList }

export const APPROVAL_OPERATIONS = {
  listApprovals: {
    method: 'GET',
    path: '/api/shares/{share}/approvals',
    summary: 'Lists the calls that wait for the owner, oldest first, and what the owner has decided.',
    description: 'What is decided stands on the first page.',
    who: 'owner',
    query: { after: v.pipe(v.string(), v.description('What an earlier answer had as next.')) },
    answers: { 200: { description: 'As many as have 6 MiB of arguments together.', body: ApprovalList } },
    errors: ['BODY_INVALID', 'LANES_UNREACHED'],
  },
  decideApproval: {
    method: 'POST',
    path: '/api/shares/{share}/approvals/{approval}',
    summary: 'Decides about a call that waits.',
    description: 'allow lets one such call through within 10 minutes, always all of them; deny none for 10 minutes.',
    who: 'owner',
    body: ApprovalOrder,
    answers: { 200: { description: 'What is decided.', body: Decision } },
    errors: ['APPROVAL_NOT_FOUND', 'APPROVAL_LIMIT_REACHED', 'LANES_UNREACHED'],
  },
  forgetApproval: {
    method: 'DELETE',
    path: '/api/shares/{share}/approvals/{approval}',
    summary: 'Takes back what was decided: the next such call waits again.',
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['APPROVAL_NOT_FOUND', 'LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
