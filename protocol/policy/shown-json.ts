/** JSON text in which nothing is hidden from a person who reads it, on a terminal or in a page. Pure. */

/** Controls, marks that turn or hide text, characters without a shape of their own, and all space but the plain one. */
const UNSHOWN = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}]/gu

/**
 * The same JSON value, in which what cannot be seen stands as `\uXXXX`. `text`: JSON without white space between its tokens, where such
 * characters can stand in strings only.
 */
export function shownJson(text: string): string {
  return text.replaceAll(UNSHOWN, escaped)
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
}
