/** What the owner's commands take of a server that a share points at: its URL, and what it is told, which stands in a file since others can read arguments. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { usageError } from '../exit.ts'
import { HTTP_HEADER_FILE_CHARS } from '../limits.ts'
import type { Answer } from './api-client.ts'

export interface UpstreamOptions {
  readonly upstream?: string
  readonly upstreamHeaderFile?: string
}

const FILE = '--upstream-header-file'

export function addUpstreamOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--upstream <url>',
        'the share points at this public server (https, Streamable HTTP), without an agent; a relay of your own takes private ones with ALLOW_PRIVATE_UPSTREAMS',
      ),
    )
    .addOption(new Option(`${FILE} <file>`, 'what that server is told with each request, a line "Name: value" each'))
}

/**
 * The `upstream` of a request to the API; undefined when none was said.
 *
 * @throws {AgentExit} whose text names the option, and no value of a header.
 */
export function upstreamOf({ upstream: url, upstreamHeaderFile: path }: UpstreamOptions): Answer | undefined {
  if (url === undefined && path !== undefined)
    throw usageError(`${FILE} goes with --upstream: say both, since what is told there belongs to the URL.`)
  if (url === undefined) return undefined
  const headers = path === undefined ? undefined : headersIn(textIn(path))
  return { url, ...(headers === undefined ? {} : { headers }) }
}

function headersIn(text: string): Readonly<Record<string, string>> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line, at) => {
      const colon = line.indexOf(':')
      if (colon < 1) throw usageError(`Each line of ${FILE} must be like "Name: value": the one of number ${at + 1} is not.`)
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    }),
  )
}

function textIn(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw usageError(`${FILE} cannot be read: ${path}.`)
  }
  if (text.length > HTTP_HEADER_FILE_CHARS) throw usageError(`${FILE} may have ${HTTP_HEADER_FILE_CHARS / 1024} KiB.`)
  return text
}
