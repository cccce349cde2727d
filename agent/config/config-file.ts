/** Reads a configuration file: the servers that it names, with what stands in place of `${…}`. No I/O but through what it is given. */
import { isMap, parseDocument } from 'yaml'
import * as v from 'valibot'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'
import { AgentExit, EXIT } from '../exit.ts'
import { CONFIG_CHARS, CONFIG_DEPTH } from '../limits.ts'
import { CONFIG, CONFIG_SERVER, SERVER_MEMBERS, SERVER_NAME, type ServerEntry, type ShareEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import type { Faults } from './faults.ts'

/** Members of a server without which nothing more can be said of it. */
const DECISIVE: ReadonlySet<string> = new Set(['command', 'args', 'url', 'http', 'type', 'token', 'tokenFile', 'tokens', 'headerFile'])
const { mcpServers: _mcpServers, servers: _servers, ...SHARE_MEMBERS } = CONFIG.entries

export interface ConfigFile {
  /** Those that are not disabled, by name, in order: as much of each as is right. */
  readonly servers: ReadonlyMap<string, ServerEntry>
  /** Those of which so much is wrong that nothing more can be said of them. */
  readonly unclear: ReadonlySet<string>
  /** Of one share for all servers that have no token of their own, and of its link. */
  readonly share: ShareEntry
  /** Whether nobody can tell if there is a token of one share. */
  readonly isShareUnclear: boolean
  /** What is most likely a mistake, a sentence each. */
  readonly warnings: readonly string[]
}

/** What `${…}` may name. */
interface Places {
  readonly own: Variables
  readonly home: string
  /** Where the file is. */
  readonly folder: string
}

/** Members that were read, and those of them that are wrong. */
interface Sound {
  readonly members: Readonly<Record<string, unknown>>
  readonly wrong: readonly string[]
}

/**
 * What is wrong goes to `faults`, a line each, which say where in the file it is and repeat no value of it; what is right is read all the same.
 *
 * @throws {AgentExit} where nothing can be read.
 */
export function readConfigFile(path: string, text: string, places: Places, faults: Faults): ConfigFile {
  if (text.length > CONFIG_CHARS) throw wrong(path, `it may have ${CONFIG_CHARS / 1024} KiB`)
  const file = parse(path, text)
  for (const issue of v.safeParse(CONFIG, file).issues ?? []) faults.add(wrong(path, sayIssue(issue)))
  const enabled = enabledServers(path, file, faults)
  const sound = (value: JsonObject, schemas: Schemas, of: string): Sound =>
    soundPart(value, schemas, (reference) => {
      const known = valueOf(reference, places)
      if (known === undefined) faults.add(unknownReference(path, of, reference))
      return known
    })
  const ofShare = Object.fromEntries(Object.entries(file).filter(([member]) => Object.hasOwn(SHARE_MEMBERS, member)))
  const share = sound(ofShare, SHARE_MEMBERS, 'the file')
  const { token: _token, tokenFile: _tokenFile, merge: _merge, ...link } = share.members
  const all = enabled.map(([name, entry]) => {
    const { members, wrong: ones } = sound(isObject(entry) ? entry : {}, CONFIG_SERVER.entries, name)
    return { name, members, isUnclear: !isObject(entry) || !v.is(SERVER_NAME, name) || ones.some((member) => DECISIVE.has(member)) }
  })
  return {
    servers: new Map(all.map(({ name, members }) => [name, { ...link, ...members }])),
    unclear: new Set(all.filter(({ isUnclear }) => isUnclear).map(({ name }) => name)),
    share: share.members,
    isShareUnclear: share.wrong.some((member) => DECISIVE.has(member)),
    warnings: enabled.flatMap(([name, entry]) => warningsOf(name, entry)),
  }
}

/** @throws {AgentExit} where there are none. */
function enabledServers(path: string, file: JsonObject, faults: Faults): [string, unknown][] {
  const { mcpServers, servers } = file
  const stop = (what: string): never => {
    faults.add(wrong(path, what))
    return faults.throwAll()
  }
  if (mcpServers !== undefined && servers !== undefined) return stop('it has both mcpServers and servers: leave one out')
  const named = mcpServers ?? servers
  if (named === undefined) return stop('it has neither servers nor mcpServers')
  // What it is in place of servers is said already.
  if (!isObject(named)) return faults.throwAll()
  const enabled = Object.entries(named).filter(([, entry]) => !isObject(entry) || entry['disabled'] !== true)
  return enabled.length === 0 ? stop('all its servers are disabled, or it has none') : enabled
}

type Schemas = Readonly<Record<string, v.GenericSchema>>

/** The members that are as they have to be, filled in. Those without a schema are left alone. */
function soundPart(value: JsonObject, schemas: Schemas, valueOfReference: (reference: string) => string | undefined): Sound {
  const members: [string, unknown][] = []
  const wrongOnes: string[] = []
  for (const [member, given] of Object.entries(value)) {
    const schema = Object.hasOwn(schemas, member) ? schemas[member] : undefined
    let isKnown = true
    const filled = filledIn(given, (reference) => {
      const known = valueOfReference(reference)
      isKnown &&= known !== undefined
      return known ?? ''
    })
    if (isKnown && (schema === undefined || v.is(schema, given))) members.push([member, filled])
    else wrongOnes.push(member)
  }
  return { members: Object.fromEntries(members), wrong: wrongOnes }
}

/** YAML, of which JSON is a part; comments of a JSON file that have a line to themselves are left out. */
function parse(path: string, text: string): JsonObject {
  const isJson = /\.jsonc?$/i.test(path)
  const document = parseDocument(isJson ? text.replace(/^[ \t]*\/\/.*$/gm, '') : text, { prettyErrors: true, uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined) throw wrong(path, `line ${error.linePos?.[0].line ?? 1}: ${error.code.toLowerCase().replaceAll('_', ' ')}`)
  if (!isMap(document.contents)) throw wrong(path, 'it must hold servers or mcpServers')
  try {
    // What stands for something else many times over could fill the memory.
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return isObject(value) ? value : {}
  } catch {
    throw wrong(path, 'it has too many aliases')
  }
}

function warningsOf(name: string, entry: unknown): string[] {
  return Object.keys(isObject(entry) ? entry : {})
    .filter((key) => !SERVER_MEMBERS.has(key))
    .map((key) => `${name}.${key} means nothing to the agent`)
}

/** The same value with what its texts refer to. */
function filledIn(value: unknown, valueOfReference: (reference: string) => string, depth = 0): unknown {
  if (depth > CONFIG_DEPTH) return undefined
  if (typeof value === 'string') return value.replace(/\$\{([^}]*)\}/g, (_, reference: string) => valueOfReference(reference))
  if (Array.isArray(value)) return value.map((inner) => filledIn(inner, valueOfReference, depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filledIn(inner, valueOfReference, depth + 1)]))
}

/** As VS Code, Cursor and Claude Code write it. */
function valueOf(reference: string, { own, home, folder }: Places): string | undefined {
  const [, kind = '', name = ''] = /^(?:(env):)?([^:]*)/.exec(reference) ?? []
  if (kind === '' && name === 'workspaceFolder') return folder
  if (kind === '' && name === 'userHome') return home
  const fallback = /:-(.*)$/.exec(reference)?.[1]
  return /^[A-Za-z_]\w*$/.test(name) && (kind === 'env' || !reference.includes(':') || fallback !== undefined)
    ? (own[name] ?? fallback)
    : undefined
}

function sayIssue(issue: v.InferIssue<typeof CONFIG>): string {
  const what = issue.type === 'regex' ? issue.message : (issue.expected ?? issue.message)
  return `${v.getDotPath(issue) ?? 'the file'} must be ${what}`
}

function unknownReference(path: string, server: string, reference: string): AgentExit {
  const why = reference.startsWith('input:')
    ? 'nobody is asked here: write ${env:NAME}, and set that variable'
    : 'there is no such variable here'
  return wrong(path, `\${${reference}} in ${server}: ${why}`)
}

function wrong(path: string, what: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'CONFIG_INVALID', `${path}: ${what}.`)
}
