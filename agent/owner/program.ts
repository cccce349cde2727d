/** The owner's commands: which words begin one, and what each does. */
import { Command, CommanderError } from 'commander'
import { agentCommand, VERSION } from '../config/options.ts'
import { usageError } from '../exit.ts'
import { addApprovalCommands } from './commands/approval-commands.ts'
import { addCatalogCommands } from './commands/catalog-commands.ts'
import { addLogCommand } from './commands/log-command.ts'
import { addLoginCommands } from './commands/login-commands.ts'
import { addOwnerCommands } from './commands/owner-commands.ts'
import { addPeopleCommands } from './commands/people-commands.ts'
import { addSessionCommands } from './commands/session-commands.ts'
import { addShareCommands } from './commands/share-commands.ts'
import { addTokenCommands } from './commands/token-commands.ts'
import { addToolsCommands } from './commands/tools-commands.ts'
import { OwnerRun, type StartRun } from './owner-run.ts'
import type { Terminal } from './terminal.ts'

interface Group {
  readonly does: string
  readonly help: string
  readonly add: (group: Command, start: StartRun) => void
}

/** Words that have commands of their own. */
const GROUPS: Readonly<Record<string, Group>> = {
  share: {
    does: 'makes and orders shares',
    help: `
<share> is an id, or a name that only one share has.

Examples:
  $ mcp-edge-agent share create --name docs --expires 2026-12-04
  $ mcp-edge-agent share pause docs
  $ mcp-edge-agent share update docs --deny 'delete_*'
  $ mcp-edge-agent share list --json`,
    add: (share, start) => {
      addShareCommands(share, start)
      addCatalogCommands(share, start)
    },
  },
  token: {
    does: 'hands out links to a share, and takes them back',
    help: `
<share> and <token> are ids, or names that only one has.
Each option of token update takes the place of what it names; the rest stays as it is.

Examples:
  $ mcp-edge-agent token create docs --read-only --name Ann --expires 2026-12-04
  $ mcp-edge-agent token create docs --access admin --allow 'read_*' --argument '*(path^=/home/me/docs)'
  $ mcp-edge-agent token update docs Ann --expires 2w
  $ mcp-edge-agent token revoke docs Ann
  $ mcp-edge-agent token narrow --read-only --name Bob < share-url.txt`,
    add: addTokenCommands,
  },
  people: {
    does: 'lets people sign in at a share, and ends their access',
    help: `
<share> and <person> are ids, or names or addresses that only one has.

Examples:
  $ mcp-edge-agent people add docs Ann --expires 30d
  $ mcp-edge-agent people add docs bob@example.com --access write
  $ mcp-edge-agent people remove docs Ann`,
    add: addPeopleCommands,
  },
  approvals: {
    does: 'decides about calls that wait for you',
    help: `
<share> is an id, or a name that only one share has. Calls wait that match --hold of the share or of the link that makes them.

Examples:
  $ mcp-edge-agent token update docs Ann --access admin --hold 'write_*'
  $ mcp-edge-agent approvals docs --follow
  $ mcp-edge-agent approvals allow docs 5feceb66ffc86f38d9527867`,
    add: addApprovalCommands,
  },
  sessions: {
    does: 'shows the clients of a share, and ends their sessions',
    help: `
<session> is an id of the list, or the name of a link that only one session has come with.

Examples:
  $ mcp-edge-agent sessions list docs
  $ mcp-edge-agent sessions disconnect docs k3v7qzj2m5xap`,
    add: addSessionCommands,
  },
  tools: {
    does: 'accepts what is new or has changed of what a share offers',
    help: `
<share> is an id, or a name that only one share has.

Examples:
  $ mcp-edge-agent tools list docs
  $ mcp-edge-agent tools diff docs
  $ mcp-edge-agent tools accept docs read_file
  $ mcp-edge-agent tools accept docs --all`,
    add: addToolsCommands,
  },
  owner: {
    does: 'lets others make shares on the relay',
    help: `
Only the deployer of the relay may do this.

Examples:
  $ mcp-edge-agent owner create Ann --expires 90d
  $ mcp-edge-agent owner revoke Ann`,
    add: addOwnerCommands,
  },
}

/** Words that are commands themselves. */
const SINGLE_WORDS: readonly string[] = ['login', 'logout', 'logs']

/** A server whose command is one of these needs `--` before it. */
const OWNER_WORDS: ReadonlySet<string> = new Set([...SINGLE_WORDS, ...Object.keys(GROUPS)])

