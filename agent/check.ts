/** `--check`: says what a run would serve, and where, without dialling or starting anything. */
import { requireCommand } from './config/command-path.ts'
import { Faults } from './config/faults.ts'
import type { Prepared } from './config/options.ts'
import type { MergedEntry, PreparedServer } from './config/prepared-server.ts'
import { decodeAgentToken, isCutOff, linkUrl } from './config/token.ts'

/**
 * A line for each server, and for each thing that is most likely a mistake.
 *
 * @throws {AgentExit} for all that could not be served.
 */
export function check(servers: readonly (Prepared | PreparedServer)[], platform: NodeJS.Platform): string {
  const faults = new Faults()
  const lines = servers.flatMap((prepared) => {
    const { settings, childEnv, warnings, mask } = prepared
    const claims = decodeAgentToken(settings.token)
    const relay = linkUrl(claims, settings.relay).host
    const { command, args, cwd, http, web } = settings
    const parts = 'parts' in prepared ? prepared.parts : undefined
    if (command !== undefined && parts === undefined) faults.collect(() => requireCommand({ command, args, cwd }, childEnv, platform))
    const served =
      parts !== undefined
        ? [mergedText(parts)]
        : command !== undefined
          ? [[command, ...args].join(' ')]
          : http !== undefined
            ? [http.url.href]
            : []
    const what = [...served, ...(web === undefined ? [] : [`the web app at ${web.origin.origin}`])].join(', and ')
    const name = 'server' in prepared ? `${prepared.server}: ` : ''
    const place =
      settings.server === undefined
        ? parts === undefined
          ? ''
          : `, as /s/${claims.share}/mcp`
        : `, as /s/${claims.share}/${settings.server}/mcp`
    const short = isCutOff(settings.token) ? ['the end of its token is missing, so the relay will refuse it'] : []
    return [
      `${name}share ${claims.share} at ${relay}${place}, ${mask.apply(what)}`,
      ...[...short, ...warnings].map((warning) => `  ${warning}`),
    ]
  })
  faults.throwAny()
  return `${lines.join('\n')}\n`
}

function mergedText(parts: readonly MergedEntry[]): string {
  return `one server of ${parts.map(({ name, isBare }) => (isBare ? `${name} (names as they are)` : `${name} (${name}__…)`)).join(', ')}`
}
