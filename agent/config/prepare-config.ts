/** What the servers of a configuration file come to: for each link that is to be kept one run of the agent. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { MAX_SERVERS } from '../../protocol/limits.ts'
import { AgentExit, EXIT, usageError } from '../exit.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { linkOptions, ownTokens, type ServerOptions, serverOptions, type TokenSource, withoutToken } from './configured-servers.ts'
import type { ServerEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import { Faults } from './faults.ts'
import { prepareLink } from './options.ts'
import { commandWords } from './other-names.ts'
import type { MergedEntry, PreparedServer } from './prepared-server.ts'
import { servedNames } from './served-names.ts'
import { type RawOptions, readTokenText } from './settings.ts'
import { bareWarnings, refuseTwoBare, rootOptions } from './share-root.ts'
import { decodeAgentToken, STAND_IN_TOKEN } from './token.ts'

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
 * @throws {AgentExit} that names the option, or each server and member, that is wrong, a line each.
 */
export function prepareConfig(command: Command, cwd: string, own: Variables = process.env): readonly PreparedServer[] {
  const faults = new Faults()
  const all = collectConfig(command, cwd, own, { faults })
  faults.throwAny()
  return all
}

interface Collecting {
  readonly faults: Faults
  /** Told of each server whose options are wrong. */
  readonly onWrong?: (options: ServerOptions) => void
}

/**
 * The same, of all that is right. What is wrong goes to `faults`.
 *
 * @throws {AgentExit} where the file cannot be read at all.
 */
export function collectConfig(
  command: Command,
  cwd: string,
  own: Variables,
  { faults, onWrong = () => {} }: Collecting,
): readonly PreparedServer[] {
  const { config = '', url, sse, headerFile } = command.opts<RawOptions>()
  if (commandWords(command).length > 0 || url !== undefined || sse === true || headerFile !== undefined)
    throw usageError('With --config the servers are those of the file: leave out the command, --url, --sse and --header-file.')
  const path = resolve(cwd, config)
  const folder = dirname(path)
  const file = readConfigFile(config, textOf(config, path), { own, home: homedir(), folder }, faults)
  const reading = { command, own, cwd, folder }
  const { wanted, root, warnings } = wantedServers(config, file, reading, faults)
  const apart = wanted.flatMap((one) => {
    const made = faults.collect(() => preparedOf(one, reading))
    if (made.length === 0) onWrong(one.options)
    return made
  })
  const entries = new Map(wanted.map(({ name, entry }) => [name, entry]))
  const all = root === undefined ? apart : [...apart, ...rootOf(apart, entries, { ...root, file, faults }, reading)]
  refuseSharedShares(all, faults)
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
  const { servers, share, unclear } = file
  const given = tokenIn(command.opts<RawOptions>())
  const inFile = tokenIn(share.tokenFile === undefined ? share : { ...share, tokenFile: resolve(folder, share.tokenFile) })
  // What is given once is meant for the only server, unless the file says that it is of a share with several.
  const isAlone = servers.size === 1 && inFile === undefined && !file.isShareUnclear
  const tokensOf = new Map(
    [...servers].flatMap(([name, entry]) =>
      faults.collect(() => [name, isAlone && given !== undefined ? [given] : ownTokens(name, entry, own, folder)] as const),
    ),
  )
  const sharing = [...tokensOf].filter(([, tokens]) => tokens.length === 0).map(([name]) => name)
  if (!isAlone) refuseOnce(config, command, { count: servers.size, areTokensOwn: sharing.length === 0 }, faults)
  const shareToken = isAlone ? undefined : (given ?? inFile)
  const isShared = shareToken !== undefined || file.isShareUnclear
  if (!isShared) for (const name of sharing) if (!unclear.has(name)) faults.add(withoutToken(name))
  if (isShared && sharing.length > MAX_SERVERS)
    faults.add(
      wrong(
        `${config} has ${sharing.length} servers without a token of their own, and one share has ${MAX_SERVERS} at most: give the others tokens of another share.`,
      ),
    )
  const [usable = { token: STAND_IN_TOKEN }] =
    shareToken === undefined || sharing.length === 0 ? [] : faults.collect(() => requireUsable(shareToken))
  const names = servedNames(sharing)
  const wanted = [...servers].flatMap(([name, entry]): Wanted[] => {
    if (unclear.has(name)) return []
    const [options] = faults.collect(() => serverOptions(name, entry, { parsed: command, folder }))
    const tokens = tokensOf.get(name) ?? []
    const server = names.get(name)
    if (options === undefined) return []
    if (server !== undefined) return [{ name, entry, options: withOptions(options, { ...usable, server }), hasCopies: false }]
    return tokens.map((token) => ({ name, entry, options: withOptions(options, token), hasCopies: tokens.length > 1 }))
  })
  const renamed = [...names].filter(([name, server]) => name !== server)
  const warnings = [
    ...renamed.map(([name, server]) => `${name} is served as ${server}: names have 1 to 20 of a-z, 0-9 and - in an address`),
    ...(inFile !== undefined && sharing.length === 0 ? ['each server has a token of its own, so that of the file is of no use'] : []),
  ]
  const { servers: apart, app } = withoutWebApps(wanted, faults)
  return { wanted: apart, root: sharing.length === 0 ? undefined : { token: usable, app }, warnings }
}

