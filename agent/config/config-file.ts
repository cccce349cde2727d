/** Reads a configuration file: the servers that it names, with what stands in place of `${…}`. No I/O but through what it is given. */
import { isMap, parseDocument } from 'yaml'
import * as v from 'valibot'
import { AgentExit, EXIT } from '../exit.ts'
import { CONFIG_CHARS, CONFIG_DEPTH } from '../limits.ts'
import { CONFIG, SERVER_MEMBERS, type ServerEntry } from './config-schema.ts'
import type { Variables } from './environment.ts'
import { Faults } from './faults.ts'

export interface ConfigFile {
  /** Those that are not disabled, by name, in order. */
  readonly servers: ReadonlyMap<string, ServerEntry>
  /** Of one share for all servers that have no token of their own. */
  readonly share: { readonly merge?: boolean } & { readonly [Member in 'token' | 'tokenFile' | 'relay']?: string }
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

/** @throws {AgentExit} that says where in the file what is wrong, a line each, and repeats no value of it. */
export function readConfigFile(path: string, text: string, places: Places): ConfigFile {
  if (text.length > CONFIG_CHARS) throw wrong(path, `it may have ${CONFIG_CHARS / 1024} KiB`)
  const read = v.safeParse(CONFIG, parse(path, text))
  const faults = new Faults()
  if (!read.success) {
    for (const issue of read.issues) faults.add(wrong(path, sayIssue(issue)))
    return faults.throwAll()
  }
  const { mcpServers, servers, relay, ...top } = read.output
  if (mcpServers !== undefined && servers !== undefined) throw wrong(path, 'it has both mcpServers and servers: leave one out')
  const named = mcpServers ?? servers
  if (named === undefined) throw wrong(path, 'it has neither servers nor mcpServers')
  const enabled = Object.entries(named).filter(([, { disabled }]) => disabled !== true)
  if (enabled.length === 0) throw wrong(path, 'all its servers are disabled, or it has none')
  const filled = <T>(value: T, of: string): T =>
    filledIn(value, (reference) => {
      const known = valueOf(reference, places)
      if (known === undefined) faults.add(unknownReference(path, of, reference))
      return known ?? ''
    }) as T
  const { token, tokenFile, merge } = top
  const share = filled(
    {
      ...(merge !== undefined && { merge }),
      ...(token !== undefined && { token }),
      ...(tokenFile !== undefined && { tokenFile }),
      ...(relay !== undefined && { relay }),
    },
    'the file',
  )
  const all = enabled.map(([name, entry]): [string, ServerEntry] => {
    const own = filled(entry, name)
    return [name, own.relay === undefined && share.relay !== undefined ? { ...own, relay: share.relay } : own]
  })
  faults.throwAny()
  return { servers: new Map(all), share, warnings: enabled.flatMap(([name, entry]) => warningsOf(name, entry)) }
}

/** YAML, of which JSON is a part; comments of a JSON file that have a line to themselves are left out. */
function parse(path: string, text: string): unknown {
  const isJson = /\.jsonc?$/i.test(path)
  const document = parseDocument(isJson ? text.replace(/^[ \t]*\/\/.*$/gm, '') : text, { prettyErrors: true, uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined) throw wrong(path, `line ${error.linePos?.[0].line ?? 1}: ${error.code.toLowerCase().replaceAll('_', ' ')}`)
  if (!isMap(document.contents)) throw wrong(path, 'it must hold servers or mcpServers')
  try {
    // What stands for something else many times over could fill the memory.
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    throw wrong(path, 'it has too many aliases')
  }
}

function warningsOf(name: string, entry: ServerEntry): string[] {
  return Object.keys(entry)
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
