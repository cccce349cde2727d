/** The owner's commands: which words begin one, and what each does. */
import { Command, CommanderError } from 'commander'
import { agentCommand, VERSION } from '../config/options.ts'
import { AgentExit, EXIT } from '../exit.ts'
import { addLoginCommands } from './login-commands.ts'
import { addOwnerCommands } from './owner-commands.ts'
import { OwnerRun, type StartRun } from './owner-run.ts'
import { addShareCommands } from './share-commands.ts'
import type { Terminal } from './terminal.ts'
import { addTokenCommands } from './token-commands.ts'

/** A server whose command is one of these needs `--` before it. */
const OWNER_WORDS: ReadonlySet<string> = new Set(['login', 'logout', 'share', 'token', 'owner'])

const EXAMPLES = {
  share: `
<share> is an id, or a name that only one share has.

Examples:
  $ mcp-edge-agent share create --name docs --expires 2026-12-04
  $ mcp-edge-agent share pause docs
  $ mcp-edge-agent share update docs --deny 'delete_*'
  $ mcp-edge-agent share list --json`,
  token: `
<share> and <token> are ids, or names that only one has.
Each option of token update takes the place of what it names; the rest stays as it is.

Examples:
  $ mcp-edge-agent token create docs --read-only --name Ann --expires 2026-12-04
  $ mcp-edge-agent token create docs --access admin --allow 'read_*' --argument '*(path^=/home/me/docs)'
  $ mcp-edge-agent token update docs Ann --expires 2w
  $ mcp-edge-agent token revoke docs Ann
  $ mcp-edge-agent token narrow --read-only --name Bob < share-url.txt`,
  owner: `
Only the deployer of the relay may do this.

Examples:
  $ mcp-edge-agent owner create Ann --expires 90d
  $ mcp-edge-agent owner revoke Ann`,
} as const

/** Whether the first word of a command line, past options of the agent and before `--`, is an owner's. Pure. */
export function isOwnerCommand(args: readonly string[]): boolean {
  const takesValue = new Set(agentCommand().options.flatMap(({ long, required }) => (required && typeof long === 'string' ? [long] : [])))
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? ''
    if (word === '--') return false
    if (!word.startsWith('-')) return OWNER_WORDS.has(word)
    if (takesValue.has(word)) at += 1
  }
  return false
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
    throw usage(`${message}. See: ${terminal.program} ${wordsOf(args)}--help`)
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
  addShareCommands(group(program, 'share', 'makes and orders shares'), start)
  addTokenCommands(group(program, 'token', 'hands out links to a share, and takes them back'), start)
  addOwnerCommands(group(program, 'owner', 'lets others make shares on the relay'), start)
  // Only now, since commands inherit it: a group's own action names the word that is none of its commands.
  for (const each of program.commands) if (each.commands.length > 0) each.allowExcessArguments()
  return program
}

function group(program: Command, name: keyof typeof EXAMPLES, description: string): Command {
  const made = program.command(name).description(description).addHelpText('after', EXAMPLES[name])
  return made.action(() => {
    const [word] = made.args
    const known = made.commands.map((command) => command.name()).join(', ')
    throw usage(word === undefined ? `Say what to do with ${name}: ${known}.` : `${name} has no command ${word}. It has: ${known}.`)
  })
}

/** The words of a command that its help is asked for by. */
function wordsOf(args: readonly string[]): string {
  const at = args.findIndex((word) => OWNER_WORDS.has(word))
  const [word = '', next = ''] = args.slice(at)
  return /^[a-z]+$/.test(next) && !word.startsWith('log') ? `${word} ${next} ` : `${word} `
}

function usage(message: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'USAGE', message)
}
