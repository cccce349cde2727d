/** Arbitrary JSON as hostile peers spell it: any white space, key order, escapes, nesting and script, with known spans. */
import fc from 'fast-check'

/** A piece of JSON text; a marked piece is one whose place a test wants to know. */
export type Piece = string | { readonly mark: string; readonly raw: string }

export interface Member {
  /** JSON text of the key, quotes included. */
  readonly key: string
  readonly value: readonly Piece[]
}

export interface Marked {
  readonly bytes: Uint8Array
  readonly text: string
  readonly spans: ReadonlyMap<string, { readonly span: readonly [number, number]; readonly raw: string }>
}

const encoder = new TextEncoder()

export const space = fc.array(fc.constantFrom(' ', '\t', '\r', '\n'), { maxLength: 3 }).map((parts) => parts.join(''))

const hex = (unit: number, upper: boolean): string => {
  const digits = unit.toString(16).padStart(4, '0')
  return `\\u${upper ? digits.toUpperCase() : digits}`
}

/** One character of a JSON string as text: raw, as a short escape, or as \uXXXX (lone surrogates too). */
const character = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((one) => JSON.stringify(one).slice(1, -1)) },
  { weight: 2, arbitrary: fc.constantFrom('ş', 'я', '中', 'ع', '😀', '\u2028', '\u007f', '{', '}', '[', ']', ',', ':') },
  { weight: 2, arbitrary: fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t') },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.boolean()).map(([unit, upper]) => hex(unit, upper)) },
)

/** JSON text of any string. */
export const stringText = fc.array(character, { maxLength: 12 }).map((parts) => `"${parts.join('')}"`)

/** JSON text of any number, far beyond what a double holds. */
export const numberText = fc.oneof(
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,3})?$/),
  fc.constantFrom('0', '-0', '1.0', '1e2', '1E+2', '100e-2', '9007199254740993', '9007199254740992', '1e400', '-1.50'),
)

export const idText = fc.oneof(numberText, stringText)

/** JSON text of a known string with some of its characters escaped: `"id"`, `"\u0069d"`, `"i\u0064"` ... */
export function spelled(known: string): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom('raw', 'raw', 'lower', 'upper'), { minLength: known.length, maxLength: known.length }).map((styles) => {
    const parts = styles.map((style, at) => {
      const unit = known.charCodeAt(at)
      return style === 'raw' ? JSON.stringify(known[at]).slice(1, -1) : hex(unit, style === 'upper')
    })
    return `"${parts.join('')}"`
  })
}

/** JSON text of any value, with white space wherever JSON allows it. */
export const valueText: fc.Arbitrary<string> = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    numberText,
    stringText,
    tie('array'),
    tie('object'),
  ),
  array: fc
    .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
    .map((items) => `[${items.map((item) => item.join('')).join(',')}]`),
  // Keys that routing looks for, where it must not look.
  object: fc
    .array(
      fc.tuple(
        space,
        fc.oneof(stringText, fc.constantFrom('"id"', '"method"', '"params"', '"progressToken"', '"_meta"', '"__proto__"')),
        space,
        space,
        tie('value'),
        space,
      ),
      { maxLength: 4 },
    )
    .map(
      (members) =>
        `{${members.map(([before, key, after, lead, value, tail]) => `${before}${key}${after}:${lead}${value}${tail}`).join(',')}}`,
    ),
})).value

/** Members that routing does not know, at any level. */
export function strangers(known: readonly string[]): fc.Arbitrary<Member[]> {
  const member = fc.tuple(stringText, valueText).filter(([key]) => !known.includes(JSON.parse(key)))
  return fc.array(
    member.map(([key, value]) => ({ key, value: [value] })),
    { maxLength: 3 },
  )
}

/** An object of these members in any order, with any white space. */
export function object(members: readonly Member[]): fc.Arbitrary<Piece[]> {
  const order = fc.shuffledSubarray([...members], { minLength: members.length, maxLength: members.length })
  return fc.tuple(order, fc.array(space, { minLength: 1, maxLength: 7 })).map(([ordered, spaces]) => {
    let turn = 0
    const gap = (): string => spaces[turn++ % spaces.length] ?? ''
    const pieces: Piece[] = ['{', gap()]
    ordered.forEach(({ key, value }, at) => pieces.push(at === 0 ? '' : ',', gap(), key, gap(), ':', gap(), ...value, gap()))
    pieces.push('}')
    return pieces
  })
}

/** The pieces as bytes, with the span of every marked one. */
export function lay(pieces: readonly Piece[]): Marked {
  let text = ''
  let at = 0
  const spans = new Map<string, { span: readonly [number, number]; raw: string }>()
  for (const piece of pieces) {
    const raw = typeof piece === 'string' ? piece : piece.raw
    const size = encoder.encode(raw).length
    if (typeof piece !== 'string') spans.set(piece.mark, { span: [at, at + size], raw })
    text += raw
    at += size
  }
  return { bytes: encoder.encode(text), text, spans }
}
