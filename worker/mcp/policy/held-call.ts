/** What a call of a tool comes to by the policies of its client: refused, let through, or put to its owner first, and as what. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import { canonicalJson } from '../../../protocol/policy/canonical-json.ts'
import type { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { orUndefined, paramsMember } from '../../../protocol/policy/json-members.ts'
import type { HeldCall, Holdable } from '../../contract/approvals.ts'
import { MAX_HELD_BYTES } from '../../trust-limits.ts'
import type { ClientMessage } from '../message.ts'
import { type ToolsByName, verdictOf } from './message-verdict.ts'

/** What is known of a server's tools. */
export interface KnownTools {
  readonly tools: ToolsByName
}

export type CallVerdict = Failure | Pick<Holdable, 'hold' | 'runsOnce'>

const encoder = new TextEncoder()

export function callVerdict(judge: PolicyJudge, message: ClientMessage, { tools }: KnownTools): CallVerdict {
  const verdict = verdictOf(judge, message, tools)
  if (verdict !== 'held') return verdict ?? NOT_HELD
  const { name } = message.params
  const toolDigest = typeof name === 'string' ? tools.get(name)?.digest : undefined
  if (typeof name !== 'string' || toolDigest === undefined) return unreadable('what the server lists as this tool can be read in two ways')
  const text = argumentsText(message.bytes)
  if (text === undefined) return unreadable('its arguments can be read in two ways')
  if (encoder.encode(text).length > MAX_HELD_BYTES) return unreadable('its arguments are longer than 256 KiB')
  return { hold: { tool: name, toolDigest, arguments: text } satisfies HeldCall }
}

/** Of a call that need not wait for its owner, though it may have had to before. */
export const NOT_HELD: Pick<Holdable, 'hold'> = { hold: undefined }

/** The canonical text of `params.arguments`; empty without them, undefined where they have none. */
function argumentsText(message: Uint8Array): string | undefined {
  return orUndefined(() => {
    const args = paramsMember(message, 'arguments')
    return args === undefined ? '' : canonicalJson(message, args)
  })
}

function unreadable(detail: string): Failure {
  return { code: 'APPROVAL_UNREADABLE', executed: 'no', detail }
}
