/** One answer of those that several agents gave to one call of a tool: each one's content as it was sent, behind a text with its name. Pure. */
import { ERRORS } from '../../../../protocol/error-table.ts'
import type { Failure } from '../../../../protocol/errors.ts'
import type { Span } from '../../../../protocol/json/json-scan.ts'
import { isNullAt } from '../../../../protocol/members/object-members.ts'
import { concat } from '../../../../protocol/splice.ts'
import { findPath, isArrayAt, isObjectAt, rootOf, valueAt } from '../../../bridge/json-view.ts'
import { MAX_SPREAD_ANSWER_BYTES, SPREAD_ANSWER_MS } from '../../../routing-limits.ts'

/** What an agent says: its server's whole JSON-RPC answer, how the call has failed there, nothing in time, or too much. */
export type Said = Uint8Array | Failure | 'late' | 'long'

export interface AgentSaid {
  readonly agent: string
  readonly said: Said
}

interface Manner {
  /** How many agents were not asked. */
  readonly left: number
  /** The tool lists a form for its structured content, which what stands there must have. */
  readonly isTyped: boolean
  /** Of the servers. */
  readonly era: 'legacy' | 'modern'
}

/** In `_meta`, of a tool with a form: the structured content of each agent, by name. */
const AGENTS_KEY = 'mcp-edge/agents'
/** Characters of a server's error that are told. */
const MAX_ERROR_CHARS = 1_000

/** Where the id stands in a joined answer. */
export const JOINED_ID: Span = [22, 23]

const encoder = new TextEncoder()
const COMMA = encoder.encode(',')

/** What one agent's part of the answer is made of. `structured`: as it was sent. */
interface Part {
  readonly agent: string
  readonly content: Uint8Array
  readonly structured: Uint8Array | undefined
  readonly hasFailed: boolean
}

/** The answer, in the order of the agents' names. It is an error if each of them is. */
export function joinedAnswer(all: readonly AgentSaid[], { left, isTyped, era }: Manner): Uint8Array {
  const parts = all.toSorted((a, b) => (a.agent < b.agent ? -1 : 1)).map(partOf)
  const notAsked = left > 0 ? [textBlock(`${left} more agents were not asked`)] : []
  const content = [...parts.map((part) => part.content), ...notAsked]
  const hasFailed = parts.every((part) => part.hasFailed)
  return concat([
    encoder.encode('{"jsonrpc":"2.0","id":0,"result":{"content":['),
    ...listed(content),
    encoder.encode(']'),
    ...structuredOf(parts, isTyped, all[0]?.agent),
    encoder.encode(`${hasFailed ? ',"isError":true' : ''}${era === 'modern' ? ',"resultType":"complete"' : ''}}}`),
  ])
}

/** By agent where all have such; of a tool with a form that of the client's own agent, else of the first that has one, and all of them beside. */
function structuredOf(parts: readonly Part[], isTyped: boolean, own: string | undefined): Uint8Array[] {
  const having = parts.flatMap(({ agent, structured }) => (structured === undefined ? [] : [{ agent, structured }]))
  const [first] = having
  if (first === undefined || (!isTyped && having.length < parts.length)) return []
  const byAgent = concat([
    encoder.encode('{'),
    ...listed(having.map(({ agent, structured }) => concat([encoder.encode(`${JSON.stringify(agent)}:`), structured]))),
    encoder.encode('}'),
  ])
  if (!isTyped) return [encoder.encode(',"structuredContent":'), byAgent]
  const { structured } = having.find(({ agent }) => agent === own) ?? first
  return [encoder.encode(',"structuredContent":'), structured, encoder.encode(`,"_meta":{"${AGENTS_KEY}":`), byAgent, encoder.encode('}')]
}

function partOf({ agent, said }: AgentSaid): Part {
  const line = (text: string): Part => ({ agent, content: textBlock(`${agent}: ${text}`), structured: undefined, hasFailed: true })
  if (said === 'late') return line(`no answer within ${SPREAD_ANSWER_MS / 1000} s`)
  if (said === 'long') return line(`its answer is longer than ${MAX_SPREAD_ANSWER_BYTES / 1024} KiB`)
  if ('code' in said) return line(`${said.code}. ${ERRORS[said.code].message}`)
  const root = rootOf(said)
  const result = findPath(said, root, 'result')
  const inner = (...path: readonly string[]): Span | undefined =>
    isObjectAt(said, result) ? findPath(said, result[0], ...path) : undefined
  const content = inner('content')
  if (!isArrayAt(said, content)) return line(errorText(said, root))
  const hasFailed = valueAt(said, inner('isError')) === true
  const blocks = said.subarray(content[0] + 1, content[1] - 1)
  const isEmpty = blocks.every((byte) => byte <= 0x20)
  const structured = inner('structuredContent')
  return {
    agent,
    content: concat(listed([textBlock(hasFailed ? `${agent}: the tool has failed` : agent), ...(isEmpty ? [] : [blocks])])),
    structured: structured === undefined ? undefined : notNull(said, structured),
    hasFailed,
  }
}

/** A value as it was sent. Serialisers that write every member write an absent one as null. */
function notNull(answer: Uint8Array, span: Span): Uint8Array | undefined {
  const isNull: boolean = isNullAt(answer, span)
  return isNull ? undefined : answer.subarray(...span)
}

/** The text of a JSON-RPC error; or that there is none. */
function errorText(answer: Uint8Array, root: number): string {
  const message = valueAt(answer, findPath(answer, root, 'error', 'message'))
  return typeof message === 'string' ? message.slice(0, MAX_ERROR_CHARS) : 'its server answered with something that has no content'
}

function textBlock(text: string): Uint8Array {
  return encoder.encode(JSON.stringify({ type: 'text', text }))
}

/** With commas between. */
function listed(values: readonly Uint8Array[]): Uint8Array[] {
  return values.flatMap((value, at) => (at === 0 ? [value] : [COMMA, value]))
}
