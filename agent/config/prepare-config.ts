/** What the servers of a configuration file come to: for each link that is to be kept one run of the agent. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { AgentExit, EXIT } from '../exit.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { ownTokens, type ServerOptions, serverOptions, type TokenSource, withoutToken } from './configured-servers.ts'
import type { ServerEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import { Faults } from './faults.ts'
import { prepareServer } from './options.ts'
import { commandWords } from './other-names.ts'
import type { MergedEntry, PreparedServer } from './prepared-server.ts'
import { servedNames } from './served-names.ts'
import type { RawOptions } from './settings.ts'
import { bareWarnings, refuseTwoBare, rootOptions } from './share-root.ts'
import { decodeAgentToken, linkUrl } from './token.ts'

interface Reading {
  readonly command: Command
  readonly own: Variables
  readonly cwd: string
  readonly folder: string
}

/** A server before it is known for sure what it comes to. */
interface Wanted {
  readonly name: string
  readonly entry: ServerEntry
  readonly options: ServerOptions
  /** Whether it is served to several shares. */
  readonly hasCopies: boolean
}

/** What a share has of its own. */
interface Root {
  readonly token: TokenSource
  readonly app: RawOptions | undefined
}

/** Names in the log what a share has of its own. */
const OF_SHARE = 'share'

/**
 * What the configuration file that `--config` names comes to.
 *
 * @throws {AgentExit} that names the option, or each server and member, that is wrong.
 */
export function prepareConfig(command: Command, cwd: string, own: Variables = process.env): readonly PreparedServer[] {
  const { config = '', url, sse, headerFile } = command.opts<RawOptions>()
  if (commandWords(command).length > 0 || url !== undefined || sse === true || headerFile !== undefined)
    throw new AgentExit(
      EXIT.USAGE,
      'USAGE',
      'With --config the servers are those of the file: leave out the command, --url, --sse and --header-file.',
    )
  const path = resolve(cwd, config)
  const folder = dirname(path)
  const file = readConfigFile(config, textOf(config, path), { own, home: homedir(), folder })
  const reading = { command, own, cwd, folder }
  const faults = new Faults()
  const { wanted, root, warnings } = wantedServers(config, file, reading, faults)
  const apart = wanted.flatMap((one) => faults.collect(() => preparedOf(one, reading)))
  faults.throwAny()
  const entries = new Map(wanted.map(({ name, entry }) => [name, entry]))
  const all = root === undefined ? apart : [...apart, ...rootOf(apart, entries, root, file, reading)]
  refuseSharedShares(all)
  const [first, ...others] = all
  if (first === undefined) return []
  return [first, ...others].map((one, index) => ({
    ...one,
    warnings:
      index === 0
        ? [
            ...file.warnings,
            ...warnings,
            ...first.warnings,
            ...unmerged(all, apart, entries),
            ...bareWarnings(all.flatMap(({ parts = [] }) => parts)),
          ]
        : [],
  }))
}

/** Each server to the shares of its own tokens; those without all to the share whose token is for all. */
function wantedServers(
  config: string,
  file: ConfigFile,
  { command, own, folder }: Reading,
  faults: Faults,
): { wanted: readonly Wanted[]; root: Root | undefined; warnings: string[] } {
  const { servers, share } = file
  const given = tokenIn(command.opts<RawOptions>())
  const inFile = tokenIn(share.tokenFile === undefined ? share : { ...share, tokenFile: resolve(folder, share.tokenFile) })
  // What is given once is meant for the only server, unless the file says that it is of a share with several.
  const isAlone = servers.size === 1 && inFile === undefined
  const tokensOf = new Map(
    [...servers].map(([name, entry]) => [name, isAlone && given !== undefined ? [given] : ownTokens(name, entry, own, folder)]),
  )
  const sharing = [...tokensOf].filter(([, tokens]) => tokens.length === 0).map(([name]) => name)
  if (!isAlone) refuseOnce(config, command, servers.size, sharing.length === 0)
  const shareToken = isAlone ? undefined : (given ?? inFile)
  if (shareToken === undefined) for (const name of sharing) faults.add(withoutToken(name))
  const names = servedNames(sharing)
  const wanted = [...servers].flatMap(([name, entry]): Wanted[] => {
    const [options] = faults.collect(() => serverOptions(name, entry, { parsed: command, folder }))
    const tokens = tokensOf.get(name) ?? []
    const server = names.get(name)
    if (options === undefined || (server !== undefined && shareToken === undefined)) return []
    if (server !== undefined) return [{ name, entry, options: withOptions(options, { ...shareToken, server }), hasCopies: false }]
    return tokens.map((token) => ({ name, entry, options: withOptions(options, token), hasCopies: tokens.length > 1 }))
  })
  const renamed = [...names].filter(([name, server]) => name !== server)
  const warnings = [
    ...renamed.map(([name, server]) => `${name} is served as ${server}: names have 1 to 20 of a-z, 0-9 and - in an address`),
    ...(inFile !== undefined && sharing.length === 0 ? ['each server has a token of its own, so that of the file is of no use'] : []),
  ]
  const { servers: apart, app } = withoutWebApps(wanted)
  return { wanted: apart, root: shareToken === undefined || sharing.length === 0 ? undefined : { token: shareToken, app }, warnings }
}

