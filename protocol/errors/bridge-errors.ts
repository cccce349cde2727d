/** Errors of requests without a session (MCP 2026-07-28), and of calls between two revisions. */
import type { ErrorRow } from './row.ts'

export const BRIDGE_ERRORS = {
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
    message: "The answer is too large to be translated. Ask for less at a time, or use a client of the server's own era.",
  },
  RESULT_UNMAPPABLE: {
    http: 200,
    rpc: -32603,
    retryable: false,
    message: 'The server answered with a kind of result that this revision does not have. Use a client of revision 2026-07-28.',
  },
} as const satisfies Record<string, ErrorRow>
