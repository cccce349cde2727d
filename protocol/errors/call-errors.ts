/** Errors of a call on its way to a server and back. */
import type { ErrorRow } from './row.ts'

export const CALL_ERRORS = {
  AGENT_AWAY: {
    http: 503,
    rpc: -32017,
    retryable: true,
    message: 'No agent is connected to this share. Try again when its owner has started mcp-edge-agent.',
  },
  NAME_NOT_SERVED: {
    http: 200,
    rpc: -32017,
    retryable: true,
    message: 'No agent of this share is connected that serves this name. Try again when its owner has started one whose --serves fits it.',
  },
  AGENT_LOST: {
    http: 200,
    rpc: -32018,
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
  SERVER_UNREACHABLE: {
    http: 200,
    rpc: -32005,
    retryable: true,
    message: 'The agent finds no server at the address that it was given. Ask the owner of the share to start the server, and try again.',
  },
  SERVER_UNAUTHORIZED: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The server refuses the agent. Ask the owner of the share to give the agent what the server wants (--header).',
  },
  SERVER_NOT_MCP: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message:
      'What answers at the address that the agent was given does not speak MCP. Ask the owner of the share to look at --url and --sse.',
  },
  SERVER_HTTP_ERROR: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message: 'The server answered with an HTTP error. Check whether the call took effect before you repeat it, and ask its owner.',
  },
  SERVER_STREAM_LOST: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message: 'The connection to the server ended before it answered. Check whether the call took effect before you repeat it.',
  },
  TOO_MANY_CHILDREN: {
    http: 503,
    rpc: -32007,
    retryable: true,
    message: 'All server processes are busy. Try again later, or let the owner raise --max-children.',
  },
  AGENT_BUSY: {
    http: 503,
    rpc: -32013,
    retryable: true,
    message: 'The agent runs as many calls as it takes. Try again later, or let the owner raise --max-calls or start another agent.',
  },
  LINE_TOO_LONG: { http: 200, rpc: -32008, retryable: false, message: 'The answer is longer than 64 MiB. Ask for less at a time.' },
  CHANNEL_CLOSED: {
    http: 200,
    rpc: -32009,
    retryable: true,
    message: 'The session ended before the server answered. Start a new one, and check data.executed before you repeat the call.',
  },
  CALL_TIMEOUT: {
    http: 200,
    rpc: -32019,
    retryable: false,
    message: 'The server has not answered in time. Check whether the call took effect before you repeat it.',
  },
  AGENT_MESSAGE_TOO_LARGE: {
    http: 413,
    rpc: -32000,
    retryable: false,
    message: 'The request is larger than the agent of this share takes, which is 1 MiB. Send it in smaller parts.',
  },
  CANCELLED: { http: 200, rpc: -32010, retryable: false, message: 'The call was cancelled by its client. Nothing more will come for it.' },
  // One answer for what is denied and for what does not exist: nobody learns by asking what there is.
  NOT_OFFERED: {
    http: 200,
    rpc: -32602,
    retryable: false,
    message: 'The server does not offer this, or you may not use it. List what is offered, or ask the owner of the share for more.',
  },
  TASK_NOT_FOUND: {
    http: 200,
    rpc: -32602,
    retryable: false,
    message: 'Task not found. It is known to whoever has begun it, for a day at most: begin it anew.',
  },
  TASK_NAME_TAKEN: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The server has given this task the id of a task of another client, so neither can be told from the other. Show its owner.',
  },
  LIST_UNREADABLE: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'What the server lists cannot be read for certain, so it is withheld. Show its owner what the server prints.',
  },
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
} as const satisfies Record<string, ErrorRow>
