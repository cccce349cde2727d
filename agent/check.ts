/** `--check`: says what a run would serve, and where, without dialling or starting anything; or all that is wrong, at once. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { requireCommand } from './config/command-path.ts'
import type { ServerOptions } from './config/configured-servers.ts'
import { childEnvironment, type Variables } from './config/environment.ts'
import { Faults } from './config/faults.ts'
import { type Linked, prepareLink } from './config/options.ts'
import { commandWords } from './config/other-names.ts'
import { collectConfig } from './config/prepare-config.ts'
import type { MergedEntry, PreparedServer } from './config/prepared-server.ts'
import type { RawOptions } from './config/settings.ts'
import { decodeAgentToken, endFault, linkUrl } from './config/token.ts'

interface Checking {
  readonly cwd: string
  readonly platform: NodeJS.Platform
  readonly own?: Variables
}

/**
 * A line for each server, and for each thing that is most likely a mistake. `command` is parsed.
 *
 * @throws {AgentExit} for all that could not be served, a line each.
 */
export function check(command: Command, { cwd, platform, own = process.env }: Checking): string {
  const faults = new Faults()
  const look = ({ settings, childEnv }: Linked | PreparedServer): void => {
    const { command: program, args } = settings
    if (program !== undefined) faults.collect(() => requireCommand({ command: program, args, cwd: settings.cwd }, childEnv, platform))
  }
  // Of one whose options are wrong the command is looked for all the same.
  const onWrong = ({ raw, command: [program, ...args] }: ServerOptions): void => {
    if (program === undefined || program === '') return
    const where = { command: program, args, cwd: resolve(cwd, raw.cwd ?? '') }
    faults.collect(() => requireCommand(where, childEnvironment(own, [], platform), platform))
  }
  const { config } = command.opts<RawOptions>()
  const isOne = config === undefined || config === ''
  const servers: readonly (Linked | PreparedServer)[] = isOne
    ? onlyOne(command, { cwd, own, faults, onWrong })
    : collectConfig(command, cwd, own, { faults, onWrong })
  for (const one of servers) if (!('parts' in one)) look(one)
  faults.throwAny()
  return `${servers.flatMap(linesOf).join('\n')}\n`
}

interface Collecting {
  readonly cwd: string
  readonly own: Variables
  readonly faults: Faults
  readonly onWrong: (options: ServerOptions) => void
}

/** That of the command line. */
function onlyOne(command: Command, { cwd, own, faults, onWrong }: Collecting): readonly Linked[] {
  const raw = command.opts<RawOptions>()
  const [words] = faults.collect(() => commandWords(command))
  const options = { raw, command: words ?? [] }
  const made = words === undefined ? [] : faults.collect(() => prepareLink(command, options, cwd, own))
  if (made.length === 0) onWrong(options)
  return made
}

function linesOf(prepared: Linked | PreparedServer): string[] {
  const { settings, warnings, mask } = prepared
  const claims = decodeAgentToken(settings.token)
  const relay = linkUrl(claims, settings.relay).host
  const { command, args, http, web } = settings
  const parts = 'parts' in prepared ? prepared.parts : undefined
  const served =
    parts !== undefined
      ? [mergedText(parts)]
      : command !== undefined
        ? [[command, ...args].join(' ')]
        : http !== undefined
          ? [http.passesAuth === true ? `${http.url.href} (clients sign in there)` : http.url.href]
          : []
  const what = [...served, ...(web === undefined ? [] : [`the web app at ${web.origin.origin}`])].join(', and ')
  const name = 'server' in prepared ? `${prepared.server}: ` : ''
  const place =
    settings.server === undefined
      ? parts === undefined
        ? ''
        : `, as /s/${claims.share}/mcp`
      : `, as /s/${claims.share}/${settings.server}/mcp`
  const fault = endFault(settings.token)
  const short = fault === undefined ? [] : [`of its token: ${fault.what}, so the relay will refuse it`]
  return [
    `${name}share ${claims.share} at ${relay}${place}, ${mask.apply(what)}`,
    ...[...short, ...warnings].map((warning) => `  ${warning}`),
  ]
}

function mergedText(parts: readonly MergedEntry[]): string {
  return `one server of ${parts.map(({ name, isBare }) => (isBare ? `${name} (names as they are)` : `${name} (${name}__…)`)).join(', ')}`
}
