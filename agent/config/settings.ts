/** Checks options: they become settings, or an error that names the option. No I/O but through what it is given. */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { usageError } from '../exit.ts'
import { MAX_CALLS, MAX_CHILDREN } from '../limits.ts'
import { servedSet } from '../../protocol/served-names.ts'
import { type Policy, readPolicy } from '../../protocol/policy/policy.ts'
import { LOG_LEVELS, type LogLevel } from '../log.ts'
import { durationMs, oneOf, wholeNumber } from './option-values.ts'
import { allOf, Faults } from './faults.ts'
import { checkHeaderFile, type HttpTarget, readHttpTarget } from './http-target.ts'
import { readPatterns } from './served-names.ts'
import { type RawTransportOptions, readTls, readTransport, type TlsFiles, type TransportSettings } from './transport-options.ts'
import { type RawWebOptions, readWebApp, type WebAppSettings } from './web-options.ts'

/** Options as they come from the command line and from `MCP_EDGE_…` variables. */
export interface RawOptions extends RawWebOptions, RawTransportOptions {
  readonly config?: string
  readonly check?: boolean
  readonly token?: string
  readonly tokenFile?: string
  readonly relay?: string
  /** Under which name it is served beside others of its share. */
  readonly server?: string
  readonly name?: string
  readonly replica?: boolean
  readonly replace?: boolean
  readonly isolate: string
  readonly era: string
  readonly maxChildren: string
  readonly maxCalls?: string
  readonly spread?: boolean
  readonly serves: readonly string[]
  readonly idleStop: string
  readonly spare: string
  readonly env: readonly string[]
  readonly cwd?: string
  readonly url?: string
  readonly sse?: boolean
  readonly header: readonly string[]
  readonly headerFile?: string
  readonly passAuth?: boolean
  readonly readOnly?: boolean
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  readonly argument: readonly string[]
  readonly tellStderr?: boolean
  readonly tellPrincipal?: boolean
  /** Whether `--no-mask` was left out: commander's way to say so. */
  readonly mask?: boolean
  readonly reconnectDelay: string
  readonly maxRetries: string
  readonly keepalive: string
  readonly logLevel: string
  readonly verbose?: boolean
  readonly json?: boolean
}

/** Which revisions the server speaks: asked (`auto`), or told by the user. */
export const ERAS = ['auto', 'legacy', 'modern', 'both'] as const
export type EraChoice = (typeof ERAS)[number]

export interface AgentSettings {
  readonly token: string
  /** URL of the relay; else the token names it. */
  readonly relay: string | undefined
  /** Name of the server beside others of its share; absent for the one that is the share's own. */
  readonly server?: string
  readonly name: string
  readonly join: 'primary' | 'replica' | 'replace'
  readonly isolation: 'session' | 'share'
  readonly era: EraChoice
  readonly maxChildren: number
  /** How many calls the relay may send at a time, on all lanes together; absent: any number. */
  readonly maxCalls?: number
  /** Names of tools that it serves beside agents with others; absent: all. */
  readonly patterns?: readonly string[]
  /** Whether calls of tools that only read go to all such agents. */
  readonly spreads?: true
  /** 0: never. */
  readonly idleStopMs: number
  /** Whether a process is kept started for the next client. */
  readonly hasSpare: boolean
  readonly env: readonly string[]
  readonly cwd: string
  /** Absent: Node's own. */
  readonly tls?: TlsFiles
  /** What may be asked of the server, whatever the relay allows. */
  readonly policy: Policy
  /** Whether a client is told what its own process wrote to stderr before it failed. */
  readonly tellsStderr: boolean
  /** Whether the server is told who calls. */
  readonly tellsPrincipal: boolean
  /** Whether secrets are masked in what the server says to clients. */
  readonly masks: boolean
  readonly reconnectDelayMs: number
  /** 0: no end. */
  readonly maxRetries: number
  readonly keepaliveMs: number
  readonly transport: TransportSettings
  readonly logLevel: LogLevel
  readonly json: boolean
  /** Of a server process; undefined with `http`, and where a web app alone is shared. */
  readonly command: string | undefined
  readonly args: readonly string[]
  /** The server is there already, and speaks HTTP. */
  readonly http: HttpTarget | undefined
  /** The web app that is shared; undefined for none. */
  readonly web: WebAppSettings | undefined
}

