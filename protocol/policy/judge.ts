/** Says what several policies together allow: the strictest wins. Pure; knows names and facts of tools, not messages. */
import { type Argument, keepsArgumentRules } from './argument-rules.ts'
import { matchesFolded, matchesGlob, MAX_MATCHED_CHARS } from './name-glob.ts'
import type { PinKind, PinSet } from './pins.ts'
import type { Access, NameRule, Policy } from './policy.ts'
import { prefixedName, uriReadings } from '../server-names.ts'

/** What a tool says of itself in its annotations (MCP, `ToolAnnotations`); what it does not say counts as the worse. */
export interface ToolFacts {
  readonly isReadOnly: boolean
  readonly isDestructive: boolean
  /** It lists a form for its structured content (`outputSchema`). */
  readonly isTyped?: true
  /** Of its whole entry, where pins are looked at; absent of one that could be read in two ways. */
  readonly digest?: string | undefined
}

/** `held`: allowed once the owner agrees. */
export type Judgement = 'allowed' | 'held' | 'denied'

export class PolicyJudge {
  readonly #policies: readonly Policy[]
  readonly #server: string | undefined
  /** What is accepted of the server; undefined where nothing is pinned. */
  readonly pins: PinSet | undefined
  /** Whether no policy bounds anything: then methods pass that the relay does not know. */
  readonly isBare: boolean
  /** Whether nothing is bounded or pinned at all. */
  readonly isOpen: boolean
  /** Whether calls of some tools wait for the owner. */
  readonly mayHold: boolean

  /** `server`: name of the one that is judged, where its share has several. Policies know its tools and prompts by prefixed names, and are asked by its own. */
  constructor(policies: readonly Policy[], pins?: PinSet, server?: string) {
    this.#policies = policies
    this.#server = server
    this.pins = pins?.isEmpty === false ? pins : undefined
    this.isBare = policies.every(isBare)
    this.isOpen = this.isBare && this.pins === undefined
    this.mayHold = policies.some(({ hold }) => hold.length > 0)
  }

  /** Whether an entry of the server is accepted, where entries of its kind are pinned. */
  accepts(kind: PinKind, digest: string | undefined): boolean {
    return this.pins === undefined || this.pins.accepts(kind, digest)
  }

  /** The name of a tool or prompt by which policies and the owner know it. */
  nameOf(own: string): string {
    return prefixedName(this.#server, own)
  }

  /** Whether a tool may be seen and called at all. `facts`: undefined for one that is in no list. */
  tool(name: string, facts: ToolFacts | undefined): boolean {
    if (!this.accepts('tools', facts?.digest)) return false
    return (
      this.isBare ||
      (facts !== undefined && this.#policies.every(({ access, tools }) => permits(access, facts) && isNamed(tools, this.nameOf(name))))
    )
  }

  /** Whether names alone let a tool be called: of one that was called, which was judged by what it said of itself then. */
  names(tool: string): boolean {
    return this.#policies.every(({ tools }) => isNamed(tools, this.nameOf(tool)))
  }

  /** Whether a call of it may be made. `args`: as `keepsArgumentRules` wants them. */
  toolCall(name: string, facts: ToolFacts | undefined, args: readonly Argument[] | undefined): Judgement {
    const known = this.nameOf(name)
    if (!this.tool(name, facts) || !this.#policies.every((policy) => keepsArgumentRules(policy.arguments, known, args))) return 'denied'
    return this.#policies.some(({ hold }) => isHeld(hold, known)) ? 'held' : 'allowed'
  }

  /** Whether a rule bounds the arguments of this tool: only then must they be read. */
  boundsArguments(name: string): boolean {
    const known = this.nameOf(name)
    return (
      known.length <= MAX_MATCHED_CHARS && this.#policies.some((policy) => policy.arguments.some((rule) => matchesGlob(rule.tool, known)))
    )
  }

  prompt(name: string): boolean {
    return this.#policies.every(({ prompts }) => isNamed(prompts, this.nameOf(name)))
  }

  /** Of a resource, or of a template's text: each that a server could be asked for by this URI must be allowed. */
  resource(uri: string): boolean {
    const rules = this.#policies.flatMap(({ resources }) => resources ?? [])
    if (rules.length === 0) return true
    if (uri.length > MAX_MATCHED_CHARS) return false
    const readings = uriReadings(uri)
    return readings?.every((reading) => !isEvasiveUri(reading) && rules.every((rule) => isNamed(rule, reading))) === true
  }
}

function isBare({ access, tools, prompts, resources, arguments: rules, hold }: Policy): boolean {
  const hasNames = tools !== undefined || prompts !== undefined || resources !== undefined
  return access === 'admin' && !hasNames && rules.length === 0 && hold.length === 0
}

function permits(access: Access, { isReadOnly, isDestructive }: ToolFacts): boolean {
  return access === 'admin' || isReadOnly || (access === 'write' && !isDestructive)
}

/** What is forbidden is forbidden in every spelling; what is allowed is so in one. What is too long to be looked at is forbidden by any rule. */
function isNamed(rule: NameRule | undefined, name: string): boolean {
  if (rule === undefined) return true
  if (name.length > MAX_MATCHED_CHARS) return false
  if (rule.deny.some((glob) => matchesFolded(glob, name))) return false
  return rule.allow === undefined || rule.allow.some((glob) => matchesGlob(glob, name))
}

function isHeld(hold: readonly string[], name: string): boolean {
  return hold.length > 0 && (name.length > MAX_MATCHED_CHARS || hold.some((glob) => matchesFolded(glob, name)))
}

/**
 * A URI that could lead elsewhere than it spells, or spells in another way where it leads (RFC 3986 §6.2.2): dots, more slashes than an
 * empty authority has, and letters, digits and marks in percent signs that need none.
 */
const EVASIVE_URI =
  // oxlint-disable-next-line no-control-regex -- control characters are among what it looks for
  /(?:^|[/\\:])\.{1,2}(?:[/\\?#]|$)|\/{4}|%(?:00|2[5d-f]|3\d|[46][1-9a-f]|5[\dacf]|7[\dae])|[\\\0-\x20\x7f]/i

function isEvasiveUri(uri: string): boolean {
  return EVASIVE_URI.test(uri) || EVASIVE_URI.test(uri.normalize('NFKC'))
}
