/** The errors that a modern client can get from the relay itself: JSON-RPC code, HTTP status, what to do next (MCP 2026-07-28, basic/index, error codes). */

export const PROBLEMS = {
  BATCH_MODERN: {
    http: 400,
    rpc: -32600,
    message: 'A batch may hold no request of revision 2026-07-28. Send one message at a time.',
  },
  METHOD_UNKNOWN: { http: 404, rpc: -32601, message: 'This method does not exist here. See server/discover for what the server offers.' },
  ENVELOPE_INVALID: {
    http: 400,
    rpc: -32602,
    message: 'params._meta lacks what revision 2026-07-28 requires, or has it in a wrong form. Correct the key named in data.',
  },
  PARAMS_INVALID: { http: 200, rpc: -32602, message: 'The parameters of this request are invalid. Correct the field named in data.' },
  STATE_REFUSED: {
    http: 200,
    rpc: -32602,
    message: 'This requestState is not valid for this request. Drop it and make the call anew.',
  },
  HEADER_MISMATCH: {
    http: 400,
    rpc: -32020,
    message: 'Headers and body disagree, or a required header is missing. Set the header named in data from the body.',
  },
  CAPABILITY_REQUIRED: {
    http: 400,
    rpc: -32021,
    message:
      'The server must ask the client for something that it has not declared. Declare data.requiredCapabilities, or do without this call.',
  },
  REVISION_UNSUPPORTED: {
    http: 400,
    rpc: -32022,
    message: 'This protocol version is not supported. Use one of data.supported.',
  },
  CHILD_REFUSED: {
    http: 200,
    rpc: -32603,
    message: 'The server refused how the relay called it. Try again, and show its owner the log.',
  },
  INPUT_IMPOSSIBLE: {
    http: 200,
    rpc: -32603,
    message: 'The server needs input that this client cannot give. Use a client with the capabilities named in data.',
  },
  INPUT_REFUSED: {
    http: 200,
    rpc: -32603,
    message: 'The server asked for input, and the client failed to give it. Call again to be asked again.',
  },
  TOO_MANY_ROUNDS: {
    http: 200,
    rpc: -32603,
    message: 'The server kept asking for input. Give it more with the call itself, or show its owner the log.',
  },
  INPUT_LOST: {
    http: 200,
    rpc: -32603,
    message: 'The server asked for input while the stream of this call was left, and the call is not kept any more. Call again.',
  },
  ANSWER_TOO_LARGE: {
    http: 200,
    rpc: -32603,
    message: 'The answer is too large to be translated. Ask for less at a time, or use a client of revision 2026-07-28.',
  },
  RESULT_UNMAPPABLE: {
    http: 200,
    rpc: -32603,
    message: 'The server answered with a kind of result that this revision does not have. Use a client of revision 2026-07-28.',
  },
} as const satisfies Record<string, { http: number; rpc: number; message: string }>

export type ProblemCode = keyof typeof PROBLEMS

/** Facts of a problem, safe to show to the client that caused it. */
export interface ProblemFacts {
  /** The header, key or field at fault. */
  readonly at?: string
  readonly detail?: string
  readonly supported?: readonly string[]
  readonly requested?: string
  /** A ClientCapabilities object. */
  readonly requiredCapabilities?: Readonly<Record<string, unknown>>
}

export interface Problem extends ProblemFacts {
  readonly code: ProblemCode
}

export function problem(code: ProblemCode, facts: ProblemFacts = {}): Problem {
  return { code, ...facts }
}

/** The JSON-RPC error response for a problem, as text. `rawId` is the request's id exactly as it was sent, or `null`. */
export function problemResponse(rawId: string, { code, ...facts }: Problem): string {
  const { rpc, message } = PROBLEMS[code]
  return `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify({ code: rpc, message, data: { code, ...facts } })}}`
}
