/** What a client of a web app is told when the relay answers in the app's place: a page for people, problem details for programs. */
import { ERRORS } from '../../protocol/error-table.ts'
import type { Failure, ProblemCode } from '../../protocol/errors.ts'
import { BEARER_CHALLENGE, type Refusal } from '../access/authenticate.ts'
import { problemResponse } from '../problem.ts'

/** Why a visitor is not let in. */
export function refusedVisitor(request: Pick<Request, 'headers'>, { code, detail, retryAfterMs }: Refusal): Response {
  return webProblem(request, code, detail, { code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

/** `failure`: where there is more to say in header fields. `detail` is safe to show. */
export function webProblem(request: Pick<Request, 'headers'>, code: ProblemCode, detail?: string, failure?: Failure): Response {
  const { retryAfterMs, challenge } = failure ?? {}
  const response = problemResponse(code, detail, {
    ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    ...(code === 'UNAUTHORIZED' ? { 'www-authenticate': challenge ?? BEARER_CHALLENGE } : {}),
    'referrer-policy': 'no-referrer',
  })
  const isPage = /\btext\/html\b/.test(request.headers.get('accept') ?? '')
  if (!isPage) return response
  const headers = new Headers(response.headers)
  headers.set('content-type', 'text/html; charset=utf-8')
  headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'; sandbox")
  const { message } = ERRORS[code]
  // The table's own words, in which nothing of the request stands.
  const page = `<!doctype html><meta charset="utf-8"><title>${code}</title><p>${message}</p><p>${code}</p>\n`
  return new Response(page, { status: response.status, headers })
}
