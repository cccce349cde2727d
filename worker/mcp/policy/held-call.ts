/** What a call of a tool comes to by the policies of its client: refused, let through, or put to its owner first, and as what. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import { canonicalJson, canonicalObject } from '../../../protocol/policy/canonical-json.ts'
import type { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { messageParams, orUndefined, paramsMember } from '../../../protocol/policy/json-members.ts'
import { claimsModern } from '../../bridge/envelope.ts'
import { META } from '../../bridge/names.ts'
import type { HeldCall, Holdable } from '../../contract/trust/approvals.ts'
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
  const others = otherParams(message)
  if (others === undefined) return unreadable('its params can be read in two ways')
  if (encoder.encode(text + (others.otherParams ?? '')).length > MAX_HELD_BYTES) return unreadable('its arguments are longer than 256 KiB')
  return { hold: { tool: judge.nameOf(name), toolDigest, arguments: text, ...others } satisfies HeldCall }
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

/** What differs between calls that are equal to their owner: where an answer goes, and names that clients give to each call, for traces and logs. */
const OF_ONE_CALL: ReadonlySet<string> = new Set([
  'progressToken',
  META.protocolVersion,
  META.clientInfo,
  META.clientCapabilities,
  META.logLevel,
  // W3C Trace Context and Baggage, under the names that MCP gives them (SEP-414).
  'traceparent',
  'tracestate',
  'baggage',
  // Of Claude Code, VS Code and Codex.
  'claudecode/toolUseId',
  'vscode.conversationId',
  'vscode.requestId',
  'x-codex-turn-metadata',
])
/** What stands in a place of its own, or is its own place. */
const TOLD_APART: ReadonlySet<string> = new Set(['name', 'arguments', '_meta'])
const INPUT: ReadonlySet<string> = new Set(['inputResponses', 'requestState'])

/** All of the params that is not told apart, in canonical text; undefined where they have none. */
function otherParams({ bytes, params }: ClientMessage): Pick<HeldCall, 'otherParams' | 'further'> | undefined {
  return orUndefined(() => {
    const span = messageParams(bytes)
    if (span === undefined) return {}
    const metaSpan = paramsMember(bytes, '_meta')
    const meta = metaSpan === undefined ? '{}' : canonicalObject(bytes, metaSpan, { isKept: (key) => !OF_ONE_CALL.has(key) })
    const textWithout = (left: ReadonlySet<string>): Pick<HeldCall, 'otherParams'> => {
      const others = meta === '{}' ? [] : [['_meta', meta] as const]
      const text = canonicalObject(bytes, span, { isKept: (key) => !TOLD_APART.has(key) && !left.has(key), others })
      return text === '{}' ? {} : { otherParams: text }
    }
    // To a server of the handshake era these are params like any other.
    const isFurther = claimsModern(params) && [...INPUT].some((key) => params[key] !== undefined)
    return { ...textWithout(new Set()), ...(isFurther ? { further: textWithout(INPUT) } : {}) }
  })
}

function unreadable(detail: string): Failure {
  return { code: 'APPROVAL_UNREADABLE', executed: 'no', detail }
}
