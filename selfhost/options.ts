/** The command line of `npm start`: options, their checks, and the usage text. No I/O. */
import { parseArgs } from 'node:util'
import { agentCommand } from '../agent/config/options.ts'
import { MAX_LANES } from '../protocol/limits.ts'
import type { Variables } from '../agent/config/environment.ts'
import { splitWords } from '../agent/config/other-names.ts'
import { type Divided, divideArguments } from './arguments.ts'
import { readNpmOptions } from './npm-options.ts'

export interface Options {
  /** Port asked for; 0 is any free one, `undefined` the last one used. */
  readonly port: number | undefined
  readonly host: string
  /** State folder, as it was given. */
  readonly data: string | undefined
  readonly publicUrl: string | undefined
  /** Objects that carry the share; `undefined` is as it is, or one. */
  readonly lanes: number | undefined
  /** Tools that are new or have changed are held back until they are accepted. */
  readonly pin: boolean
  readonly json: boolean
  readonly openClaim: boolean
  readonly relayOnly: boolean
  readonly help: boolean
  readonly verbose: boolean
  /** Options of the agent, as they were given. */
  readonly agent: readonly string[]
  /** Command that starts the MCP server to share; empty for the sample server. */
  readonly command: readonly string[]
}

const OWN = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  'public-url': { type: 'string' },
  lanes: { type: 'string' },
  pin: { type: 'boolean' },
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  'relay-only': { type: 'boolean' },
  'open-claim': { type: 'boolean' },
  help: { type: 'boolean' },
} as const
const OWN_NAMES = (Object.keys(OWN) as (keyof typeof OWN)[]).map((name) => ({ name, takesValue: OWN[name].type === 'string' }))

/** Options of the agent that make no sense where relay and share are its own, and those that are its own as well. */
const OF_OTHER_RELAYS: readonly string[] = ['token', 'token-file', 'relay', 'gateway', 'config', 'check']
const NOT_TAKEN: readonly string[] = [...OF_OTHER_RELAYS, 'version', 'help', 'json']
/** Variables that say the same. */
const VARIABLES_OF_OTHER_RELAYS: readonly string[] = [
  ...OF_OTHER_RELAYS.filter((name) => name !== 'gateway').map((name) => `MCP_EDGE_${name.replaceAll('-', '_').toUpperCase()}`),
  'REVERSE_PROXY_GATEWAY',
  'REVERSE_PROXY_TOKEN',
]

/** The agent's options that are taken here too. */
function agentOptions() {
  return agentCommand()
    .options.map((option) => ({ name: option.long?.slice(2) ?? '', takesValue: option.required, option }))
    .filter(({ name }) => !NOT_TAKEN.includes(name))
}

/** What `--help` prints. */
export function usage(): string {
  const shown = agentOptions().filter(({ option }) => !option.hidden)
  const lines = shown.map(({ option: { flags, description } }) => `  ${flags.padEnd(27)}${description}`)
  return `npm start -- [options] [-- command args...]
npm start -- --http http://localhost:3000

Runs the relay on this machine and shares the MCP server that the command starts, the web app that --http names, or both
(with neither: the sample server @modelcontextprotocol/server-everything).

  --port N          port to listen on; 0 takes a free one (default: the last one used, else 8787, or another for one run when
                    that is in use)
  --host HOST       address to listen on (default: 127.0.0.1, which only this machine reaches)
  --public-url URL  origin under which clients reach the relay, when a proxy stands before it
  --data DIR        folder for keys, share and storage, made if need be (default: one per checkout below ~/.local/state/mcp-edge)
  --lanes N         objects that carry the share, a power of two up to 64 (default: 1); a share keeps its number for ever
  --pin             hold back tools that are new or have changed since the server was listed first, until you accept them
  --json            print one JSON line when ready, and nothing else, on stdout (npm prints lines of its own before it,
                    but with npm start --silent -- --json)
  --verbose         print all that relay and agent log
  --relay-only      run just the relay, without a share and an agent
  --open-claim      give the relay no owner; it must be claimed (runs just the relay)
  --help            print this

Of the server, as mcp-edge-agent takes them:

${lines.join('\n')}

Variables, given to the relay as they are: OWNER_KEY, SIGNING_KEY, SHARE_DOMAIN, AGENT_HOSTS, ALLOWED_ORIGINS,
ALLOWED_HOSTS, ADDRESS_HEADER, TRUSTED_PROXIES, POLL_AFTER_SECONDS, AWAY_WAIT_SECONDS, INPUT_WAIT_SECONDS. With ALLOW_PRIVATE_UPSTREAMS=1 shares may
point at servers that are not public, by http too (docs/self-hosting.md).
Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage, 130 a second signal.`
}

