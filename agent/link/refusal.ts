/** Reads who refused an agent's upgrade, and decides whether that is the relay's last word: whatever else stands on the way only delays. */
import type { IncomingMessage } from 'node:http'
import { ERRORS } from '../../protocol/error-table.ts'
import type { ProblemCode } from '../../protocol/errors.ts'
import { AgentExit, EXIT, usageError } from '../exit.ts'
import { REFUSAL_BYTES, REFUSAL_MS } from '../limits.ts'

/** An HTTP response in place of a WebSocket. */
export interface Refusal {
  readonly status: number
  /** Set when the relay itself has answered: no one else writes its problem documents. */
  readonly code?: ProblemCode | undefined
  /** What the relay says to people. */
  readonly detail: string
  readonly contentType?: string | undefined
  /** The `server` header, by which proxies and foreign hosts name themselves. */
  readonly server?: string | undefined
}

/** Longest header value that is kept for the log, in characters. */
const HEADER_CHARS = 100

/** Reads the first REFUSAL_BYTES of the body, for REFUSAL_MS at most. Never rejects. */
export async function readRefusal(response: IncomingMessage): Promise<Refusal> {
  const { headers, statusCode: status = 0 } = response
  const problem = isProblem(headers['content-type']) ? parseProblem(await readBeginning(response)) : undefined
  const named = (name: string): string | undefined => headers[name]?.toString().slice(0, HEADER_CHARS)
  return { status, code: problem?.code, detail: problem?.detail ?? '', contentType: named('content-type'), server: named('server') }
}

/** The exit that a refusal means, or undefined where dialling again may help. */
export function finalRefusal({ status, code, detail }: Refusal): AgentExit | undefined {
  // It comes of a proxy that takes the upgrade out of our request, and ends when that is mended.
  if (code === undefined || code === 'UPGRADE_NEEDED') return undefined
  if (code === 'SERVER_NAME_INVALID') return usageError(detail)
  if (code === 'ROUTE_NOT_FOUND')
    return new AgentExit(
      EXIT.UNREACHABLE,
      'VERSION_MISMATCH',
      'The relay does not know what it was asked for: it is older than this agent, or --relay is wrong.',
    )
  const said = detail === '' ? '' : ` The relay says: ${detail}`
  switch (status) {
    case 401:
    case 403:
      return new AgentExit(EXIT.AUTH, 'TOKEN_REFUSED', `The relay refused the token. Ask the share's owner for a new agent token.${said}`)
    case 404:
      return new AgentExit(
        EXIT.ENDED,
        'SHARE_GONE',
        `The relay knows no such share: it was deleted, has expired, or --relay is wrong.${said}`,
      )
    case 410:
      return new AgentExit(EXIT.ENDED, 'SHARE_GONE', `The share has ended. Ask its owner for another.${said}`)
    case 426:
      return new AgentExit(
        EXIT.UNREACHABLE,
        'VERSION_MISMATCH',
        `The relay speaks another version of the link. Update the older of the two.${said}`,
      )
    default:
      return undefined
  }
}

/** What answered in the relay's place, for the log; undefined where it was the relay. */
export function strangerFacts({ code, contentType, server }: Refusal): Readonly<Record<string, string>> | undefined {
  if (code === 'UPGRADE_NEEDED') return { meaning: 'a proxy before the relay does not pass the upgrade to a WebSocket on' }
  if (code !== undefined) return undefined
  return {
    contentType: contentType ?? 'none',
    server: server ?? 'unnamed',
    meaning: 'this was not the relay: another host is at that address, or something on the way has answered',
  }
}

function isProblem(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/problem+json'
}

async function readBeginning(response: IncomingMessage): Promise<string> {
  const whole = Promise.withResolvers<void>()
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (part: string) => {
    text = (text + part).slice(0, REFUSAL_BYTES)
    if (text.length === REFUSAL_BYTES) whole.resolve()
  })
  for (const event of ['end', 'close', 'error'] as const) response.once(event, () => whole.resolve())
  const timer = setTimeout(whole.resolve, REFUSAL_MS)
  await whole.promise
  clearTimeout(timer)
  return text
}

/** `code`, where it is one of ours, and `detail` of a problem document (RFC 9457). */
function parseProblem(text: string): Pick<Refusal, 'code' | 'detail'> | undefined {
  try {
    const problem: unknown = JSON.parse(text)
    if (typeof problem !== 'object' || problem === null || !('code' in problem) || !isProblemCode(problem.code)) return undefined
    return { code: problem.code, detail: 'detail' in problem && typeof problem.detail === 'string' ? problem.detail : problem.code }
  } catch {
    return undefined
  }
}

function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}
