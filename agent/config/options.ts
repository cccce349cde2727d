/** The agent's command line: every option, its environment variable, and what they come to for one run. */
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import { environmentOf, environmentSecrets, secretValues, type Variables } from './environment.ts'
import { usageError } from '../exit.ts'
import { allOf, Faults } from './faults.ts'
import { LOG_LEVELS } from '../log.ts'
import { Mask } from '../mask.ts'
import { targetSecrets } from './http-target.ts'
import manifest from '../package.json' with { type: 'json' }
import type { ServerOptions } from './configured-servers.ts'
import { addOtherNames, commandWords, levelNamed, takeOtherNames } from './other-names.ts'
import { TRANSPORTS } from './transport-options.ts'
import { optionWarnings } from './warnings.ts'
import { readAgentSettings, readTokenText, type RawOptions, type AgentSettings, ERAS } from './settings.ts'
import { decodeAgentToken, linkUrl } from './token.ts'

const OWNER_HELP = `
Commands of owners (each has --help; a server of such a name needs -- before it):
  login, logout  who you are at a relay
  share          makes and orders shares
  token          hands out links to a share, and takes them back
  people         lets people in by name, who sign in with a code
  tools          what a server offers, and accepts what has changed
  approvals      decides about calls that are held for you
  sessions       shows who is connected, and disconnects them
  logs           shows who has called what
  owner          lets others make shares on the relay`

