/** What a share of several servers has at its own address: one server made of them, and a web app. Pure. */
import { AgentExit, EXIT } from '../exit.ts'
import type { ServerOptions, TokenSource } from './configured-servers.ts'
import type { MergedEntry } from './prepared-server.ts'
import type { RawOptions } from './settings.ts'

/** In place of a command. */
const MERGED = ['(merged)']

interface RootContext {
  /** What was given on the command line, or as a variable: it alone is meant for all. */
  readonly given: RawOptions
  readonly token: TokenSource
  /** What the file says of all links, and the command line does not. */
  readonly link: Partial<RawOptions>
  readonly isMerged: boolean
  /** Options of the one server that has a web app. */
  readonly app: RawOptions | undefined
}

/** Of its parts nothing is in here, so that it goes on when they change. */
export function rootOptions({ given, token, link, isMerged, app }: RootContext): ServerOptions {
  const { http: _http, keepHost: _keepHost, cwd: _cwd, token: _token, tokenFile: _tokenFile, ...all } = given
  const web =
    app === undefined ? {} : { http: app.http ?? '', keepHost: app.keepHost === true, header: app.header, readOnly: app.readOnly === true }
  const raw: RawOptions = {
    ...all,
    // Each server has its own, which know its tools by its own names.
    readOnly: false,
    allow: [],
    deny: [],
    argument: [],
    env: [],
    header: [],
    passAuth: false,
    spare: '0',
    era: 'legacy',
    ...link,
    ...token,
    ...web,
  }
  return { raw, command: isMerged ? MERGED : [] }
}

/** @throws {AgentExit} when names of two could be the same. */
export function refuseTwoBare(parts: readonly MergedEntry[]): void {
  const [one, other] = parts.filter(({ isBare }) => isBare)
  if (one !== undefined && other !== undefined)
    throw new AgentExit(
      EXIT.USAGE,
      'CONFIG_INVALID',
      `The servers ${one.prepared.name} and ${other.prepared.name} both have prefix: false, so that their names could be the same: leave it out of one.`,
    )
}

/** What the owner of a share must know of a server whose names are written otherwise at the share's own address than at its own. */
export function bareWarnings(parts: readonly MergedEntry[]): string[] {
  return parts
    .filter(({ isBare }) => isBare)
    .map(
      ({ name, prepared }) =>
        `${prepared.name} has prefix: false: a policy's patterns with ${name}__ bound it at its own address and not at the share's, where its tools and prompts have their own names, so name both`,
    )
}