/** The HTTP server that is shared in place of a command, without its query, which may hold a key; undefined without one. */
export function givenUrl(agent: readonly string[], env: Variables): string | undefined {
  const at = agent.findLastIndex((word) => word === '--url' || word.startsWith('--url='))
  const text = at === -1 ? env['MCP_EDGE_URL'] : agent[at] === '--url' ? agent[at + 1] : agent[at]?.slice('--url='.length)
  return text === '' ? undefined : text?.replace(/[?#].*$/, '')
}

/** What is given for a run of the agent alone, and is of no use here: a sentence for people; undefined for nothing. */
export function unusedVariables(env: Variables): string | undefined {
  const given = VARIABLES_OF_OTHER_RELAYS.filter((name) => (env[name] ?? '') !== '')
  if (given.length === 0) return undefined
  return `${given.join(', ')}: not looked at, since npm start runs a relay and a share of its own. ${AGENT_ALONE}`
}

const AGENT_ALONE = 'To serve a share of another relay run the agent alone: node_modules/.bin/node agent/cli.ts (docs/agent.md).'

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {}

/**
 * `env` is that of the process, in which npm says what it took for its own.
 *
 * @throws {UsageError}
 */
export function readOptions(args: readonly string[], env: Variables = {}): Options {
  const npm = readNpmOptions(
    env,
    // A token of npm's own may stand in its configuration.
    [...[...OWN_NAMES, ...agentOptions()].map(({ name }) => name), ...OF_OTHER_RELAYS.filter((name) => name !== 'token')],
  )
  const [lost] = npm.lost
  refuseOfOtherRelays(npm.lost)
  if (lost !== undefined)
    throw new UsageError(`npm took --${lost} for an option of its own: put two dashes before the first, as in npm start -- --${lost} …`)
  const divided = divideArguments(args, OWN_NAMES, agentOptions())
  refuseOfOtherRelays(divided.own.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0] ?? ''))
  const { own } = divided
  const { agent, command } = takeLocalStdio(divided)
  const values = parseOwn(own)
  const empty = OWN_NAMES.find(({ name, takesValue }) => takesValue && values[name] === '')
  if (empty !== undefined) throw new UsageError(`--${empty.name} is empty; perhaps the variable that it was to be taken from is not set`)
  const openClaim = values['open-claim'] ?? false
  const relayOnly = openClaim || (values['relay-only'] ?? false)
  if (relayOnly && command.length > 0) throw new UsageError('a command is of no use with --relay-only or --open-claim')
  const [agentOption] = agent.filter((word) => word !== '--verbose')
  if (relayOnly && agentOption !== undefined) throw new UsageError(`${agentOption} is of no use with --relay-only or --open-claim`)
  if (relayOnly && values.lanes !== undefined) throw new UsageError('--lanes is of no use with --relay-only or --open-claim')
  if (relayOnly && values.pin === true) throw new UsageError('--pin is of no use with --relay-only or --open-claim')
  if (values['public-url'] !== undefined && !URL.canParse(values['public-url']))
    throw new UsageError('--public-url must be like https://mcp.example.com')
  return {
    port: values.port === undefined ? undefined : readPort(values.port),
    host: values.host ?? '127.0.0.1',
    data: values.data,
    publicUrl: values['public-url'],
    lanes: values.lanes === undefined ? undefined : readLanes(values.lanes),
    pin: values.pin ?? false,
    json: values.json ?? npm.isJson,
    openClaim,
    relayOnly,
    help: values.help ?? false,
    verbose: values.verbose ?? false,
    agent,
    command,
  }
}

/** Nobody is to believe that it is served elsewhere than it is. */
function refuseOfOtherRelays(names: readonly string[]): void {
  const found = names.find((name) => OF_OTHER_RELAYS.includes(name))
  if (found !== undefined)
    throw new UsageError(`--${found} is for the agent alone: npm start runs a relay and a share of its own. ${AGENT_ALONE}`)
}

/** The command that `--local-stdio` has in one word, in its place. */
function takeLocalStdio({ agent, command }: Divided): Pick<Divided, 'agent' | 'command'> {
  const at = agent.findIndex((word) => /^--local-stdio(?:=|$)/.test(word))
  const word = agent[at]
  if (word === undefined) return { agent, command }
  const isApart = !word.includes('=')
  const words = splitWords(isApart ? (agent[at + 1] ?? '') : word.slice(word.indexOf('=') + 1))
  if (words === undefined || words.length === 0)
    throw new UsageError('--local-stdio must be the command of an MCP server, as in --local-stdio "uvx mcp-server-git"')
  if (command.length > 0) throw new UsageError('give the command either in --local-stdio or after --, not both')
  return { agent: [...agent.slice(0, at), ...agent.slice(at + (isApart ? 2 : 1))], command: words }
}

function parseOwn(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OWN }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError('--port must be a number from 0 to 65535')
  return port
}

function readLanes(text: string): number {
  const lanes = Number(text)
  if (!/^\d+$/.test(text) || lanes < 1 || lanes > MAX_LANES || !Number.isInteger(Math.log2(lanes)))
    throw new UsageError(`--lanes must be a power of two from 1 to ${MAX_LANES}`)
  return lanes
}
