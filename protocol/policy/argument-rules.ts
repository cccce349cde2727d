/** Reads and applies rules on a tool's arguments: `read_file(path^=/home/me/docs, mode=r)`. Pure. */
import { err, ok, type Result } from '../result.ts'
import { foldKey } from '../members/routing-keys.ts'
import { matchesGlob, MAX_GLOB_CHARS, MAX_MATCHED_CHARS } from './name-glob.ts'

/** A rule as long as this names a dozen arguments. */
const MAX_RULE_CHARS = 2048
/** Arguments that one rule may name: more than a tool that is worth sharing takes. */
const MAX_CONDITIONS = 16

/** `=`: exactly this text. `^=`: this path, or one below it, by whole segments. */
interface Condition {
  readonly name: string
  readonly op: '=' | '^='
  readonly value: string
}

export interface ArgumentRule {
  /** Of the tools that it is for. */
  readonly tool: string
  /** All must hold. */
  readonly conditions: readonly [Condition, ...Condition[]]
}

/** One argument of a call: its name, and its value if that is a text. */
export type Argument = readonly [name: string, value: string | undefined]

const HEAD = /^\s*([^\s()]+)\s*\(/
/** Name, operator, and a value that is a JSON text or runs up to the next comma. */
const CONDITION = /\s*([^\s=^,()"]+)\s*(\^?=)\s*("(?:[^"\\]|\\.)*"|[^,"]*)\s*(,|$)/y

/** The rule that a text spells. Values with a comma, a quote or spaces around them are written as JSON texts. Errors say what is wrong, for who wrote it. */
export function readArgumentRule(text: string): Result<ArgumentRule, string> {
  const head = HEAD.exec(text)
  const trimmed = text.trimEnd()
  if (text.length > MAX_RULE_CHARS) return err(`a rule may have ${MAX_RULE_CHARS} characters`)
  const tool = head?.[1]
  if (head === null || tool === undefined || !trimmed.endsWith(')')) return err(`${quote(text)} is not of the form tool(argument=value)`)
  if (tool.length > MAX_GLOB_CHARS) return err(`a pattern may have ${MAX_GLOB_CHARS} characters`)
  const inner = trimmed.slice(head[0].length, -1)
  const conditions: Condition[] = []
  for (CONDITION.lastIndex = 0; ;) {
    const found = CONDITION.exec(inner)
    const [, name, op, raw, end] = found ?? []
    if (name === undefined || op === undefined || raw === undefined) return err(`${quote(text)} is not of the form tool(argument=value, …)`)
    const value = raw.startsWith('"') ? readJsonText(raw) : raw.trim()
    if (value === undefined || value === '') return err(`${quote(text)} has no value for ${name}`)
    if (op === '^=' && isEvasive(value)) return err(`${quote(text)} names a path with "..", "%" or a backslash`)
    conditions.push({ name, op: op === '=' ? '=' : '^=', value })
    if (conditions.length > MAX_CONDITIONS) return err(`a rule may name ${MAX_CONDITIONS} arguments`)
    if (end === '') break
  }
  const [first, ...others] = conditions
  return first === undefined ? err(`${quote(text)} names no argument`) : ok({ tool, conditions: [first, ...others] })
}

/**
 * Whether a call with these arguments keeps the rules: those for its tool are alternatives, and a tool for which there is
 * none is free. `args` must hold every member as it was sent, twice where it stands twice; undefined when they are no object.
 */
export function keepsArgumentRules(rules: readonly ArgumentRule[], tool: string, args: readonly Argument[] | undefined): boolean {
  if (rules.length > 0 && tool.length > MAX_MATCHED_CHARS) return false
  const own = rules.filter((rule) => matchesGlob(rule.tool, tool))
  if (own.length === 0) return true
  if (args === undefined) return false
  // Once: their names may be as long as the message.
  const byFolded = Map.groupBy(args, ([key]) => foldKey(key))
  return own.some(({ conditions }) => conditions.every((condition) => holds(condition, byFolded)))
}

function holds({ name, op, value }: Condition, byFolded: ReadonlyMap<string, readonly Argument[]>): boolean {
  const alike = byFolded.get(foldKey(name)) ?? []
  const [only] = alike
  // Two that some server takes for one: nobody knows which it reads.
  if (only === undefined || alike.length > 1 || only[0] !== name || only[1] === undefined) return false
  return op === '=' ? only[1] === value : isWithin(only[1], value)
}

/** Whether a path is another or below it. One that could mean another place than it spells is not. */
function isWithin(path: string, root: string): boolean {
  if (path.length > MAX_MATCHED_CHARS || isEvasive(path)) return false
  const bare = root.length > 1 && root.endsWith('/') ? root.slice(0, -1) : root
  return path === root || path === bare || path.startsWith(bare === '/' ? bare : `${bare}/`)
}

/** Two dots in a row are refused wherever they stand, also as letters that some file systems bring to dots. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const EVASIVE = /\.\.|[%\\\0-\x1f\x7f]/

function isEvasive(path: string): boolean {
  return EVASIVE.test(path) || EVASIVE.test(path.normalize('NFKC'))
}

function readJsonText(raw: string): string | undefined {
  try {
    const value: unknown = JSON.parse(raw)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
