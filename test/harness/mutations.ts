/** Texts with something changed, always the same ones: what forged and broken credentials and requests are made of. */

/** What some decoder or other leaves out or reads as something else. */
const STRANGE = ['=', '==', '+', '/', ' ', '\t', '\n', '\0', '.', '%3D', 'é', 'Ａ', '\u200b', '#', '?', '"']

/** Gives a whole number from 0 on, below `bound`. */
export type Choose = (bound: number) => number

/** The same numbers for the same seed, which is not 0 (xorshift32, Marsaglia 2003). */
export function numbers(seed: number): Choose {
  let state = seed
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

/** A text with one thing changed, or several. */
export function mutate(text: string, alphabet: string, next: Choose): string {
  const at = next(text.length)
  const char = alphabet.charAt(next(alphabet.length))
  const strange = STRANGE[next(STRANGE.length)] ?? ''
  switch (next(9)) {
    case 0:
      return text.slice(0, at) + char + text.slice(at + 1)
    case 1:
      return text.slice(0, at) + char + text.slice(at)
    case 2:
      return text.slice(0, at) + text.slice(at + 1)
    case 3:
      return text.slice(0, at) + strange + text.slice(at)
    case 4:
      return text.slice(0, at)
    case 5:
      return text + (next(2) === 0 ? strange : char)
    case 6:
      return (next(2) === 0 ? text.toUpperCase() : text.toLowerCase()).slice(0, at) + text.slice(at)
    case 7:
      return text.slice(0, -1) + char
    default:
      return mutate(mutate(text, alphabet, next), alphabet, next)
  }
}
