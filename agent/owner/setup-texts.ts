/** How what was handed out is put to use: by an agent beside its server, and in MCP clients. Pure. */
import { plain } from './table.ts'

/** A share as its links are called in a client. */
interface Named {
  readonly name: string
  readonly url: string
}

const SAMPLE_SERVER = 'npx -y @modelcontextprotocol/server-everything'

/** The token stands in a variable: arguments stand in the process list. */
export function agentSetup(token: string, program: string, platform: NodeJS.Platform): string {
  const variable = platform === 'win32' ? `$env:MCP_EDGE_TOKEN = '${token}'` : `export MCP_EDGE_TOKEN=${token}`
  return `On the machine of the server, run the agent with the server's command
(with --replica, where one is connected already and both are to serve):

  ${variable}
  ${program} -- ${SAMPLE_SERVER}
`
}

/** For an agent of another make, which can send neither a header nor a path: its secret is where it dials. */
export function hostSetup(agentUrl: string): string {
  return `  ${agentUrl}

This host name is the secret: whoever knows it can serve the share. Give the URL
to a server of cpp-mcp as its proxy_url. A client that speaks no TLS reaches a
relay behind https through stunnel or Caddy on its own machine.
`
}

/** For a URL with the secret in its path, and the one that opens the share's web app where it is known. */
export function urlSetup({ name }: Named, shareUrl: string, webUrl?: unknown): string {
  return `  ${shareUrl}

Whoever has this URL can use the server. Paste it where a client asks for the
URL of a remote MCP server, with no authentication: Claude, ChatGPT, Cursor,
VS Code. For Claude Code:

  claude mcp add --transport http ${slug(name)} ${shareUrl}
${typeof webUrl === 'string' ? `\nWhere the agent shares a web app (--http), this opens it in a browser:\n\n  ${webUrl}\n` : ''}`
}

/** For a token that a client sends as a header. */
export function tokenSetup({ name, url }: Named, token: string): string {
  const entry = { type: 'http', url, headers: { Authorization: `Bearer ${token}` } }
  return `  URL    ${url}
  token  ${token}

Whoever has this token can use the server. For Claude Code:

  claude mcp add --transport http ${slug(name)} ${url} --header "Authorization: Bearer ${token}"

For clients with a JSON file of servers:

${JSON.stringify({ mcpServers: { [slug(name)]: entry } }, undefined, 2).replaceAll(/^/gm, '  ')}
`
}

/** A name that every client takes. */
export function slug(name: string): string {
  const kept = plain(name)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40)
  return kept === '' ? 'share' : kept
}

/** A text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
