/** Cuts out of a server's list what a policy hides; the rest stays byte for byte as it was. Pure. */
import { COMMA, OPEN_OBJECT } from '../json-skip.ts'
import type { Span } from '../json-scan.ts'
import { concat, type Replacement, splice } from '../splice.ts'
import type { PolicyJudge, ToolFacts } from './judge.ts'
import { elementsAt, memberNamed, membersAt, orUndefined, textAt } from './json-members.ts'

/** Where each list stands in its result, and by what its entries are known. */
const LISTS = [
  { member: 'tools', key: 'name' },
  { member: 'prompts', key: 'name' },
  { member: 'resources', key: 'uri' },
  { member: 'resourceTemplates', key: 'uriTemplate' },
] as const

type List = (typeof LISTS)[number]

/** One tool of a list, as far as policies look at it. */
interface ListedTool {
  readonly name: string
  readonly facts: ToolFacts
}

/**
 * A result without what the judge hides, whichever list it is. `from`: where it begins in the bytes. Undefined when it
 * cannot be told for certain what a client would read of it. An entry of which that is true is hidden.
 */
export function cutLists(bytes: Uint8Array, from: number, judge: PolicyJudge): Uint8Array | undefined {
  // What is no object holds no list.
  if (bytes[from] !== OPEN_OBJECT) return bytes
  return orUndefined(() => {
    const members = membersAt(bytes, from)
    const cuts = LISTS.flatMap((list) => {
      const span = memberNamed(members, list.member)
      return span === undefined ? [] : cutsOf(bytes, span, list, judge)
    })
    return cuts.length === 0 ? bytes : splice(bytes, cuts)
  })
}

/** What takes the place of a list's entries, where some are hidden. */
function cutsOf(bytes: Uint8Array, [start]: Span, list: List, judge: PolicyJudge): Replacement[] {
  const entries = elementsAt(bytes, start)
  const kept = entries.filter((entry) => isSeen(bytes, entry, list, judge))
  const [first, last] = [entries[0], entries.at(-1)]
  if (first === undefined || last === undefined || kept.length === entries.length) return []
  const pieces = kept.flatMap(([from, to], index) => [...(index === 0 ? [] : [COMMA_BYTE]), bytes.subarray(from, to)])
  return [{ span: [first[0], last[1]], bytes: concat(pieces) }]
}

/** One page of tools/list. */
export interface ToolPage {
  /** A tool that cannot be read for certain is left out. */
  readonly tools: readonly ListedTool[]
  readonly nextCursor: string | undefined
}

/** What a result of tools/list holds; undefined for one that cannot be read for certain. */
export function readToolPage(bytes: Uint8Array, from: number): ToolPage | undefined {
  return orUndefined(() => {
    const members = membersAt(bytes, from)
    const list = memberNamed(members, 'tools')
    const tools = (list === undefined ? [] : elementsAt(bytes, list[0])).flatMap((entry) => {
      const tool = orUndefined(() => readTool(bytes, entry))
      return tool === undefined ? [] : [tool]
    })
    const cursor = memberNamed(members, 'nextCursor')
    return { tools, nextCursor: cursor === undefined ? undefined : textAt(bytes, cursor) }
  })
}

/** Notes a tool among others by its name. Of one that is listed twice the worse is true. */
export function noteTool(tools: Map<string, ToolFacts>, { name, facts }: ListedTool): void {
  const before = tools.get(name) ?? facts
  tools.set(name, {
    isReadOnly: facts.isReadOnly && before.isReadOnly,
    isDestructive: facts.isDestructive || before.isDestructive,
  })
}

const COMMA_BYTE = Uint8Array.of(COMMA)
const TRUE = new TextEncoder().encode('true')
const FALSE = new TextEncoder().encode('false')

function isSeen(bytes: Uint8Array, entry: Span, { member, key }: List, judge: PolicyJudge): boolean {
  if (member === 'tools') {
    const tool = orUndefined(() => readTool(bytes, entry))
    return tool !== undefined && judge.tool(tool.name, tool.facts)
  }
  const name = orUndefined(() => textMember(bytes, entry, key))
  return name !== undefined && (member === 'prompts' ? judge.prompt(name) : judge.resource(name))
}

function readTool(bytes: Uint8Array, [start]: Span): ListedTool | undefined {
  const members = membersAt(bytes, start)
  const name = memberNamed(members, 'name')
  const text = name === undefined ? undefined : textAt(bytes, name)
  if (text === undefined) return undefined
  const annotations = memberNamed(members, 'annotations')
  const hints = annotations === undefined || bytes[annotations[0]] !== OPEN_OBJECT ? [] : membersAt(bytes, annotations[0])
  // Absent hints mean the worse (MCP, `ToolAnnotations`): not read-only, and destructive.
  const is = (key: string, literal: Uint8Array): boolean => {
    const span = memberNamed(hints, key)
    return span !== undefined && span[1] - span[0] === literal.length && literal.every((byte, index) => bytes[span[0] + index] === byte)
  }
  return { name: text, facts: { isReadOnly: is('readOnlyHint', TRUE), isDestructive: !is('destructiveHint', FALSE) } }
}

function textMember(bytes: Uint8Array, [start]: Span, key: string): string | undefined {
  const span = memberNamed(membersAt(bytes, start), key)
  return span === undefined ? undefined : textAt(bytes, span)
}