/** The parts of the machine that settings depend on. */
interface Surroundings {
  readonly cwd: string
  readonly hostname: string
  readonly readFile: (path: string) => string
  readonly isDirectory: (path: string) => boolean
}

/** @throws {AgentExit} whose text names each option that is wrong and what it takes, a line each. */
export function readAgentSettings(raw: RawOptions, command: readonly string[], around: Surroundings): AgentSettings {
  const [program, ...args] = command
  const isHttp = raw.url !== undefined && raw.url !== ''
  const hasServer = program !== undefined || isHttp
  const {
    http,
    web,
    given,
    tls,
    maxCalls,
    patterns,
    served: _served,
    ...checked
  } = allOf({
    served: () => requireServed(raw, program),
    http: () => httpTargetOf(raw, command, around),
    // Without --http, what is wrong with --header is said above.
    web: () => readWebApp(isHttp || raw.http === undefined ? { ...raw, header: [] } : raw),
    join: () => joinOf(raw),
    cwd: () => folderOf(raw, around),
    token: () => readTokenText(raw, around),
    given: () => (raw.name === undefined ? undefined : agentName(raw.name)),
    isolation: () => oneOf('--isolate', raw.isolate, ['session', 'share']),
    // HTTP+SSE ended with the revisions that have a handshake; where there is no server, there is nothing to ask.
    era: () => (raw.sse === true || !hasServer ? 'legacy' : oneOf('--era', raw.era, ERAS)),
    maxChildren: () => wholeNumber('--max-children', raw.maxChildren, 1, MAX_CHILDREN),
    maxCalls: () => (raw.maxCalls === undefined ? undefined : wholeNumber('--max-calls', raw.maxCalls, 1, MAX_CALLS)),
    patterns: () => readPatterns(raw.serves),
    idleStopMs: () => durationMs('--idle-stop', raw.idleStop, 0),
    // A server that serves everybody has no next client to be started for.
    hasSpare: () => oneOf('--spare', raw.spare, ['0', '1']) === '1' && raw.isolate === 'session' && program !== undefined,
    tls: () => readTls(raw, (option, path) => readText(option, path, around.readFile)),
    policy: () => policyOf(raw),
    reconnectDelayMs: () => durationMs('--reconnect-delay', raw.reconnectDelay, 1),
    maxRetries: () => wholeNumber('--max-retries', raw.maxRetries, 0),
    keepaliveMs: () => durationMs('--keepalive', raw.keepalive, 1),
    transport: () => readTransport(raw),
    logLevel: () => (raw.verbose === true ? 'debug' : oneOf('--log-level', raw.logLevel, LOG_LEVELS)),
  })
  return {
    ...checked,
    relay: raw.relay,
    ...(raw.server !== undefined && { server: raw.server }),
    name: given ?? defaultName(around.hostname, http === undefined ? checked.cwd : '', namedBy(raw, command, http, web)),
    ...(raw.spread === true && { spreads: true as const }),
    ...(patterns !== undefined && { patterns }),
    ...(maxCalls !== undefined && { maxCalls }),
    env: raw.env,
    ...(tls !== undefined && { tls }),
    // What one process for all has logged is of all clients.
    tellsStderr: raw.tellStderr === true && raw.isolate === 'session',
    tellsPrincipal: raw.tellPrincipal === true,
    masks: raw.mask !== false,
    json: raw.json === true,
    command: program,
    args,
    http,
    web,
  }
}

function requireServed({ url, http }: RawOptions, program: string | undefined): void {
  if (program !== '' && (program !== undefined || (url !== undefined && url !== '') || http !== undefined)) return
  throw usageError(
    'Give the command of an MCP server after --, for example: -- npx -y @modelcontextprotocol/server-everything, or the address of one with --url, or a web app with --http http://localhost:3000.',
  )
}

function joinOf({ replica, replace }: RawOptions): AgentSettings['join'] {
  if (replica === true && replace === true)
    throw usageError('--replica joins the other agents and --replace ends them. Give one of the two.')
  return replica === true ? 'replica' : replace === true ? 'replace' : 'primary'
}

function folderOf(raw: RawOptions, around: Surroundings): string {
  const cwd = resolve(around.cwd, raw.cwd ?? '')
  if (!around.isDirectory(cwd)) throw usageError(`--cwd ${cwd} is no folder.`)
  return cwd
}

