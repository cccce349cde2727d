/** The ways in which a secret stands in text that has been freed of one layer of JSON escapes. Pure. */
import { LINE_MASK_MIN_CHARS } from '../../limits.ts'

/** What begins and ends a PEM block is no secret, and stands in many a text. */
const PEM_EDGE = /^-----/

/** As it is, and as JSON within JSON spells it; of several lines, each that is long enough too. */
export function spellings(secret: string): Buffer[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= LINE_MASK_MIN_CHARS && !PEM_EDGE.test(line))
  const forms = [secret, secret.trim(), ...lines]
    .filter((form) => form.length >= LINE_MASK_MIN_CHARS)
    .flatMap((form) => {
      const escaped = JSON.stringify(form).slice(1, -1)
      return [form, escaped, escaped.replaceAll('/', '\\/')]
    })
  return [...new Set(forms)].map((form) => Buffer.from(form))
}
