/** The consent page and its errors: plain HTML without script, in which all that others have named is text. */
import { randomText } from '../access/secrets/secret.ts'

/** What the page says and carries. */
export interface ConsentFacts {
  /** The heading. */
  readonly question: string
  /** Where access will go: a host, or the whole URI of an app on this machine. */
  readonly redirectHost: string
  /** What a client calls itself, and the host whose document describes it, which is proved. */
  readonly client?: { readonly name: string; readonly host: string | undefined }
  /** What is to be had, and when to go on, as parts of sentences. */
  readonly gets: string
  readonly condition: string
  /** When access ends at the latest, in milliseconds since 1970. */
  readonly endsAtMs: number
  /** Where the form goes, a path, and its sealed field. */
  readonly action: string
  readonly sealed: string
  /** Where the form's answer may lead to: browsers check that too. */
  readonly redirectSource: string
  readonly fault?: string
}

const NONCE_BYTES = 16
/** More of a name is shown by nobody. */
const MAX_SHOWN_CHARS = 100
const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}
dt{font-weight:bold;margin-top:1rem}dd{margin:0;overflow-wrap:anywhere}
.to{font-size:1.4rem;font-weight:bold;overflow-wrap:anywhere}.fault{border-left:4px solid #b00;padding-left:.75rem}
input,button{font:inherit;padding:.5rem;margin:.5rem .5rem 0 0}input{width:100%;box-sizing:border-box}`

export function consentPage(facts: ConsentFacts, status: number, headers: Record<string, string>): Response {
  const { question, redirectHost, client, gets, condition, endsAtMs, action, sealed, fault } = facts
  const proof = client?.host === undefined ? 'not verified' : `described at ${escaped(client.host)}`
  const body = `<h1>${escaped(question)}</h1>
${fault === undefined ? '' : `<p class="fault" role="alert">${escaped(fault)}</p>`}
<p>Access will be handed to</p>
<p class="to">${escaped(redirectHost)}</p>
<dl>
${client === undefined ? '' : `<dt>It calls itself</dt><dd>${escaped(shown(client.name))} (${proof})</dd>`}
<dt>It gets</dt><dd>${escaped(gets)}</dd>
<dt>Until</dt><dd>the day that the owner has set for you, and ${escaped(new Date(endsAtMs).toUTCString())} at the latest</dd>
</dl>
<p>Go on only if ${escaped(condition)}.</p>
<form method="post" action="${escaped(action)}" autocomplete="off">
<input type="hidden" name="request" value="${escaped(sealed)}">
<label>Access code, from the owner of the share (it works once)
<input name="code" spellcheck="false" autocapitalize="none" maxlength="64"></label>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Refuse</button>
</form>`
  return page(body, status, `'self' ${facts.redirectSource}`, headers)
}

/** What went wrong, where there is nobody to send the browser back to. */
export function faultPage(title: string, advice: string, status: number, headers: Record<string, string> = {}): Response {
  return page(`<h1>${escaped(title)}</h1>\n<p>${escaped(advice)}</p>`, status, "'none'", headers)
}

function page(body: string, status: number, formAction: string, headers: Record<string, string>): Response {
  const nonce = randomText(NONCE_BYTES)
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `form-action ${formAction}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title><style nonce="${nonce}">${STYLE}</style></head>
<body>
${body}
</body>
</html>
`
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      // Not less: a form's Origin header would be null.
      'referrer-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      ...headers,
    },
  })
}

/** A claimed name: short, in one line, and without what turns text around. */
function shown(name: string): string {
  const plain = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').trim()
  return plain.length > MAX_SHOWN_CHARS ? `${plain.slice(0, MAX_SHOWN_CHARS)}…` : plain
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}