/** A share has one web app, which is not below the name of a server. */
function withoutWebApps(
  wanted: readonly Wanted[],
  faults: Faults,
): { readonly servers: readonly Wanted[]; readonly app: RawOptions | undefined } {
  const apps = wanted.filter(({ options: { raw } }) => raw.server !== undefined && raw.http !== undefined)
  const [app, ...others] = apps
  if (app === undefined) return { servers: wanted, app: undefined }
  for (const { name } of others)
    faults.add(wrong(`The servers ${app.name} and ${name} both have a web app, and a share has one: give one of them a token of its own.`))
  const servers = wanted.flatMap((one): Wanted[] => {
    if (!apps.includes(one)) return [one]
    const { http: _http, keepHost: _keepHost, ...raw } = one.options.raw
    const isServer = one.options.command.length > 0 || raw.url !== undefined
    return isServer ? [{ ...one, options: { ...one.options, raw: raw.url === undefined ? { ...raw, header: [] } : raw } }] : []
  })
  return { servers, app: app.options.raw }
}

/** What a share of several servers has of its own: one server made of those that may have part in it, a web app, or nothing. */
function rootOf(
  apart: readonly PreparedServer[],
  entries: ReadonlyMap<string, ServerEntry>,
  { token, app, file: { share }, faults }: Root & { readonly file: ConfigFile; readonly faults: Faults },
  reading: Reading,
): readonly PreparedServer[] {
  const { command, folder } = reading
  const given = command.opts<RawOptions>()
  const isSaid = (key: string): boolean => ['cli', 'env'].includes(command.getOptionValueSource(key) ?? '')
  const ofFile = Object.entries(linkOptions(share, folder)).filter(([key]) => !isSaid(key))
  const link = Object.fromEntries(ofFile) as Partial<RawOptions>
  const parts =
    share.merge === false ? [] : apart.flatMap((prepared) => mergedEntry(prepared, entries.get(prepared.name), given.isolate) ?? [])
  if (parts.length === 0 && app === undefined) return []
  faults.collect(() => refuseTwoBare(parts))
  const options = rootOptions({ given, token, link, isMerged: parts.length > 0, app })
  const root = faults.collect(() => preparedOf({ name: OF_SHARE, options, hasCopies: false }, reading))
  return root.map((one) => (parts.length === 0 ? one : { ...one, parts }))
}

