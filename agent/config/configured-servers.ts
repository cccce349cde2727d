/** What the servers of a configuration file come to: for each the options of the command line, over variables, over the file. Pure. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AgentExit, EXIT } from '../exit.ts'
import type { LinkEntry, ServerEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import type { RawOptions } from './settings.ts'
import { TRANSPORTS } from './transport-options.ts'

/** A server as one run of the agent is told of it. */
export interface ServerOptions {
  readonly raw: RawOptions
  readonly command: readonly string[]
}

interface ConfigContext {
  readonly parsed: Command
  /** Where the file is: what it names is found from there. */
  readonly folder: string
}

/** Where a token stands. */
export type TokenSource = Pick<RawOptions, 'token' | 'tokenFile'>

/**
 * All but its token.
 *
 * @throws {AgentExit} that names server and member.
 */
export function serverOptions(name: string, entry: ServerEntry, { parsed, folder }: ConfigContext): ServerOptions {
  const { command, args = [], url, env = {}, headers = {}, http, transport } = entry
  const type = entry.type ?? (isOfRelay(transport) ? undefined : transport)
  if (command !== undefined && url !== undefined) throw wrong(name, 'has a command and a url: give one of the two')
  if (command === undefined && url === undefined && http === undefined)
    throw wrong(name, 'has neither a command nor a url: give one of the two, or http for a web app')
  if (type !== undefined && (type === 'stdio' ? command : url) === undefined)
    throw wrong(
      name,
      `has the type ${type}, and ${command === undefined ? (url === undefined ? 'a web app alone' : 'a url') : 'a command'}`,
    )
  const given = parsed.opts<RawOptions>()
  const isSse = url !== undefined && (type === 'sse' || (type === undefined && URL.parse(url)?.pathname.endsWith('/sse') === true))
  const file: Partial<RawOptions> = {
    ...said(entry, AS_THEY_ARE),
    ...(entry.cwd !== undefined && { cwd: resolve(folder, entry.cwd) }),
    ...(entry.maxChildren !== undefined && { maxChildren: String(entry.maxChildren) }),
    ...(entry.maxCalls !== undefined && { maxCalls: String(entry.maxCalls) }),
    ...(entry.spare !== undefined && { spare: String(entry.spare) }),
    ...linkOptions(entry, folder),
    ...(entry.headerFile !== undefined && { headerFile: resolve(folder, entry.headerFile) }),
    ...(isSse && { sse: true }),
    env: entries(env, '='),
    header: entries(headers, ': '),
  }
  return { raw: over(parsed, given, file), command: command === undefined ? [] : [command, ...args] }
}

/** Members that say how a link is kept, and are options of the same name in the same form. */
const OF_LINKS = ['relay', 'pollTimeout', 'pollRetryDelay', 'websocketRetry', 'reconnectDelay', 'keepalive'] as const
/** Those that are files. */
const FILES_OF_LINKS = ['ca', 'cert', 'key'] as const

/** How a link is kept, where the file says it. */
export function linkOptions(entry: LinkEntry, folder: string): Partial<RawOptions> {
  const { maxRetries, transport } = entry
  const files = FILES_OF_LINKS.flatMap((key) => {
    const path = entry[key]
    return path === undefined ? [] : [[key, resolve(folder, path)]]
  })
  return {
    ...said(entry, OF_LINKS),
    ...(Object.fromEntries(files) as Partial<RawOptions>),
    ...(maxRetries !== undefined && { maxRetries: String(maxRetries) }),
    ...(transport !== undefined && isOfRelay(transport) && { transport }),
  }
}

/** Other programs say by this member how the server speaks. */
function isOfRelay(transport: LinkEntry['transport']): boolean {
  return TRANSPORTS.some((known) => known === transport)
}

/** The variable that may hold the token of a server. */
export function tokenVariable(name: string): string {
  return `MCP_EDGE_TOKEN_${name.toUpperCase().replace(/\W/g, '_')}`
}

/** Members that are options of the same name, in the same form. */
const AS_THEY_ARE = [
  'url',
  'http',
  'keepHost',
  'name',
  'replica',
  'replace',
  'spread',
  'serves',
  'isolate',
  'era',
  'idleStop',
  'readOnly',
  'allow',
  'deny',
  'argument',
  'tellStderr',
  'tellPrincipal',
  'passAuth',
  'mask',
] as const

function said<Key extends string>(entry: { readonly [Member in Key]?: unknown }, keys: readonly Key[]): Partial<RawOptions> {
  return Object.fromEntries(keys.flatMap((key) => (entry[key] === undefined ? [] : [[key, entry[key]]]))) as Partial<RawOptions>
}

function entries(values: Readonly<Record<string, string | number | boolean | null>>, between: string): string[] {
  return Object.entries(values).map(([key, value]) => (value === null ? key : `${key}${between}${value}`))
}

/** What was given on the command line or as a variable, else what the file says, else what holds without either. */
function over(parsed: Command, given: RawOptions, file: Partial<RawOptions>): RawOptions {
  const isGiven = (key: string, value: unknown): boolean => {
    const source = parsed.getOptionValueSource(key)
    // A switch that was given as a variable is its own default.
    return source === 'cli' || source === 'env' || (key === 'mask' ? value === false : value === true)
  }
  const kept = Object.fromEntries(Object.entries(given).filter(([key, value]) => isGiven(key, value)))
  const { token: _token, tokenFile: _file, cwd, ...all } = { ...given, ...file, ...kept }
  const header = [...(file.header ?? []), ...given.header]
  // Of variables and headers what is given once more comes on top of the rest; each is for the servers that have such.
  if (all.url !== undefined) return { ...all, env: file.env ?? [], header }
  const passAuth = file.passAuth === true
  const web = all.http === undefined ? { keepHost: false, header: file.header ?? [] } : { header }
  return { ...all, passAuth, ...web, ...(cwd !== undefined && { cwd }), env: [...(file.env ?? []), ...given.env] }
}

/**
 * The tokens of a server's own, one for each share that it is served to; its variable comes before the file.
 *
 * @throws {AgentExit} that names the server, for one that says it in two ways.
 */
export function ownTokens(name: string, { token, tokenFile, tokens }: ServerEntry, own: Variables, folder: string): readonly TokenSource[] {
  if ([token, tokenFile, tokens].filter((given) => given !== undefined).length > 1)
    throw wrong(name, 'has more than one of token, tokenFile and tokens: leave the others out')
  const variable = own[tokenVariable(name)]
  if (variable !== undefined && variable !== '') return [{ token: variable }]
  if (tokens !== undefined) return tokens.map((one) => ({ token: one }))
  if (token !== undefined) return [{ token }]
  return tokenFile === undefined ? [] : [{ tokenFile: resolve(folder, tokenFile) }]
}

/** Of a server that has no token, nor is there one for all. */
export function withoutToken(name: string): AgentExit {
  return wrong(name, `has no token: give it token or tokenFile, or set ${tokenVariable(name)} to agent_token of its share`)
}

function wrong(name: string, what: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'CONFIG_INVALID', `The server ${name} ${what}.`)
}
