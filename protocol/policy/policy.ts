/** What a policy is, as owners write it, and how one is read: every wrong member is named. Pure. */
import { err, ok, type Result } from '../result.ts'
import { type ArgumentRule, readArgumentRule } from './argument-rules.ts'
import { MAX_GLOB_CHARS } from './name-glob.ts'
import { isObject } from '../json/json-object.ts'

/** `read`: tools that say they only read, prompts, resources. `write`: also tools that say they destroy nothing. `admin`: all. */
export type Access = (typeof ACCESSES)[number]
export const ACCESSES = ['read', 'write', 'admin'] as const

/** Patterns of names, or of URIs: what is allowed (all, without the member), less what is denied. */
export interface NameRule {
  readonly allow?: readonly string[]
  readonly deny: readonly string[]
}

/** What one owner's word allows. Each member that is absent bounds nothing. */
export interface Policy {
  readonly access: Access
  readonly tools?: NameRule
  readonly prompts?: NameRule
  readonly resources?: NameRule
  readonly arguments: readonly ArgumentRule[]
  /** Patterns of tools whose calls wait for the owner. */
  readonly hold: readonly string[]
  /** Whether a web app may be used; where nothing is said, one that bounds what is MCP's alone opens none. */
  readonly web?: boolean
}

/** Patterns in one list, and rules on arguments: a server with more tools is served by a star. */
const MAX_ENTRIES = 100

const MEMBERS: ReadonlySet<string> = new Set(['access', 'tools', 'prompts', 'resources', 'arguments', 'hold', 'web'])

/** The policy that a JSON value spells. The error names the member and says what it must be. */
export function readPolicy(value: unknown): Result<Policy, string> {
  if (!isObject(value)) return err('policy must be an object')
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined)
    return err(`policy has a member ${JSON.stringify(unknown.slice(0, 40))}; the known ones are: ${[...MEMBERS].join(', ')}`)
  const access = readAccess(value['access'])
  if (!access.ok) return access
  const tools = readNameRule('tools', value['tools'])
  if (!tools.ok) return tools
  const prompts = readNameRule('prompts', value['prompts'])
  if (!prompts.ok) return prompts
  const resources = readNameRule('resources', value['resources'])
  if (!resources.ok) return resources
  const rules = readRules(value['arguments'])
  if (!rules.ok) return rules
  const hold = readGlobs('hold', value['hold'])
  if (!hold.ok) return hold
  const web = value['web']
  if (web !== undefined && typeof web !== 'boolean') return err('web must be true or false')
  return ok({
    access: access.value,
    ...(tools.value === undefined ? {} : { tools: tools.value }),
    ...(prompts.value === undefined ? {} : { prompts: prompts.value }),
    ...(resources.value === undefined ? {} : { resources: resources.value }),
    arguments: rules.value,
    hold: hold.value ?? [],
    ...(web === undefined ? {} : { web }),
  })
}

function readAccess(value: unknown): Result<Access, string> {
  if (value === undefined) return ok('admin')
  const access = ACCESSES.find((known) => known === value)
  return access === undefined ? err(`access must be one of: ${ACCESSES.join(', ')}`) : ok(access)
}

function readNameRule(member: string, value: unknown): Result<NameRule | undefined, string> {
  if (value === undefined) return ok(undefined)
  if (!isObject(value)) return err(`${member} must be an object with allow, deny, or both`)
  const unknown = Object.keys(value).find((name) => name !== 'allow' && name !== 'deny')
  if (unknown !== undefined) return err(`${member} has a member ${JSON.stringify(unknown.slice(0, 40))}; the known ones are: allow, deny`)
  const allow = readGlobs(`${member}.allow`, value['allow'])
  if (!allow.ok) return allow
  const deny = readGlobs(`${member}.deny`, value['deny'])
  if (!deny.ok) return deny
  return ok({ ...(allow.value === undefined ? {} : { allow: allow.value }), deny: deny.value ?? [] })
}

function readGlobs(member: string, value: unknown): Result<readonly string[] | undefined, string> {
  if (value === undefined) return ok(undefined)
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) return err(`${member} must be a list of at most ${MAX_ENTRIES} patterns`)
  const globs = value.filter((glob): glob is string => typeof glob === 'string' && glob.length > 0 && glob.length <= MAX_GLOB_CHARS)
  return globs.length === value.length ? ok(globs) : err(`${member} must be a list of texts of 1 to ${MAX_GLOB_CHARS} characters`)
}

function readRules(value: unknown): Result<readonly ArgumentRule[], string> {
  if (value === undefined) return ok([])
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) return err(`arguments must be a list of at most ${MAX_ENTRIES} rules`)
  const rules: ArgumentRule[] = []
  for (const text of value) {
    if (typeof text !== 'string') return err('arguments must be a list of texts')
    const rule = readArgumentRule(text)
    if (!rule.ok) return err(`arguments: ${rule.error}`)
    rules.push(rule.value)
  }
  return ok(rules)
}