function mergedEntry(prepared: PreparedServer, entry: ServerEntry | undefined, isolation: string): MergedEntry | undefined {
  const { server: name } = prepared.settings
  const { isolation: own, http } = prepared.settings
  if (name === undefined || entry?.merge === false || own !== isolation || http?.passesAuth === true) return undefined
  return { name, isBare: entry?.prefix === false || entry?.prefix === '', prepared }
}

/** Why servers of a share are not in the merged one though their file does not say so. */
function unmerged(all: readonly PreparedServer[], apart: readonly PreparedServer[], entries: ReadonlyMap<string, ServerEntry>): string[] {
  const merged = all.find(({ parts }) => parts !== undefined)
  return apart
    .filter(({ name, settings }) => merged !== undefined && settings.server !== undefined && entries.get(name)?.merge !== false)
    .filter((one) => merged?.parts?.every(({ prepared }) => prepared !== one) === true)
    .map(({ name, settings }) =>
      settings.http?.passesAuth === true
        ? `${name} signs its clients in by itself (passAuth), so it has no part in the merged server, whose clients sign in nowhere`
        : `${name} has one process for all (isolate), so it has no part in the merged server, whose sessions have their own`,
    )
}

function withOptions({ raw, command }: ServerOptions, more: Partial<RawOptions>): ServerOptions {
  return { raw: { ...raw, ...more }, command }
}

function preparedOf({ name, options, hasCopies }: Omit<Wanted, 'entry'>, { command, own, cwd }: Reading): PreparedServer {
  try {
    const { share, host, ...prepared } = prepareLink(command, options, cwd, own)
    const key = JSON.stringify([name, host, share, prepared.settings.server])
    return { name, server: hasCopies ? `${name}@${host}` : name, key, ...prepared }
  } catch (error) {
    throw saidOf(name, error)
  }
}

/** @throws {AgentExit} when it cannot be the token of a share: said once, and not for each server of that. */
function requireUsable(token: TokenSource): TokenSource {
  try {
    decodeAgentToken(readTokenText(token, { readFile: (path) => readFileSync(path, 'utf8') }))
    return token
  } catch (error) {
    throw saidOf(OF_SHARE, error)
  }
}

/** An error that says whose it is in each line. */
function saidOf(name: string, error: unknown): unknown {
  return error instanceof AgentExit ? new AgentExit(error.exit, error.code, error.message.replaceAll(/^/gm, `${name}: `)) : error
}

function tokenIn({ token, tokenFile }: { readonly [Member in keyof TokenSource]: string | undefined }): TokenSource | undefined {
  // A variable that is empty says as much as none.
  if (token !== undefined && token !== '') return { token }
  return tokenFile === undefined || tokenFile === '' ? undefined : { tokenFile }
}

interface Several {
  readonly count: number
  readonly areTokensOwn: boolean
}

/** What can be meant for one server only, given where there are several. */
function refuseOnce(config: string, command: Command, { count, areTokensOwn }: Several, faults: Faults): void {
  const isGiven = (key: string): boolean => command.getOptionValueSource(key) === 'cli'
  const refuse = (what: string, options: string): void =>
    faults.add(usageError(`${config} has ${count} servers, each with a ${what} of its own: leave out ${options}.`))
  if (areTokensOwn && (isGiven('token') || isGiven('tokenFile'))) refuse('token', '--token and --token-file')
  if (isGiven('name')) refuse('name', '--name')
}

/** Two agents of one share would each end the other. */
function refuseSharedShares(all: readonly PreparedServer[], faults: Faults): void {
  const served = new Map<string, string>()
  for (const { server, settings } of all) {
    const place = JSON.stringify([decodeAgentToken(settings.token).share, settings.server])
    const other = served.get(place)
    if (other !== undefined)
      faults.add(
        wrong(
          `The servers ${other} and ${server} have tokens of the same share: each needs one of its own, or give both none and the file one for all.`,
        ),
      )
    served.set(place, server)
  }
}

function textOf(config: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw usageError(`--config ${config} cannot be read: ${why}.`)
  }
}

function wrong(message: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'CONFIG_INVALID', message)
}