/** A share has one web app, which is not below the name of a server. */
function withoutWebApps(wanted: readonly Wanted[]): { servers: readonly Wanted[]; app: RawOptions | undefined } {
  const apps = wanted.filter(({ options: { raw } }) => raw.server !== undefined && raw.http !== undefined)
  const [app, other] = apps
  if (app === undefined) return { servers: wanted, app: undefined }
  if (other !== undefined)
    throw wrong(`The servers ${app.name} and ${other.name} both have a web app, and a share has one: give one of them a token of its own.`)
  const servers = wanted.flatMap((one): Wanted[] => {
    if (one !== app) return [one]
    const { http: _http, keepHost: _keepHost, ...raw } = app.options.raw
    const isServer = app.options.command.length > 0 || raw.url !== undefined
    return isServer ? [{ ...app, options: { ...app.options, raw: raw.url === undefined ? { ...raw, header: [] } : raw } }] : []
  })
  return { servers, app: app.options.raw }
}

/** What a share of several servers has of its own: one server made of those that may have part in it, a web app, or nothing. */
function rootOf(
  apart: readonly PreparedServer[],
  entries: ReadonlyMap<string, ServerEntry>,
  { token, app }: Root,
  { share }: ConfigFile,
  reading: Reading,
): readonly PreparedServer[] {
  const { command } = reading
  const given = command.opts<RawOptions>()
  const relay = command.getOptionValueSource('relay') === undefined ? share.relay : given.relay
  const parts =
    share.merge === false ? [] : apart.flatMap((prepared) => mergedEntry(prepared, entries.get(prepared.name), given.isolate) ?? [])
  if (parts.length === 0 && app === undefined) return []
  refuseTwoBare(parts)
  const options = rootOptions({ given, token, relay, isMerged: parts.length > 0, app })
  const root = preparedOf({ name: OF_SHARE, options, hasCopies: false }, reading)
  return [parts.length === 0 ? root : { ...root, parts }]
}

function mergedEntry(prepared: PreparedServer, entry: ServerEntry | undefined, isolation: string): MergedEntry | undefined {
  const { server: name } = prepared.settings
  if (name === undefined || entry?.merge === false || prepared.settings.isolation !== isolation) return undefined
  return { name, isBare: entry?.prefix === false || entry?.prefix === '', prepared }
}

/** Why servers of a share are not in the merged one though their file does not say so. */
function unmerged(all: readonly PreparedServer[], apart: readonly PreparedServer[], entries: ReadonlyMap<string, ServerEntry>): string[] {
  const merged = all.find(({ parts }) => parts !== undefined)
  return apart
    .filter(({ name, settings }) => merged !== undefined && settings.server !== undefined && entries.get(name)?.merge !== false)
    .filter((one) => merged?.parts?.every(({ prepared }) => prepared !== one) === true)
    .map(({ name }) => `${name} has one process for all (isolate), so it has no part in the merged server, whose sessions have their own`)
}

function withOptions({ raw, command }: ServerOptions, more: Partial<RawOptions>): ServerOptions {
  return { raw: { ...raw, ...more }, command }
}

function preparedOf({ name, options, hasCopies }: Omit<Wanted, 'entry'>, { command, own, cwd }: Reading): PreparedServer {
  try {
    const prepared = prepareServer(command, options, cwd, own)
    const { token, relay, server } = prepared.settings
    const claims = decodeAgentToken(token)
    const { host } = linkUrl(claims, relay)
    return { name, server: hasCopies ? `${name}@${host}` : name, key: JSON.stringify([name, host, claims.share, server]), ...prepared }
  } catch (error) {
    throw error instanceof AgentExit ? new AgentExit(error.exit, error.code, `${name}: ${error.message}`) : error
  }
}

function tokenIn({ token, tokenFile }: TokenSource): TokenSource | undefined {
  // A variable that is empty says as much as none.
  if (token !== undefined && token !== '') return { token }
  return tokenFile === undefined || tokenFile === '' ? undefined : { tokenFile }
}

/** What can be meant for one server only, given where there are several. */
function refuseOnce(config: string, command: Command, count: number, areTokensOwn: boolean): void {
  const isGiven = (key: string): boolean => command.getOptionValueSource(key) === 'cli'
  if (areTokensOwn && (isGiven('token') || isGiven('tokenFile')))
    throw new AgentExit(
      EXIT.USAGE,
      'USAGE',
      `${config} has ${count} servers, each with a token of its own: leave out --token and --token-file.`,
    )
  if (isGiven('name'))
    throw new AgentExit(EXIT.USAGE, 'USAGE', `${config} has ${count} servers, each with a name of its own: leave out --name.`)
}

/** Two agents of one share would each end the other. */
function refuseSharedShares(all: readonly PreparedServer[]): void {
  const served = new Map<string, string>()
  for (const { server, settings } of all) {
    const place = JSON.stringify([decodeAgentToken(settings.token).share, settings.server])
    const other = served.get(place)
    if (other !== undefined)
      throw wrong(
        `The servers ${other} and ${server} have tokens of the same share: each needs one of its own, or give both none and the file one for all.`,
      )
    served.set(place, server)
  }
}

function textOf(config: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new AgentExit(EXIT.USAGE, 'USAGE', `--config ${config} cannot be read: ${why}.`)
  }
}

function wrong(message: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'CONFIG_INVALID', message)
}
