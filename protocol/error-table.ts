/** Every error that a client, an owner or an agent can be told: HTTP status, JSON-RPC code, whether a retry can help, and what to do next. */

interface ErrorRow {
  /** HTTP status when the error is the first thing to answer a request. Clients with a session get 404 for nothing but a session or a share that is gone. */
  readonly http: number
  /**
   * JSON-RPC error code (JSON-RPC 2.0 §5.1; -32000 to -32019 are the implementation's range in MCP 2026-07-28, and
   * -32020 to -32022 its own). An error without one is told by the API and the agents' door alone.
   */
  readonly rpc?: number
  /** Whether the same request can succeed later. */
  readonly retryable: boolean
  /** What happened, then what to do next. Each stands as a heading in docs/troubleshooting.md. */
  readonly message: string
}

export const ERRORS = {
  PARSE_ERROR: { http: 400, rpc: -32700, retryable: false, message: 'The body is not valid JSON in UTF-8. Send one JSON-RPC 2.0 message.' },
  INVALID_REQUEST: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message: 'The body is not a JSON-RPC 2.0 message. Check jsonrpc, id and method, and send each key once.',
  },
  BATCH_REFUSED: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message:
      'A batch is not allowed here. Send one message at a time (batches exist only in revision 2025-03-26, up to 100 messages, never with initialize).',
  },
  SESSION_REQUIRED: {
    http: 400,
    rpc: -32000,
    retryable: false,
    message: 'The Mcp-Session-Id header is missing. Send initialize first, then its session id with every request.',
  },
  SESSION_NOT_FOUND: { http: 404, rpc: -32001, retryable: false, message: 'No such session. Send initialize again without a session id.' },
  UNSUPPORTED_VERSION: {
    http: 400,
    rpc: -32022,
    retryable: false,
    message: 'This protocol version is not supported. Use one of the revisions listed in data.supported.',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    rpc: -32000,
    retryable: false,
    message: 'This HTTP method is not allowed here. Use one of those in the Allow header.',
  },
  NOT_ACCEPTABLE: {
    http: 406,
    rpc: -32000,
    retryable: false,
    message: 'The Accept header excludes every media type we can send. Accept application/json and text/event-stream.',
  },
  BODY_TOO_LARGE: { http: 413, rpc: -32000, retryable: false, message: 'The request is larger than 8 MiB. Send it in smaller parts.' },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, rpc: -32000, retryable: false, message: 'The Content-Type is not application/json. Send JSON.' },
  DUPLICATE_ID: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message: 'A request with this id is still running in this session. Use a new id.',
  },
  UNAUTHORIZED: {
    http: 401,
    rpc: -32000,
    retryable: false,
    message: 'A valid token for this share is needed. Ask its owner for a new link or token.',
  },
  ORIGIN_REFUSED: {
    http: 403,
    rpc: -32000,
    retryable: false,
    message: 'Pages of this origin may not use the relay. Its owner can add the origin to ALLOWED_ORIGINS.',
  },
  HOST_REFUSED: {
    http: 403,
    rpc: -32000,
    retryable: false,
    message: 'This relay does not answer to that host name. Use its loopback address, or let its owner add the name to ALLOWED_HOSTS.',
  },
  SHARE_NOT_FOUND: { http: 404, rpc: -32000, retryable: false, message: 'No such share. Ask its owner for a new link.' },
  RELAY_UNCLAIMED: {
    http: 503,
    rpc: -32000,
    retryable: true,
    message: 'This relay has no owner yet. Claim it with POST /api/claim, or set OWNER_KEY as a secret.',
  },
  AGENT_AWAY: {
    http: 503,
    rpc: -32003,
    retryable: true,
    message: 'No agent is connected to this share. Try again when its owner has started mcp-edge-agent.',
  },
  AGENT_LOST: {
    http: 200,
    rpc: -32004,
    retryable: false,
    message: 'The agent went away before it answered. Check whether the call took effect before you repeat it.',
  },
  CHILD_START_FAILED: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The server could not be started. Ask its owner, who finds the reason in the log of mcp-edge-agent.',
  },
  CHILD_DIED: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message:
      'The server ended before it answered. Check whether the call took effect before you repeat it; its owner finds the reason in the log.',
  },
  TOO_MANY_CHILDREN: {
    http: 503,
    rpc: -32007,
    retryable: true,
    message: 'All server processes are busy. Try again later, or let the owner raise --max-children.',
  },
  LINE_TOO_LONG: { http: 200, rpc: -32008, retryable: false, message: 'The answer is longer than 64 MiB. Ask for less at a time.' },
  CHANNEL_CLOSED: {
    http: 200,
    rpc: -32009,
    retryable: true,
    message: 'The session ended before the server answered. Start a new one, and check data.executed before you repeat the call.',
  },
  CANCELLED: { http: 200, rpc: -32010, retryable: false, message: 'The call was cancelled by its client. Nothing more will come for it.' },
  BACKLOG_FULL: { http: 503, rpc: -32011, retryable: true, message: 'The server does not read its input fast enough. Try again later.' },
  ALREADY_EXECUTED: {
    http: 200,
    rpc: -32012,
    retryable: false,
    message: 'The call ran, but its answer is no longer kept. Check its effect instead of repeating it.',
  },
  EVENTS_LOST: {
    http: 200,
    rpc: -32016,
    retryable: false,
    message: 'This stream was left too long ago, and part of what came for it is gone. Check the effect of a call before you repeat it.',
  },
  EVENT_ID_UNKNOWN: {
    http: 400,
    rpc: -32000,
    retryable: false,
    message: 'This Last-Event-ID names no stream of this session. Open the stream again without it.',
  },
  SHARE_BUSY: { http: 503, rpc: -32013, retryable: true, message: 'The share has too many calls or sessions open. Try again later.' },
  UPLOAD_BROKEN: { http: 200, rpc: -32014, retryable: true, message: 'The request did not reach the agent whole. Send it again.' },
  CLIENT_UNREACHABLE: {
    http: 200,
    rpc: -32015,
    retryable: false,
    message: 'The client has no stream open to be asked on. It should open one with GET, or ask again during a call.',
  },
  INTERNAL: { http: 500, rpc: -32603, retryable: true, message: 'The relay failed. Try again, and show its owner the log.' },

  // Errors that only the owner's API and the agents' door have.
  BODY_INVALID: {
    http: 400,
    retryable: false,
    message: 'The body is not what this call takes. Send a JSON object with the documented members.',
  },
  OWNER_KEY_NEEDED: { http: 401, retryable: false, message: 'The owner key is needed. Send it as Authorization: Bearer.' },
  CLAIM_CODE_WRONG: {
    http: 403,
    retryable: false,
    message: 'The claim code is wrong or older than 10 minutes. POST /api/claim without a body and read a new one in the log.',
  },
  ROUTE_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: 'There is nothing at this address. MCP addresses end in /mcp or /sse: compare it with the share URL.',
  },
  LANE_UNKNOWN: {
    http: 404,
    retryable: false,
    message: 'The share has no such lane. Connect to its first one, whose welcome says how many there are.',
  },
  RELAY_CLAIMED: { http: 409, retryable: false, message: 'This relay has an owner already. Use the owner key that was made for it.' },
  SHARE_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The relay keeps no more than 1000000 shares. Delete those that are not used any more.',
  },
  JURISDICTION_UNAVAILABLE: {
    http: 409,
    retryable: false,
    message: 'This relay cannot keep a share in a jurisdiction. Deploy it to Cloudflare, or leave jurisdiction out.',
  },
  REQUEST_TOO_LARGE: { http: 413, retryable: false, message: 'The body is larger than 16 KiB. Send only the documented members.' },
  UPGRADE_NEEDED: {
    http: 426,
    retryable: false,
    message: 'This address is for agents and takes WebSockets only. Connect with mcp-edge-agent.',
  },
  LINK_VERSION_REFUSED: {
    http: 426,
    retryable: false,
    message: 'The agent and the relay speak different versions of the link. Update the one that is older.',
  },
  LANES_UNREACHED: {
    http: 503,
    retryable: true,
    message: 'Some lanes of the share could not be reached, and serve it as before. Send the same request again.',
  },
  RELAY_MISCONFIGURED: {
    http: 500,
    retryable: true,
    message: 'The relay is configured wrongly. Its deployer must correct the named variable.',
  },

  // Errors of requests without a session (MCP 2026-07-28), and of calls between two revisions.
  BATCH_MODERN: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message: 'A batch may hold no request of revision 2026-07-28. Send one message at a time.',
  },
  METHOD_UNKNOWN: {
    http: 404,
    rpc: -32601,
    retryable: false,
    message: 'This method does not exist here. See server/discover for what the server offers.',
  },
  ENVELOPE_INVALID: {
    http: 400,
    rpc: -32602,
    retryable: false,
    message: 'params._meta lacks what revision 2026-07-28 requires, or has it in a wrong form. Correct the key named in data.',
  },
  PARAMS_INVALID: {
    http: 200,
    rpc: -32602,
    retryable: false,
    message: 'The parameters of this request are invalid. Correct the field named in data.',
  },
  STATE_REFUSED: {
    http: 200,
    rpc: -32602,
    retryable: false,
    message: 'This requestState is not valid for this request. Drop it and make the call anew.',
  },
  HEADER_MISMATCH: {
    http: 400,
    rpc: -32020,
    retryable: false,
    message: 'Headers and body disagree, or a required header is missing. Set the header named in data from the body.',
  },
  CAPABILITY_REQUIRED: {
    http: 400,
    rpc: -32021,
    retryable: false,
    message:
      'The server must ask the client for something that it has not declared. Declare data.requiredCapabilities, or do without this call.',
  },
  CHILD_REFUSED: {
    http: 200,
    rpc: -32603,
    retryable: true,
    message: 'The server refused how the relay called it. Try again, and show its owner the log.',
  },
  INPUT_IMPOSSIBLE: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The server needs input that this client cannot give. Use a client with the capabilities named in data.',
  },
  INPUT_REFUSED: {
    http: 200,
    rpc: -32603,
    retryable: true,
    message: 'The server asked for input, and the client failed to give it. Call again to be asked again.',
  },
  TOO_MANY_ROUNDS: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The server kept asking for input. Give it more with the call itself, or show its owner the log.',
  },
  INPUT_LOST: {
    http: 200,
    rpc: -32603,
    retryable: true,
    message: 'The server asked for input while the stream of this call was left, and the call is not kept any more. Call again.',
  },
  ANSWER_TOO_LARGE: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The answer is too large to be translated. Ask for less at a time, or use a client of revision 2026-07-28.',
  },
  RESULT_UNMAPPABLE: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The server answered with a kind of result that this revision does not have. Use a client of revision 2026-07-28.',
  },
} as const satisfies Record<string, ErrorRow>
