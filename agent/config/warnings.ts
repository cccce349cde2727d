/** What in options and variables is most likely a mistake, in words for the log. Pure. */
import type { Command } from 'commander'
import type { Variables } from './environment.ts'

const OURS = 'MCP_EDGE_'
/** Variables of this program that an agent does not read. */
const OF_OWNERS = ['MCP_EDGE_OWNER_TOKEN']

/** One sentence for each. `extra` is what `--env` was given. */
export function optionWarnings(command: Command, extra: readonly string[], own: Variables): string[] {
  const known = new Set([...OF_OWNERS, ...command.options.map(({ long = '' }) => OURS + long.slice(2).replaceAll('-', '_').toUpperCase())])
  return [
    ...extra
      .filter((entry) => !entry.includes('=') && own[entry] === undefined)
      .map((name) => `--env ${name}: no such variable is set here, so the server gets none`),
    ...Object.keys(own)
      // Of servers in a file: which there are is for who reads it to say.
      .filter((name) => name.startsWith(OURS) && !name.startsWith(`${OURS}TOKEN_`) && !known.has(name))
      .map((name) => `${name} is no variable of the agent: see --help`),
  ]
}
