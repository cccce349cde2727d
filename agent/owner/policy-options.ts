/** The options that say what may be done with a link or a share, and a policy in words. No I/O. */
import { type Command, Option } from 'commander'
import { ACCESSES, type NameRule, readPolicy } from '../../protocol/policy/policy.ts'
import { usageError } from '../exit.ts'

export interface PolicyOptions {
  readonly readOnly?: true
  readonly access?: string
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly argument?: readonly string[]
  readonly hold?: readonly string[]
  readonly policy?: string
}

/** A policy as the API shows it. */
type ShownPolicy = Readonly<Record<string, unknown>>

const IN_WORDS: Readonly<Record<string, string>> = {
  read: 'only read',
  write: 'read and write, but destroy nothing',
  admin: 'do everything',
}

export function addPolicyOptions(command: Command): Command {
  return command
    .option('--read-only', 'only tools that say that they only read; as --access read')
    .addOption(new Option('--access <access>', 'read; write: also tools that say they destroy nothing; admin: all').choices(ACCESSES))
    .option('--allow <pattern>', 'only tools of this name, where * stands for anything; repeatable', collect)
    .option('--deny <pattern>', 'no tools of this name; repeatable', collect)
    .option('--argument <rule>', "bounds a tool's arguments: 'read_file(path^=/home/me/docs)'; repeatable", collect)
    .option('--hold <pattern>', 'calls of tools of this name wait until you allow them (see approvals); repeatable', collect)
    .option('--policy <json>', 'the whole policy as JSON, in place of the options above (docs/api.md)')
}

/**
 * The policy that options spell, or nothing when they say nothing. `before` is what holds so far: each option takes the place of what
 * it names, and the rest stays.
 *
 * @throws {AgentExit} that names what is wrong.
 */
export function policyOf(options: PolicyOptions, before: ShownPolicy = {}): ShownPolicy | undefined {
  const { readOnly, access, allow, deny, argument, hold, policy } = options
  const isSpelt = [readOnly, access, allow, deny, argument, hold].some((value) => value !== undefined)
  if (policy !== undefined && isSpelt)
    throw usageError('--policy is the whole policy. Leave the other options out, or write what they say into it.')
  if (readOnly === true && access !== undefined && access !== 'read') throw usageError('--read-only is --access read. Give one of the two.')
  if (policy === undefined && !isSpelt) return undefined
  const value = policy === undefined ? mergedPolicy(options, before) : parse(policy)
  const read = readPolicy(value)
  if (!read.ok) throw usageError(`${read.error}.`)
  return value as ShownPolicy
}

/** One line: `only read; only tools read_*, list; not read_media; arguments read_file(path^=/docs)`. */
export function inWords(policy: unknown): string {
  const read = readPolicy(policy)
  if (!read.ok) return 'what a newer program than this one can tell'
  const { access, tools, prompts, resources, hold } = read.value
  const { arguments: rules = [] } = policy as { readonly arguments?: readonly string[] }
  const parts = [
    IN_WORDS[access] ?? access,
    ...ruleInWords('tools', tools),
    ...ruleInWords('prompts', prompts),
    ...ruleInWords('resources', resources),
    ...(rules.length === 0 ? [] : [`arguments ${rules.join(' or ')}`]),
    ...(hold.length === 0 ? [] : [`asks before ${hold.join(', ')}`]),
  ]
  return parts.join('; ')
}

/** The same for a table: the access, and whether there is more. */
export function inShort(policy: unknown): string {
  const [access = '', ...more] = inWords(policy).split('; ')
  const word = Object.keys(IN_WORDS).find((key) => IN_WORDS[key] === access) ?? '?'
  return more.length === 0 ? word : `${word}, limited`
}

function ruleInWords(what: string, rule: NameRule | undefined): string[] {
  if (rule === undefined) return []
  const { allow, deny } = rule
  const allowed = allow === undefined ? [] : [`only ${what} ${allow.length === 0 ? '(none)' : allow.join(', ')}`]
  return deny.length === 0 ? allowed : [...allowed, `no ${what} ${deny.join(', ')}`]
}

function mergedPolicy({ readOnly, access, allow, deny, argument, hold }: PolicyOptions, before: ShownPolicy): ShownPolicy {
  const wanted = readOnly === true ? 'read' : access
  const tools = {
    ...(before['tools'] as ShownPolicy | undefined),
    ...(allow === undefined ? {} : { allow }),
    ...(deny === undefined ? {} : { deny }),
  }
  return {
    ...before,
    ...(wanted === undefined ? {} : { access: wanted }),
    ...(Object.keys(tools).length === 0 ? {} : { tools }),
    ...(argument === undefined ? {} : { arguments: argument }),
    ...(hold === undefined ? {} : { hold }),
  }
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw usageError('--policy is no JSON. Give an object such as {"access":"read"}, in quotes of the shell.')
  }
}
