/** Makes what a client has said of itself fit to be shown to an owner: short, and nothing in it that a terminal or a reader would obey. */
import { MAX_SHOWN_CHARS } from '../../usage-limits.ts'

/** Controls, marks that turn or hide text, line separators, and halves of characters. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/** At most MAX_SHOWN_CHARS characters; what is not shown as it is stands as `\uXXXX`, so that it cannot pass for something else. */
export function shownText(text: string): string {
  // Escaped characters get longer: a text of many is cut before, so that no long one is worked on.
  const escaped = text.slice(0, MAX_SHOWN_CHARS).replaceAll(UNSHOWN, escape)
  return escaped.length <= MAX_SHOWN_CHARS ? escaped : escaped.slice(0, MAX_SHOWN_CHARS)
}

function escape(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
}