/** The words by which one agent of a machine is told from another. */
function namedBy(
  { server, serves }: RawOptions,
  command: readonly string[],
  http: HttpTarget | undefined,
  web: WebAppSettings | undefined,
): readonly string[] {
  return [
    ...(http === undefined ? command : [http.url.href]),
    ...(web === undefined ? [] : ['--http', web.origin.href]),
    ...(server === undefined ? [] : ['--server', server]),
    ...(serves.length === 0 ? [] : ['--serves', servedSet(readPatterns(serves))]),
  ]
}

/** @throws {AgentExit} for options that exclude each other, and for those that cannot be. */
function httpTargetOf(raw: RawOptions, command: readonly string[], { readFile }: Surroundings): HttpTarget | undefined {
  const { url, sse = false, header, headerFile, http, passAuth = false } = raw
  const faults = new Faults()
  if (url === undefined || url === '') {
    if (passAuth) faults.add(usageError('--pass-auth is for a server given with --url.'))
    if (sse || headerFile !== undefined) faults.add(usageError('--sse and --header-file are for a server given with --url.'))
    if (header.length > 0 && http === undefined)
      faults.add(usageError('--header is for a server given with --url, or a web app given with --http.'))
    faults.throwAny()
    return undefined
  }
  if (http !== undefined && header.length > 0)
    faults.add(
      usageError(
        'With --url and --http together, --header could be meant for either. Give it in --header-file for the server, or run an agent for each.',
      ),
    )
  if (command.length > 0) faults.add(usageError('Give either the command of a server or --url, and one agent for each.'))
  if (raw.env.length > 0 || raw.cwd !== undefined)
    faults.add(usageError('--env and --cwd are for a server that the agent starts, not for --url.'))
  if (passAuth && raw.isolate === 'share')
    faults.add(
      usageError('--pass-auth needs a session for each client: with --isolate share one would be used with the credentials of all.'),
    )
  const [text] = faults.collect(() =>
    headerFile === undefined ? undefined : checkHeaderFile(headerFile, readText('--header-file', headerFile, readFile)),
  )
  const [target] = faults.collect(() => readHttpTarget({ url, sse, header, headerFile: text, passAuth }))
  faults.throwAny()
  return target
}

function readText(option: string, path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path)
  } catch (error) {
    throw usageError(
      `${option} ${path} cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'}.`,
    )
  }
}

function policyOf({ readOnly, allow, deny, argument }: RawOptions): Policy {
  const allowed = allow.length === 0 ? {} : { allow }
  const tools = allow.length + deny.length === 0 ? {} : { tools: { ...allowed, deny } }
  const read = (policy: object): Policy => {
    const made = readPolicy(policy)
    if (!made.ok) throw usageError(`--allow, --deny or --argument: ${made.error}.`)
    return made.value
  }
  const faults = new Faults()
  // Each by itself, so that each that is wrong is named.
  for (const part of [tools, ...argument.map((rule) => ({ arguments: [rule] }))]) faults.collect(() => read(part))
  faults.throwAny()
  return read({ ...(readOnly === true ? { access: 'read' } : {}), ...tools, arguments: argument })
}

/** A name that follows from machine, folder and command, so that a restarted agent replaces its former link. */
export function defaultName(hostname: string, cwd: string, command: readonly string[]): string {
  const host = hostname.replace(/[^\w.-]/g, '-').slice(0, 48)
  const digest = createHash('sha256')
    .update(JSON.stringify([hostname, cwd, command]))
    .digest('hex')
  return `${host === '' ? 'agent' : host}-${digest.slice(0, 8)}`
}

/** @throws {AgentExit} when there is none, or its file cannot be read. */
export function readTokenText(
  { token, tokenFile }: Pick<RawOptions, 'token' | 'tokenFile'>,
  { readFile }: Pick<Surroundings, 'readFile'>,
): string {
  const text = token ?? (tokenFile === undefined ? undefined : readText('--token-file', tokenFile, readFile))
  if (text === undefined || text.trim() === '') throw usageError('A token is needed: set MCP_EDGE_TOKEN, or give --token-file or --token.')
  return text.trim()
}

function agentName(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text)) throw usageError(`--name ${text} must be 1 to 64 letters, digits, dots, dashes or underscores.`)
  return text
}