/** Whether the first word of a command line, past options of the agent and before `--`, is an owner's. Pure. */
export function isOwnerCommand(args: readonly string[]): boolean {
  return OWNER_WORDS.has(firstWord(args) ?? '')
}

/** The owner's word that the first word of a command line is most like, if it is like one and none itself. Pure. */
export function nearOwnerWord(args: readonly string[]): string | undefined {
  const word = firstWord(args)
  return word === undefined || OWNER_WORDS.has(word) ? undefined : nearest(word, [...OWNER_WORDS])
}

/** The same with the word behind it, where that is, or is like, one of its commands. */
export function nearOwnerCommand(args: readonly string[], terminal: Terminal): string | undefined {
  const word = nearOwnerWord(args)
  const next = args[args.indexOf(firstWord(args) ?? '') + 1]
  if (word === undefined || next === undefined) return word
  const known = ownerCommand(terminal).commands.find((command) => command.name() === word)?.commands ?? []
  const command = nearest(
    next,
    known.map((one) => one.name()),
  )
  return command === undefined ? word : `${word} ${command}`
}

/** The word that one is most like, if it is like any. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const [first] = known.map((one) => ({ one, edits: editsBetween(word.toLowerCase(), one) })).toSorted((a, b) => a.edits - b.edits)
  return first !== undefined && first.edits <= (first.one.length > 5 ? 2 : 1) ? first.one : undefined
}

function firstWord(args: readonly string[]): string | undefined {
  const takesValue = new Set(agentCommand().options.flatMap(({ long, required }) => (required && typeof long === 'string' ? [long] : [])))
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? ''
    if (word === '--') return undefined
    if (!word.startsWith('-')) return word
    if (takesValue.has(word)) at += 1
  }
  return undefined
}

/** How many characters must be put in, left out or changed (Levenshtein). Words are short. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let at = 0; at < Math.min(one.length, 32); at++) {
    const next = [at + 1]
    for (let to = 1; to <= other.length; to++) {
      const changed = (row[to - 1] ?? 0) + (one[at] === other[to - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/**
 * Runs one owner's command to its end.
 *
 * @throws {AgentExit} that says in one line what to do.
 * @throws {CommanderError} when only help or the version was asked for.
 */
export async function runOwner(args: readonly string[], terminal: Terminal): Promise<void> {
  const program = ownerCommand(terminal)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error
    const message = error.message.replace(/^error: /, '').replaceAll(/\s+/g, ' ')
    throw usageError(`${message.replace(/\.+$/, '')}. See: ${terminal.program} ${wordsOf(args)}--help`)
  }
}

export function ownerCommand(terminal: Terminal): Command {
  const program = new Command('mcp-edge-agent')
    .description('Makes shares on a relay, and hands out links to them.')
    .version(VERSION)
    .option('--json', 'print one JSON object, as the API answers')
    .option('--relay <url>', 'relay to speak to (env: MCP_EDGE_RELAY; default: the one of the last login)')
    .configureHelp({ showGlobalOptions: true, helpWidth: terminal.columns })
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: terminal.write })
  const start: StartRun = (command) => new OwnerRun(terminal, command)
  addLoginCommands(program, start)
  for (const [word, each] of Object.entries(GROUPS)) each.add(group(program, word, each), start)
  addLogCommand(program, start)
  // Only now, since commands inherit it: a group's own action names the word that is none of its commands.
  for (const each of program.commands) if (each.commands.length > 0) each.allowExcessArguments()
  return program
}

function group(program: Command, name: string, { does, help }: Group): Command {
  const made = program.command(name).description(does).addHelpText('after', help)
  return made.action(() => {
    const [word] = made.args
    const known = made.commands.map((command) => command.name())
    if (word === undefined) throw usageError(`Say what to do with ${name}: ${known.join(', ')}.`)
    const meant = nearest(word, known)
    const hint = meant === undefined ? '' : ` Did you mean ${name} ${meant}?`
    throw usageError(`${name} has no command ${word}. It has: ${known.join(', ')}.${hint}`)
  })
}

/** The words of a command that its help is asked for by. */
function wordsOf(args: readonly string[]): string {
  const at = args.findIndex((word) => OWNER_WORDS.has(word))
  const [word = '', next = ''] = args.slice(at)
  return /^[a-z]+$/.test(next) && !SINGLE_WORDS.includes(word) ? `${word} ${next} ` : `${word} `
}
