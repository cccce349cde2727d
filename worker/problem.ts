/** Problem details (RFC 9457): the only place where an error of the API becomes a Response. */
import { ERRORS } from '../protocol/errors.ts'

interface ProblemRow {
  readonly http: number
  /** What happened, then what to do next. */
  readonly message: string
}

/** Errors that only the API and the gates in front of it have. */
const API_ERRORS = {
  BODY_INVALID: { http: 400, message: 'The body is not what this call takes. Send a JSON object with the documented members.' },
  OWNER_KEY_NEEDED: { http: 401, message: 'The owner key is needed. Send it as Authorization: Bearer.' },
  CLAIM_CODE_WRONG: {
    http: 403,
    message: 'The claim code is wrong or older than 10 minutes. POST /api/claim without a body and read a new one in the log.',
  },
  ROUTE_NOT_FOUND: {
    http: 404,
    message: 'There is nothing at this address. MCP addresses end in /mcp or /sse: compare it with the share URL.',
  },
  LANE_UNKNOWN: { http: 404, message: 'The share has no such lane. Connect to its first one, whose welcome says how many there are.' },
  RELAY_CLAIMED: { http: 409, message: 'This relay has an owner already. Use the owner key that was made for it.' },
  SHARE_LIMIT_REACHED: { http: 409, message: 'The relay keeps no more than 1000000 shares. Delete those that are not used any more.' },
  JURISDICTION_UNAVAILABLE: {
    http: 409,
    message: 'This relay cannot keep a share in a jurisdiction. Deploy it to Cloudflare, or leave jurisdiction out.',
  },
  REQUEST_TOO_LARGE: { http: 413, message: 'The body is larger than 16 KiB. Send only the documented members.' },
  UPGRADE_NEEDED: { http: 426, message: 'This address is for agents and takes WebSockets only. Connect with mcp-edge-agent.' },
  LINK_VERSION_REFUSED: {
    http: 426,
    message: 'The agent and the relay speak different versions of the link. Update the one that is older.',
  },
  LANES_UNREACHED: {
    http: 503,
    message: 'Some lanes of the share could not be reached, and serve it as before. Send the same request again.',
  },
  RELAY_MISCONFIGURED: { http: 500, message: 'The relay is configured wrongly. Its deployer must correct the named variable.' },
} as const satisfies Record<string, ProblemRow>

const PROBLEMS = { ...ERRORS, ...API_ERRORS } as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof PROBLEMS

/** A response of type `application/problem+json`; `detail` says what went wrong in particular and must be safe to show. */
export function problem(code: ProblemCode, detail?: string, headers: Record<string, string> = {}): Response {
  const { http: status, message } = PROBLEMS[code]
  const titleEnd = message.indexOf('. ') + 1
  const advice = message.slice(titleEnd).trim()
  const body = {
    type: `urn:mcp-edge:problem:${code}`,
    title: message.slice(0, titleEnd),
    status,
    code,
    detail: detail === undefined ? advice : `${detail} ${advice}`,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
