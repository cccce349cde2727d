/**
 * Masks what looks like a secret in JSON text, whole or cut off: values of members that are named like one, and texts of the shape of known
 * tokens, in texts within texts too. It errs on the side of masking, and is no proof that nothing is left. Pure.
 */
import { MASKED, maskShapes, SECRET_NAME } from './secret-shapes.ts'

/** Members of which one names another: the lists of headers and variables of many programs. */
const PAIR_NAME = /^(?:name|key|header|variable|env|field)$/i
const PAIR_VALUE = /^(?:value|val|content|data)$/i
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
  let name = ''
  /** This object has named a secret, whose value is another member of it. */
  let isPair = false
  for (const [at, part] of parts.entries()) {
    if (open > 0) {
      open += part === '{' || part === '[' ? 1 : part === '}' || part === ']' ? -1 : 0
      continue
    }
    if (part.startsWith('"')) {
      const isName = /^\s*:/.test(parts[at + 1] ?? '')
      const said = decoded(part)
      isPair ||= !isName && PAIR_NAME.test(name) && SECRET_NAME.test(said)
      masked += isName ? maskText(part, MAX_DEPTH) : isSecret ? `"${MASKED}"` : maskText(part, depth)
      name = isName ? said : ''
      isSecret = isName && (SECRET_NAME.test(said) || (isPair && PAIR_VALUE.test(said)))
      continue
    }
    if (part === '{' || part === '}') isPair = false
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
  const masked = maskShapes(within)
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
