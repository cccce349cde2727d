/** What people read who open a share's MCP URL in a browser: what it is, and what to do with it. Nothing of the request stands in it, and no program gets it. */
import { ERRORS } from '../../protocol/error-table.ts'
import type { Failure } from '../../protocol/errors.ts'
import { PassRefused } from '../carry/pass-refused.ts'
import { problemResponse } from '../problem.ts'
import { failureResponse } from './response/responses.ts'
import { SESSION_HEADER } from './session-id.ts'
import { admit, type McpContext } from './visitor.ts'

/** Fields of which MCP clients send one at least, or by which any program says who it is. */
const OF_CLIENTS = [SESSION_HEADER, 'mcp-protocol-version', 'mcp-method', 'last-event-id', 'authorization'] as const

/** The handler of an endpoint that people may open by hand. */
export function orPage(handle: (c: McpContext) => Promise<Response>): (c: McpContext) => Promise<Response> {
  return (c) => (asksForPage(c.req.raw.headers) ? showPage(c) : handle(c))
}

/** As browsers ask for what is typed into them. */
function asksForPage(headers: Headers): boolean {
  const accept = headers.get('accept') ?? ''
  return (
    /\btext\/html\b/i.test(accept) &&
    !/\btext\/event-stream\b|\bapplication\/json\b/i.test(accept) &&
    !OF_CLIENTS.some((name) => headers.has(name))
  )
}

async function showPage(c: McpContext): Promise<Response> {
  const visitor = await admit(c)
  if (!visitor.ok) return page(isKeyed(c), visitor.error)
  try {
    await visitor.value.shareFor('').admit()
    return visitor.value.isAstray ? problemResponse('ROUTE_NOT_FOUND') : page(isKeyed(c))
  } catch (error) {
    if (error instanceof PassRefused) return page(isKeyed(c), error.failure)
    throw error
  }
}

function isKeyed(c: McpContext): boolean {
  return c.req.param('key') !== undefined
}

/** `refused`: why whoever comes with this address is not let in, where that is so. */
function page(isKey: boolean, refused?: Failure): Response {
  const { status, headers } = refused === undefined ? new Response() : failureResponse(refused)
  const own = new Headers(headers)
  own.set('content-type', 'text/html; charset=utf-8')
  own.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
  // The address may have a key in it.
  own.set('referrer-policy', 'no-referrer')
  own.set('cache-control', 'no-store')
  own.set('x-content-type-options', 'nosniff')
  return new Response(`${HEAD}${body(isKey, refused)}\n`, { status, headers: own })
}

const HEAD = `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>An MCP server</title>
<h1>An MCP server</h1>
<p>This is the address of an MCP server that somebody shares. It is meant for programs that speak the Model Context Protocol, such as AI assistants
and editors; a browser has nothing to show of it.</p>
`

function body(isKey: boolean, refused: Failure | undefined): string {
  if (refused === undefined) return USE + (isKey ? IS_SECRET : '')
  // Where nothing was shown, a program that signs in, or has a token, may still come.
  if (refused.code === 'UNAUTHORIZED') return `${USE}${NEEDS_MORE}`
  return `<p><strong>It cannot be used now:</strong> ${ERRORS[refused.code].message.replaceAll('<', '&lt;')} (${refused.code})</p>`
}

const USE = `<p>To use it, give the address of this page to such a program:</p>
<ul>
<li>Claude, ChatGPT, Cursor, VS Code: where they ask for the URL of a remote MCP server, or of a custom connector.</li>
<li>Claude Code: <code>claude mcp add --transport http NAME 'ADDRESS'</code></li>
<li>To see what it offers: <code>npx @modelcontextprotocol/inspector --cli 'ADDRESS' --method tools/list</code></li>
</ul>
`
const IS_SECRET = `<p>Whoever has the address can use the server, so keep it as you keep a password.</p>`
const NEEDS_MORE = `<p>The address alone lets nobody in: the program must send a token, or have you sign in. Whoever shares the server has given you one of them, or will.</p>`
