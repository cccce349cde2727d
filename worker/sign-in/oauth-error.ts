/** Errors of the sign-in's own endpoints, as OAuth spells them (RFC 6749 §5.2, RFC 7591 §3.2.2). */

export function oauthError(error: string, description: string, status: number): Response {
  const body = JSON.stringify({ error, error_description: description })
  return new Response(body, { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}
