/** What is sent to each MCP route, to find out who is let in: as the route is written, with its method. */

/** What is sent to a route, and the status of one that is let in: to a share without an agent, in a session that nobody has. */
export interface Sent {
  readonly what: string
  readonly init: RequestInit
  readonly query?: string
  readonly served: number
}

const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const NOTE = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'
const MODERN_META = '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
const IN_SESSION = { 'mcp-session-id': 'nobody' }
const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

export const SENT: Record<string, readonly Sent[]> = {
  'POST /mcp': [
    { what: 'initialize', init: { headers: JSON_TYPE, body: INITIALIZE }, served: 503 },
    { what: 'a request', init: { headers: { ...JSON_TYPE, ...IN_SESSION }, body: LIST }, served: 404 },
    { what: 'a request without session', init: { headers: JSON_TYPE, body: LIST }, served: 400 },
    { what: 'a notification without session', init: { headers: JSON_TYPE, body: NOTE }, served: 202 },
    { what: 'what is no JSON', init: { headers: JSON_TYPE, body: '{' }, served: 400 },
    { what: 'another media type', init: { headers: { 'content-type': 'text/plain' }, body: LIST }, served: 415 },
    { what: 'a notification', init: { headers: { ...JSON_TYPE, ...IN_SESSION }, body: NOTE }, served: 404 },
    {
      what: 'a batch',
      init: { headers: { ...JSON_TYPE, ...IN_SESSION, 'mcp-protocol-version': '2025-03-26' }, body: `[${LIST}]` },
      served: 200,
    },
    {
      what: 'a batch of notifications',
      init: { headers: { ...JSON_TYPE, ...IN_SESSION, 'mcp-protocol-version': '2025-03-26' }, body: `[${NOTE}]` },
      served: 404,
    },
    {
      what: 'a request of 2026-07-28',
      init: {
        headers: { ...JSON_TYPE, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' },
        body: `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":${MODERN_META}}}`,
      },
      served: 503,
    },
    {
      what: 'a listen of 2026-07-28',
      init: {
        headers: { ...JSON_TYPE, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
        body: `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":${MODERN_META},"notifications":{"toolsListChanged":true}}}`,
      },
      served: 503,
    },
  ],
  'GET /mcp': [
    { what: 'GET', init: { headers: { accept: 'text/event-stream', ...IN_SESSION } }, served: 404 },
    { what: 'GET without session', init: { headers: { accept: 'text/event-stream' } }, served: 400 },
    { what: 'GET that takes no events', init: { headers: { accept: 'application/json' } }, served: 406 },
    { what: 'GET of 2026-07-28', init: { headers: { 'mcp-protocol-version': '2026-07-28' } }, served: 405 },
    {
      what: 'GET with an id that is none of ours',
      init: { headers: { accept: 'text/event-stream', ...IN_SESSION, 'last-event-id': 'x' } },
      served: 400,
    },
    {
      what: 'GET with Last-Event-ID',
      init: { headers: { accept: 'text/event-stream', ...IN_SESSION, 'last-event-id': 'g.o1-1' } },
      served: 404,
    },
  ],
  'DELETE /mcp': [
    { what: 'DELETE', init: { headers: IN_SESSION }, served: 404 },
    { what: 'DELETE without session', init: {}, served: 400 },
  ],
  'GET /sse': [{ what: 'GET', init: { headers: { accept: 'text/event-stream' } }, served: 200 }],
  'POST /messages': [
    { what: 'a request without session', init: { headers: JSON_TYPE, body: LIST }, served: 400 },
    { what: 'a request', init: { headers: JSON_TYPE, body: LIST }, query: '?sessionId=nobody', served: 404 },
    { what: 'a notification', init: { headers: JSON_TYPE, body: NOTE }, query: '?sessionId=nobody', served: 404 },
  ],
  'ALL /http/*': [
    { what: 'GET of a web app', init: { method: 'GET' }, served: 503 },
    // The links here may read.
    { what: 'POST to a web app', init: { method: 'POST', body: 'x' }, served: 403 },
  ],
  'ALL /mcp': [{ what: 'PUT', init: { method: 'PUT' }, served: 405 }],
  'ALL /sse': [{ what: 'PUT', init: { method: 'PUT' }, served: 405 }],
  'ALL /messages': [{ what: 'PUT', init: { method: 'PUT' }, served: 405 }],
}

/** Of a server with a name, which each share here has, and which no agent serves either. */
export const NAMED = '/:server'
export const SERVER = 'git'
for (const [route, sent] of Object.entries(SENT)) {
  const [method = '', path = ''] = route.split(' ')
  // The doors are the same: what differs is who is behind them.
  if (path !== '/http/*') SENT[`${method} ${NAMED}${path}`] = sent.slice(0, 2)
}
