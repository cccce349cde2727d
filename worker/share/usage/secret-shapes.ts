/** What looks like a secret in a text, by its shape or by what stands before it, and which names are those of secrets. Pure. */
import { TOKEN_SHAPES } from '../../../protocol/token-shapes.ts'

export const MASKED = '[secret]'

/** Names of members and variables that hold secrets. */
export const SECRET_NAME =
  /token|secret|key|pass|credential|cookie|authorization|bearer|jwt|connection_?string|_?pwd$|(?:^|[_-])(?:auth|pat|dsn|otp|pin|sig|signature)(?:[_-]|$)/i

/** Known by what stands before them, which the first group of each keeps. */
const PLACED: readonly RegExp[] = [
  // HTTP's Authorization, whatever the scheme, and cookies.
  /(\b(?:bearer|basic|digest|negotiate)(?:\s|%20|\+|:){1,4})[\w.~+/=-]{6,}/gi,
  /(\bauthorization["']?\s{0,3}[=:]\s{0,3}["']?(?:(?:bearer|basic|digest|negotiate|token|api-?key|dpop) {1,3})?)[^\r\n"']{3,}/gi,
  /(\b(?:set-)?cookie\s{0,3}:\s{0,3})[^\r\n"]{3,}/gi,
  // In a URL: a password up to the last at sign, since it may hold some itself; a name that is long enough for a token; parameters.
  /(:\/\/[^\s/:@]{0,100}:)[^\s"'<>]{1,256}(?=@)/g,
  /(:\/\/)[^\s/:@"'<>]{16,256}(?=@)/g,
  /([?&;](?:key|sig|code|auth|pwd|pass|x-[a-z]{1,10}-signature)=)[^\s"'&;<>]{3,}/gi,
  // As in a list of variables or a file of settings.
  /(\b[\w-]{0,40}(?:token|secret|password|passwd|passphrase|api[-_]?key|access[-_]?key|private[-_]?key|credential)[\w-]{0,40}["']?\s{0,3}[=:]\s{0,3}["']?)[^\s"',;&]{3,}/gi,
]
const AWS_KEY_ID = /(?<![A-Za-z\d])(?:AKIA|ASIA)[A-Z\d]{16}/
/** 40 characters of base64: they have no mark of their own, so they count beside a key's id only. */
const AWS_SECRET = /(?<![\w/+=])[A-Za-z\d/+]{40}(?![\w/+=])/g

/** The text with all that looks like a secret masked. */
export function maskShapes(text: string): string {
  const shapes = AWS_KEY_ID.test(text) ? [AWS_SECRET, ...TOKEN_SHAPES] : TOKEN_SHAPES
  const masked = shapes.reduce((before, shape) => before.replace(shape, MASKED), text)
  return PLACED.reduce((before, shape) => before.replace(shape, `$1${MASKED}`), masked)
}
