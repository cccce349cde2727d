/** What the servers of a configuration file come to: for each the options of the command line, over variables, over the file. Pure. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AgentExit, EXIT } from '../exit.ts'
import type { ServerEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import type { RawOptions } from './settings.ts'

/** A server as one run of the agent is told of it. */
export interface ServerOptions {
  readonly raw: RawOptions
  readonly command: readonly string[]
}

interface ConfigContext {
  readonly parsed: Command
  readonly own: Variables
  /** Where the file is: what it names is found from there. */
  readonly folder: string
  /** Whether it is the only server: then what is given once is meant for it. */
  readonly isOnly: boolean
}

/** @throws {AgentExit} that names server and member. */
export function serverOptions(name: string, entry: ServerEntry, { parsed, own, folder, isOnly }: ConfigContext): ServerOptions {
  const { command, args = [], url, type, env = {}, headers = {} } = entry
  if ((command === undefined) === (url === undefined))
    throw wrong(name, `${command === undefined ? 'has neither a command nor a url' : 'has a command and a url'}: give one of the two`)
  if (type !== undefined && (type === 'stdio') !== (command !== undefined))
    throw wrong(name, `has the type ${type}, and ${command === undefined ? 'a url' : 'a command'}`)
  const given = parsed.opts<RawOptions>()
  const isSse = url !== undefined && (type === 'sse' || (type === undefined && URL.parse(url)?.pathname.endsWith('/sse') === true))
  const file: Partial<RawOptions> = {
    ...texts(entry),
    ...(entry.cwd !== undefined && { cwd: resolve(folder, entry.cwd) }),
    ...(entry.maxChildren !== undefined && { maxChildren: String(entry.maxChildren) }),
    ...(entry.maxCalls !== undefined && { maxCalls: String(entry.maxCalls) }),
    ...(entry.spare !== undefined && { spare: String(entry.spare) }),
    ...(entry.headerFile !== undefined && { headerFile: resolve(folder, entry.headerFile) }),
    ...(isSse && { sse: true }),
    env: entries(env, '='),
    header: entries(headers, ': '),
  }
  const raw = { ...over(parsed, given, file), ...tokenOf(name, entry, { parsed, own, folder, isOnly }) }
  return { raw, command: command === undefined ? [] : [command, ...args] }
}

/** The variable that may hold the token of a server. */
export function tokenVariable(name: string): string {
  return `MCP_EDGE_TOKEN_${name.toUpperCase().replace(/\W/g, '_')}`
}

function texts(entry: ServerEntry): Partial<RawOptions> {
  const { relay, url, name, replica, replace, isolate, era, idleStop, readOnly, allow, deny, argument, tellStderr, tellPrincipal, mask } =
    entry
  const all = {
    relay,
    url,
    name,
    replica,
    replace,
    isolate,
    era,
    idleStop,
    readOnly,
    allow,
    deny,
    argument,
    tellStderr,
    tellPrincipal,
    mask,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<RawOptions>
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
  // Of variables and headers what is given once more comes on top of the rest; each is for the servers that have such.
  if (all.url !== undefined) return { ...all, env: file.env ?? [], header: [...(file.header ?? []), ...given.header] }
  return { ...all, ...(cwd !== undefined && { cwd }), env: [...(file.env ?? []), ...given.env], header: file.header ?? [] }
}

function tokenOf(
  name: string,
  { token, tokenFile }: ServerEntry,
  { parsed, own, folder, isOnly }: ConfigContext,
): Pick<RawOptions, 'token' | 'tokenFile'> {
  const given = parsed.opts<RawOptions>()
  if (isOnly && given.token !== undefined) return { token: given.token }
  if (isOnly && given.tokenFile !== undefined) return { tokenFile: given.tokenFile }
  const variable = own[tokenVariable(name)]
  if (variable !== undefined && variable !== '') return { token: variable }
  if (token !== undefined) return { token }
  if (tokenFile !== undefined) return { tokenFile: resolve(folder, tokenFile) }
  throw wrong(name, `has no token: give it token or tokenFile, or set ${tokenVariable(name)} to agent_token of its share`)
}

function wrong(name: string, what: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'CONFIG_INVALID', `The server ${name} ${what}.`)
}
