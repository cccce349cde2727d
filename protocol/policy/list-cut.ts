/** Cuts out of a server's list what a policy hides; the rest stays byte for byte as it was. Pure. */
import { OPEN_OBJECT } from '../json/json-skip.ts'
import type { Span } from '../json/json-scan.ts'
import { type Replacement, splice } from '../splice.ts'
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

/** Digests of entries, by where each begins in the bytes. */
export type EntryDigests = ReadonlyMap<number, string>

/** One entry of a server's lists. `facts`: of a tool. */
export interface ListedEntry {
  readonly kind: List['member']
  readonly name: string
  readonly span: Span
  readonly facts?: ToolFacts
}

/** All that a result lists, of whichever list; entries without a name that can be read for certain are left out. Undefined as for `listCuts`. */
export function listedEntries(bytes: Uint8Array, from: number): ListedEntry[] | undefined {
  if (bytes[from] !== OPEN_OBJECT) return []
  return orUndefined(() => {
    const members = membersAt(bytes, from)
    return LISTS.flatMap((list) => {
      const span = memberNamed(members, list.member)
      return span === undefined ? [] : elementsAt(bytes, span[0]).flatMap((entry) => readEntry(bytes, entry, list) ?? [])
    })
  })
}

function readEntry(bytes: Uint8Array, span: Span, { member, key }: List): ListedEntry | undefined {
  if (member === 'tools') {
    const tool = orUndefined(() => readTool(bytes, span))
    return tool === undefined ? undefined : { kind: member, span, ...tool }
  }
  const name = orUndefined(() => textMember(bytes, span, key))
  return name === undefined ? undefined : { kind: member, name, span }
}

/** One tool of a list, as far as policies look at it. */
interface ListedTool {
  readonly name: string
  readonly facts: ToolFacts
}

/** A result without what the judge hides; as `listCuts`. */
export function cutLists(bytes: Uint8Array, from: number, judge: PolicyJudge): Uint8Array | undefined {
  const cuts = listCuts(bytes, from, judge)
  return cuts === undefined ? undefined : splice(bytes, cuts)
}

/**
 * What must be taken out of a result so that it lists nothing that the judge hides, whichever list it is. `from`: where it
 * begins in the bytes. Undefined when it cannot be told for certain what a client would read of it. An entry of which that is
 * true is hidden. `digests`: of the entries, where the judge knows what is pinned.
 */
export function listCuts(bytes: Uint8Array, from: number, judge: PolicyJudge, digests?: EntryDigests): Replacement[] | undefined {
  // What is no object holds no list.
  if (bytes[from] !== OPEN_OBJECT) return []
  return orUndefined(() => {
    const members = membersAt(bytes, from)
    return LISTS.flatMap((list) => {
      const span = memberNamed(members, list.member)
      return span === undefined ? [] : cutsOf(bytes, span, list, judge, digests)
    })
  })
}

/** Takes out each run of hidden entries, with the comma behind it, or before it at the list's end. */
function cutsOf(bytes: Uint8Array, [start]: Span, list: List, judge: PolicyJudge, digests: EntryDigests | undefined): Replacement[] {
  const entries = elementsAt(bytes, start)
  const cuts: Replacement[] = []
  const cut = (from: number, to: number): void => void cuts.push({ span: [from, to], bytes: NOTHING })
  let lastSeen: Span | undefined
  let firstHidden: Span | undefined
  for (const entry of entries) {
    if (!isSeen(bytes, entry, list, judge, digests?.get(entry[0]))) {
      firstHidden ??= entry
      continue
    }
    if (firstHidden !== undefined) cut(firstHidden[0], entry[0])
    firstHidden = undefined
    lastSeen = entry
  }
  const [last] = entries.slice(-1)
  if (firstHidden !== undefined && last !== undefined) cut(lastSeen?.[1] ?? firstHidden[0], last[1])
  return cuts
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
    ...(facts.isTyped === true || before.isTyped === true ? { isTyped: true } : {}),
    // Of two that differ nobody knows which one is called.
    ...(facts.digest !== undefined && facts.digest === before.digest ? { digest: facts.digest } : {}),
  })
}

const NOTHING = new Uint8Array(0)
const TRUE = new TextEncoder().encode('true')
const FALSE = new TextEncoder().encode('false')

function isSeen(bytes: Uint8Array, span: Span, list: List, judge: PolicyJudge, digest: string | undefined): boolean {
  const entry = readEntry(bytes, span, list)
  if (entry === undefined) return false
  const { kind, name, facts } = entry
  if (kind === 'tools') return judge.tool(name, facts === undefined ? undefined : { ...facts, digest })
  return judge.accepts(kind, digest) && (kind === 'prompts' ? judge.prompt(name) : judge.resource(name))
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
  const typed = memberNamed(members, 'outputSchema') === undefined ? {} : ({ isTyped: true } as const)
  return { name: text, facts: { isReadOnly: is('readOnlyHint', TRUE), isDestructive: !is('destructiveHint', FALSE), ...typed } }
}

function textMember(bytes: Uint8Array, [start]: Span, key: string): string | undefined {
  const span = memberNamed(membersAt(bytes, start), key)
  return span === undefined ? undefined : textAt(bytes, span)
}