/** The command, to be given to `parse`. Reads the environment of this process for defaults. */
export function agentCommand(): Command {
  const option = (flags: string, text: string, variable: string, fallback?: string): Option => {
    const made = new Option(flags, text).env(variable)
    return fallback === undefined ? made : made.default(fallback)
  }
  // Given as a variable, a switch is on unless it is empty, 0 or false; commander itself would take any value for on.
  const flag = (flags: string, text: string, variable: string): Option =>
    new Option(flags, `${text} (env: ${variable})`).default(!isOff(process.env[variable]), 'off')
  return addOtherNames(new Command('mcp-edge-agent'))
    .description('Shares a local MCP server, or a local web app, through a relay, without opening a port.')
    .version(VERSION)
    .argument('[command...]', 'the MCP server, after --')
    .usage('[options] -- command [args...] | --url <url> | --config <path> | --http <url>')
    .passThroughOptions()
    .allowExcessArguments()
    .addOption(
      option(
        '--token <token>',
        'agent token of the share; others can read it in the process list, so prefer the variable or --token-file',
        'MCP_EDGE_TOKEN',
      ),
    )
    .addOption(option('--token-file <path>', 'file that holds the agent token', 'MCP_EDGE_TOKEN_FILE'))
    .addOption(option('--relay <url>', 'relay to dial (default: the one that issued the token)', 'MCP_EDGE_RELAY'))
    .addOption(
      option(
        '--name <name>',
        'name of this agent; the same name replaces the older link (default: from machine, folder and command)',
        'MCP_EDGE_NAME',
      ),
    )
    .addOption(flag('--replica', 'serve the share beside other agents', 'MCP_EDGE_REPLICA'))
    .addOption(flag('--replace', 'take the place of all other agents', 'MCP_EDGE_REPLACE'))
    .addOption(
      option('--isolate <mode>', 'one server process for each session, or one for the whole share', 'MCP_EDGE_ISOLATE', 'session')
        .choices(['session', 'share'])
        .argParser(asGiven),
    )
    .addOption(
      option(
        '--era <era>',
        'whether the server needs initialize (legacy), speaks 2026-07-28 (modern) or either (both); auto asks it',
        'MCP_EDGE_ERA',
        'auto',
      )
        .choices(ERAS)
        .argParser(asGiven),
    )
    .addOption(option('--max-children <number>', 'server processes at a time', 'MCP_EDGE_MAX_CHILDREN', '32'))
    .addOption(
      option('--max-calls <number>', 'calls at a time; more wait, or go to other agents (default: any number)', 'MCP_EDGE_MAX_CALLS'),
    )
    .addOption(option('--serves <pattern>', 'only tools of this name; repeatable', 'MCP_EDGE_SERVES').argParser(collect).default([], 'all'))
    .addOption(flag('--spread', 'calls of tools that only read go to all agents of the share that have this, at once', 'MCP_EDGE_SPREAD'))
    .addOption(
      option('--spare <number>', 'server processes started ahead of the next session', 'MCP_EDGE_SPARE', '0')
        .choices(['0', '1'])
        .argParser(asGiven),
    )
    .addOption(option('--idle-stop <time>', 'end a server process that nobody used for so long; 0: never', 'MCP_EDGE_IDLE_STOP', '30m'))
    .addOption(
      option('--env <key[=value]>', 'variable for the server, repeatable; KEY alone passes ours on', 'MCP_EDGE_ENV')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(option('--cwd <folder>', 'folder that the server runs in', 'MCP_EDGE_CWD'))
    .addOption(option('--url <url>', 'HTTP MCP server to share in place of a command: http://localhost:8080/mcp', 'MCP_EDGE_URL'))
    .addOption(flag('--sse', 'it speaks HTTP+SSE (2024-11-05), and not Streamable HTTP', 'MCP_EDGE_SSE'))
    .addOption(
      option(
        '--header <line>',
        "'Name: value' for that server, or web app, alone; repeatable; prefer --header-file for secrets",
        'MCP_EDGE_HEADER',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(option('--header-file <path>', 'file of such headers, one a line', 'MCP_EDGE_HEADER_FILE'))
    .addOption(
      flag(
        '--pass-auth',
        'let the sign-in of that server through: what a client with a key link shows for it goes to it',
        'MCP_EDGE_PASS_AUTH',
      ),
    )
    .addOption(
      option(
        '--config <path>',
        'file of servers, each with a share of its own or all under one (YAML, or JSON as MCP clients have it)',
        'MCP_EDGE_CONFIG',
      ),
    )
    .addOption(flag('--check', 'look at the options and the file of servers, say what is wrong, and end', 'MCP_EDGE_CHECK'))
    .addOption(option('--http <url>', 'web app to share, like http://localhost:3000; alone or beside a server', 'MCP_EDGE_HTTP'))
    .addOption(flag('--keep-host', 'let the web app see the public host, and not its own', 'MCP_EDGE_KEEP_HOST'))
    .addOption(option('--ca <path>', 'certificates in PEM that the relay may be signed by, beside those that Node trusts', 'MCP_EDGE_CA'))
    .addOption(option('--cert <path>', 'certificate in PEM by which the agent shows who it is, with --key (mutual TLS)', 'MCP_EDGE_CERT'))
    .addOption(option('--key <path>', 'its private key in PEM', 'MCP_EDGE_KEY'))
    .addOption(flag('--read-only', 'only tools that say they only read', 'MCP_EDGE_READ_ONLY'))
    .addOption(
      option('--allow <pattern>', 'only tools of this name, where * stands for anything; repeatable', 'MCP_EDGE_ALLOW')
        .argParser(collect)
        .default([], 'all'),
    )
    .addOption(option('--deny <pattern>', 'no tools of this name; repeatable', 'MCP_EDGE_DENY').argParser(collect).default([], 'none'))
    .addOption(
      option('--argument <rule>', "bounds a tool's arguments: 'read_file(path^=/home/me/docs)'; repeatable", 'MCP_EDGE_ARGUMENT')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      flag(
        '--tell-stderr',
        'tell a client whose server process fails what that wrote to stderr; not with --isolate share',
        'MCP_EDGE_TELL_STDERR',
      ),
    )
    .addOption(
      flag('--tell-principal', 'tell the server who calls, in _meta["mcp-edge/principal"] of each request', 'MCP_EDGE_TELL_PRINCIPAL'),
    )
    .addOption(
      new Option(
        '--no-mask',
        'let clients see secrets that the server says: the token, and variables that look like one (env: MCP_EDGE_NO_MASK)',
      ).default(isOff(process.env['MCP_EDGE_NO_MASK']), 'masked'),
    )
    .addOption(option('--reconnect-delay <time>', 'first pause before dialling again; doubles up to 60s', 'MCP_EDGE_RECONNECT_DELAY', '1s'))
    .addOption(option('--max-retries <number>', 'failures in a row after which to give up; 0: never', 'MCP_EDGE_MAX_RETRIES', '0'))
    .addOption(option('--keepalive <time>', 'silence after which the link is tested', 'MCP_EDGE_KEEPALIVE', '30s'))
    .addOption(
      option('--transport <kind>', 'how to reach the relay; auto polls where no WebSocket gets through', 'MCP_EDGE_TRANSPORT', 'auto')
        .choices(TRANSPORTS)
        .argParser(asGiven),
    )
    .addOption(option('--poll-timeout <time>', 'how long a poll waits at the relay, up to 30s', 'MCP_EDGE_POLL_TIMEOUT', '30s'))
    .addOption(option('--poll-retry-delay <time>', 'pause after a poll that failed, up to 10s', 'MCP_EDGE_POLL_RETRY_DELAY', '1s'))
    .addOption(option('--websocket-retry <time>', 'how often polls try for a WebSocket again', 'MCP_EDGE_WEBSOCKET_RETRY', '5m'))
    .addOption(
      option('--log-level <level>', 'least level that is logged', 'MCP_EDGE_LOG_LEVEL', 'info').choices(LOG_LEVELS).argParser(levelNamed),
    )
    .addOption(flag('--verbose', 'as --log-level debug', 'MCP_EDGE_VERBOSE'))
    .addOption(flag('--json', 'log one JSON object a line', 'MCP_EDGE_JSON'))
    .addHelpText('after', OWNER_HELP)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
}

function isOff(value = ''): boolean {
  return ['', '0', 'false'].includes(value)
}

/** Of an option with choices, whose choice `parse` looks at, unless all that is wrong is wanted at once. */
function asGiven(value: string): string {
  return value
}

/** A repeated option; the variable holds one entry a line. */
function collect(value: string, before: readonly string[]): string[] {
  return [...before, ...value.split('\n').filter((entry) => entry !== '')]
}

export const VERSION: string = manifest.version

/** What one run of the agent needs. */
export interface Prepared {
  readonly settings: AgentSettings
  readonly childEnv: Readonly<Record<string, string>>
  readonly mask: Mask
  /** What is most likely a mistake, a sentence each. */
  readonly warnings: readonly string[]
}

/**
 * Parses arguments.
 *
 * @throws {AgentExit} that names the option that is wrong.
 * @throws {CommanderError} when only help or the version was asked for.
 */
export function parse(command: Command, args: readonly string[]): void {
  try {
    command.parse(args, { from: 'user' })
    takeOtherNames(command, process.env)
    preferGiven(command)
    refuseChoices(command)
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error
    throw usageError(error.message.replace(/^error: /, ''))
  }
}

/** @throws {AgentExit} that names the first one that is none. `--check` has it told with all else that is wrong. */
function refuseChoices(command: Command): void {
  const values = command.opts<Record<string, unknown>>()
  if (values['check'] === true) return
  for (const option of command.options) {
    const value = values[option.attributeName()]
    if (option.argChoices !== undefined && typeof value === 'string' && !option.argChoices.includes(value))
      throw usageError(`${option.long} ${value} must be one of: ${option.argChoices.join(', ')}.`)
  }
}

/** Token and file of a token are two names of one thing: what stands on the command line comes before the variable of the other. */
function preferGiven(command: Command): void {
  const sourceOf = (key: string): string | undefined => command.getOptionValueSource(key)
  if (sourceOf('tokenFile') === 'cli' && sourceOf('token') === 'env') command.setOptionValueWithSource('token', undefined, 'default')
}

/**
 * Checks what was parsed, and reads what it names from disk and from `own`, the user's environment.
 *
 * @throws {AgentExit} that names each option that is wrong, a line each.
 */
export function prepare(command: Command, cwd: string, own: Variables = process.env): Prepared {
  return prepareServer(command, { raw: command.opts<RawOptions>(), command: commandWords(command) }, cwd, own)
}

/**
 * The same of options that come from elsewhere. `parsed`: for what is most likely a mistake on the command line.
 *
 * @throws {AgentExit} as `prepare` does.
 */
function prepareServer(parsed: Command, { raw, command }: ServerOptions, cwd: string, own: Variables): Prepared {
  const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const { settings, childEnv } = allOf({
    settings: () => readAgentSettings(raw, command, { cwd, hostname: hostname(), readFile, isDirectory }),
    childEnv: () => environmentOf(raw.env, own, process.platform),
  })
  const ofServer = settings.http === undefined ? [] : targetSecrets(settings.http)
  const ofApp = settings.web?.headers.map(([, value]) => value) ?? []
  const mask = new Mask([settings.token, ...secretValues(own, settings.env), ...environmentSecrets(childEnv), ...ofServer, ...ofApp])
  return { settings, childEnv, mask, warnings: optionWarnings(parsed, settings.env, own) }
}

/** A server's options, and where they lead: its share, and the relay's host. */
export interface Linked extends Prepared {
  readonly share: string
  readonly host: string
}

/**
 * The same, with what the token says; that is looked at also where an option is wrong.
 *
 * @throws {AgentExit} that names all that is wrong, a line each.
 */
export function prepareLink(parsed: Command, options: ServerOptions, cwd: string, own: Variables): Linked {
  const faults = new Faults()
  const [prepared] = faults.collect(() => prepareServer(parsed, options, cwd, own))
  const [token] = faults.collect(() => prepared?.settings.token ?? readTokenText(options.raw, { readFile }))
  const [claims] = token === undefined ? [] : faults.collect(() => decodeAgentToken(token))
  const [url] = claims === undefined ? [] : faults.collect(() => linkUrl(claims, options.raw.relay))
  if (prepared === undefined || claims === undefined || url === undefined) return faults.throwAll()
  return { ...prepared, share: claims.share, host: url.host }
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8')
}
