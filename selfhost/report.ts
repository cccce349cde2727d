/** The texts that `npm start` prints for a person. No I/O. */
import { join } from 'node:path'
import { localOrigin } from './address.ts'
import { parseObject } from './json.ts'
import type { PortHolder } from './port-holder.ts'

/** How the owner's commands, and the agent alone, are called in a checkout. */
export const CHECKOUT_PROGRAM = 'node_modules/.bin/node agent/cli.ts'

export interface ShareReport {
  readonly shareUrl: string
  /** Opens the web app, where one is shared; and whether an MCP server is. */
  readonly webUrl?: string | undefined
  readonly hasServer: boolean
  /** What is shared, in words. */
  readonly server: string
  readonly dataDir: string
  /** Where the owner's commands find the relay on this machine, and the id of the share. */
  readonly relay: string
  readonly share: string
  /** When the share ends: ISO 8601. */
  readonly expiresAt: string
  /** The server was seen to fail at its start. */
  readonly serverFails: boolean
  /** The server has not said anything yet. */
  readonly isSilent: boolean
  /** The port that the next start tries, where this one was taken for a single run. */
  readonly usualPort?: number | undefined
}

/** The text for a share that is up: its URL in a box, a request to try, where the data lies, how to stop. */
export function describeShare(report: ShareReport): string {
  const next = report.usualPort === undefined ? '' : `, on port ${report.usualPort} if that is free`
  const body =
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'
  const server = report.hasServer ? ['Share URL (whoever has it can use the server):', report.shareUrl] : []
  const app = report.webUrl === undefined ? [] : ['Web app (whoever has this URL can use the app):', report.webUrl]
  const tryIt = `Try it:   npx -y @modelcontextprotocol/inspector --cli ${report.shareUrl} --method tools/list
          (prints the tools), or with nothing but curl (prints HTTP 200, an mcp-session-id, and what the server says of itself):
          curl -si '${report.shareUrl}' -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -d '${body}'
`
  return `${box([...app, ...server])}

Sharing:  ${report.server}
${report.isSilent ? 'Note:     the server has not answered yet. Calls wait for it; what it prints, and why it fails if it does, will stand below.\n' : ''}${report.serverFails ? 'Problem:  the server cannot be used yet, so every call fails. Why stands above, and what to do.\n' : ''}${report.hasServer ? tryIt : ''}${ownersOrders(report)}Expires:  ${report.expiresAt.slice(0, 10)}, and the tokens with it; a start in its last day, or later, makes a share with another URL
Data:     ${report.dataDir} (owner key, share, storage; keep it private)
Stop:     Ctrl-C (the next start has the same share URL${next}, whatever it shares then)
`
}

/** How whoever runs this hands out another link, and sees who uses it, in another terminal of this folder. */
function ownersOrders({ relay, share, dataDir }: ShareReport): string {
  const program = CHECKOUT_PROGRAM
  return `Yours:    log in once, here in another terminal: ${program} login ${relay}
          (asks for the owner token: ownerKey in ${join(dataDir, 'state.json')}); then
          another link:  ${program} token create ${share} --read-only --name Ann
          who calls:     ${program} logs ${share} --follow
`
}

/** The text for a relay without a share. */
export function describeRelay(relay: string, dataDir: string, isOpen: boolean): string {
  const next = isOpen
    ? `${CHECKOUT_PROGRAM} login ${relay}   (asks for the code that the log below will have)`
    : `curl -X POST ${relay}/api/shares -H "authorization: Bearer <ownerKey of ${dataDir}/state.json>" -H 'content-type: application/json' -d '{"name":"files"}'
          or, with the same key: ${CHECKOUT_PROGRAM} login ${relay}   and then ${CHECKOUT_PROGRAM} share create --name files`
  return `${box(['Relay:', relay])}

${isOpen ? 'Claim:' : 'Share:'}    ${next}
Agent:    MCP_EDGE_TOKEN=<agent_token of the share> node_modules/.bin/node agent/cli.ts -- command args...   (beside the server)
Data:     ${dataDir} (keep it private)
Stop:     Ctrl-C
`
}

export interface BusyPort {
  readonly host: string
  /** The port that is in use. */
  readonly port: number
  readonly holder: PortHolder
}

/** That a port is in use, by whom, and what was taken for this run, or else that nothing was. */
export function describeBusyPort({ host, port, holder }: BusyPort, taken?: number): string {
  const who = holder.program === undefined ? (holder.isRelay ? '' : ' by another program') : ` by ${holder.program} (process ${holder.pid})`
  const relay = holder.isRelay
    ? ` An mcp-edge relay listens there. To share a server through that one instead, run only the agent, with an agent_token of it: node_modules/.bin/node agent/cli.ts --relay ${localOrigin(host, port)} -- command (docs/agent.md).`
    : ''
  const now =
    taken === undefined
      ? ': end that program, or choose another with --port.'
      : `. This run listens on port ${taken} instead, which its URLs have; the next start tries ${port} again. Choose one that stays with --port.`
  return `port ${port} is in use${who}${now}${relay}`
}

/** A line of the agent's log, which is JSON, in words. */
export function describeAgentLine(line: string): string {
  const entry = parseObject(line)
  if (entry === undefined) return line
  const { time: _time, level, event, ...fields } = entry
  if (event === 'child.stderr') return `[server] ${String(fields['line'])}`
  const facts = Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return ['[agent]', String(level), String(event), ...facts].join(' ')
}

/** Whether a line of the agent is for those who want to see all (--verbose): what went well before anybody could call. */
export function isNoise(line: string, isReady: boolean): boolean {
  const level = parseObject(line)?.['level']
  return !isReady && (level === 'info' || level === 'debug') && parseObject(line)?.['event'] !== 'child.stderr'
}

/** Whether a line of workerd speaks of nothing but its own build: it marks such warnings, which no one here can mend. */
export function isWorkerdNoise(line: string): boolean {
  return /^workerd\/\S+: warning: NOSENTRY /.test(line)
}

function box(lines: readonly string[]): string {
  const width = Math.max(...lines.map((line) => line.length))
  const edge = '─'.repeat(width + 2)
  return [`┌${edge}┐`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `└${edge}┘`].join('\n')
}
