/** What a client of a web app is told when the relay answers in the app's place: a page for people, problem details for programs. */
import { ERRORS } from '../../protocol/error-table.ts'
import type { Failure, ProblemCode } from '../../protocol/errors.ts'
import { BEARER_CHALLENGE, type Refusal } from '../access/authenticate.ts'
import { problemResponse } from '../problem.ts'

/** Why a visitor is not let in. */
export function refusedVisitor(request: Pick<Request, 'headers'>, { code, detail, retryAfterMs }: Refusal): Response {
  return webProblem(request, code, detail, retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** What there is to say in header fields. */
interface InFields extends Pick<Failure, 'retryAfterMs' | 'challenge'> {
  /** Methods that are taken (RFC 9110 §10.2.1). */
  readonly allow?: string
}

/** `detail` is safe to show. */
export function webProblem(
  request: Pick<Request, 'headers'>,
  code: ProblemCode,
  detail?: string,
  { retryAfterMs, challenge, allow }: InFields = {},
): Response {
  const response = problemResponse(code, detail, {
    ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    ...(code === 'UNAUTHORIZED' ? { 'www-authenticate': challenge ?? BEARER_CHALLENGE } : {}),
    ...(allow === undefined ? {} : { allow }),
    'referrer-policy': 'no-referrer',
  })
  const isPage = /\btext\/html\b/i.test(request.headers.get('accept') ?? '')
  if (!isPage) return response
  const headers = new Headers(response.headers)
  headers.set('content-type', 'text/html; charset=utf-8')
  headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'; sandbox")
  headers.set('x-content-type-options', 'nosniff')
  const { message } = ERRORS[code]
  const { status } = response
  // The table's own words and what is safe to show, in which nothing of the request stands.
  const words = [message, ...(detail === undefined ? [] : [detail]), `${code} (HTTP ${status})`]
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${code}</title>
<h1>A shared web app</h1>
<p>This is the address of a web app that somebody shares. What you see is not the app's own page: the relay before it has not passed your request on.</p>
${words.map((text) => `<p>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</p>`).join('\n')}
`
  return new Response(page, { status, headers })
}
