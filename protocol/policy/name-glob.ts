/** Matches names and URIs against patterns in which `*` stands for any run of characters and all else for itself. Linear, pure. */
import { foldKey } from '../members/routing-keys.ts'

/** Characters of one pattern: a URI of usual length, several times. */
export const MAX_GLOB_CHARS = 1024

/** Characters of a name, URI or path beyond which no pattern is tried: nothing that is meant has as many, and time grows with both lengths. */
export const MAX_MATCHED_CHARS = 8 * MAX_GLOB_CHARS

/** Whether the whole text is what the pattern means, letter by letter. Time grows with the product of both lengths at worst, never beyond. */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let inGlob = 0
  /** Where the last star stood, and from where in the text what follows it was last tried. */
  let star = -1
  let triedFrom = 0
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++
      triedFrom = at
    } else if (inGlob < glob.length && glob[inGlob] === text[at]) {
      inGlob++
      at++
    } else if (star >= 0) {
      inGlob = star + 1
      at = ++triedFrom
    } else return false
  }
  while (glob[inGlob] === '*') inGlob++
  return inGlob === glob.length
}

/**
 * What a pattern that forbids must match as well: names that some server holds equal, by case, by look-alike letters or by
 * the way words are joined (`foldKey`).
 */
export function matchesFolded(glob: string, text: string): boolean {
  return matchesGlob(glob, text) || matchesGlob(foldKey(glob), foldKey(text))
}
