/**
 * Masks what looks like a secret in JSON text, whole or cut off: values of members that are named like one, and texts of the shape of known
 * tokens, in texts within texts too. It errs on the side of masking, and is no proof that nothing is left. Pure.
 */

export const MASKED = '[secret]'

/** Names of members and variables that hold secrets. */
const SECRET_NAME = /token|secret|key|pass|credential|cookie|authorization|_?pwd$|(?:^|[_-])(?:auth|pat|dsn|otp|pin)(?:[_-]|$)/i
/** Tokens that are known by their shape; each is masked whole, also where it is cut off. */
const SHAPES: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|[\s\S]*)/g,
  /\beyJ[\w-]{12,}(?:[.~][\w-]*)*/g,
  /\bmcpe_owner_[\w-]{8,}/g,
  /(?<=\/k\/)[a-z2-7][\w~-]{15,}/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|sk-|pk_|rk_|sk_|xox[abeoprs]-|AIza|ya29\.)[\w.-]{12,}/g,
  /\b(?:AKIA|ASIA)[A-Z\d]{12,}/g,
  /(?<=\b(?:bearer|basic)\s)[\w.~+/=-]{6,}/gi,
  /(?<=:\/\/[^\s/:@]{0,100}:)[^\s/@]+(?=@)/g,
  /(?<=\b[\w-]{0,40}(?:token|secret|password|passwd|api[-_]?key|access[-_]?key)[\w-]{0,40}\s{0,3}[=:]\s{0,3})[^\s"',;&]{3,}/gi,
]
/** Texts, brackets, and all between them. A text may be cut off. */
const PARTS = /"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|[[\]{}]|[^"[\]{}]+/g
/** A value without quotes behind the colon of its member. */
const BARE_VALUE = /^(\s*:\s*)([^\s,]+)/
/** Texts in texts are looked at so deep: a tool's result is JSON in a text, as a rule. */
const MAX_DEPTH = 3

export function maskSecrets(text: string, depth = 0): string {
  const parts = text.match(PARTS) ?? []
  let masked = ''
  /** The value that comes next is a secret's; or how many brackets of one are open. */
  let isSecret = false
  let open = 0
  for (const [at, part] of parts.entries()) {
    if (open > 0) {
      open += part === '{' || part === '[' ? 1 : part === '}' || part === ']' ? -1 : 0
      continue
    }
    if (part.startsWith('"')) {
      const isName = /^\s*:/.test(parts[at + 1] ?? '')
      masked += isName ? part : isSecret ? `"${MASKED}"` : maskText(part, depth)
      isSecret = isName && SECRET_NAME.test(decoded(part))
      continue
    }
    if (!isSecret) masked += part
    else if (part === '{' || part === '[') {
      masked += `"${MASKED}"`
      open = 1
      isSecret = false
    } else if (BARE_VALUE.test(part)) {
      masked += part.replace(BARE_VALUE, `$1"${MASKED}"`)
      isSecret = false
    } else masked += part
  }
  return masked
}

/** A text of JSON; as it is where nothing is masked in it. */
function maskText(part: string, depth: number): string {
  const text = decoded(part)
  const within = depth < MAX_DEPTH && text.includes('"') ? maskSecrets(text, depth + 1) : text
  const masked = SHAPES.reduce((before, shape) => before.replace(shape, MASKED), within)
  return masked === text ? part : JSON.stringify(masked)
}

/** What a text of JSON says; of one that is cut off, or is none, what can be read. */
function decoded(part: string): string {
  for (const whole of [part, `${part}"`, `${part.replace(/\\u?[\da-f]{0,3}$/i, '')}"`]) {
    try {
      return String(JSON.parse(whole))
    } catch {
      // The next one is shorter, or ends otherwise.
    }
  }
  return part.slice(1)
}
