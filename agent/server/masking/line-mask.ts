/**
 * Masks secrets in a server's lines, however JSON spells them, and leaves every other byte as it was. A line stays the JSON that
 * it was and never grows. Linear in the line; a line without secrets is only looked through.
 */
import { scanBatch, scanMessage, type Span } from '../../../protocol/json/json-scan.ts'
import { BACKSLASH, OPEN_ARRAY, QUOTE, ScanFault, skipString } from '../../../protocol/json/json-skip.ts'
import { MASKED } from '../../mask.ts'
import { SecretSearch } from './secret-search.ts'
import { spellings } from './secret-spellings.ts'
import { unescaped, unescapedMarks } from './unescaped.ts'

const TEXT = Buffer.from(MASKED)
const STARS = Buffer.from('*'.repeat(TEXT.length))
/** Keeps a number a number, as the schema of a tool's answer may want it. */
const ZERO = Buffer.from('0')
const NUMBER = /[\d+.eE-]/

export class LineMask {
  readonly #search: SecretSearch | undefined
  readonly #onFirst: () => void
  #hasMasked = false

  /** `onFirst` is told once that something was masked. */
  constructor(secrets: Iterable<string>, onFirst: () => void) {
    const known = [...secrets].flatMap(spellings)
    this.#search = known.length === 0 ? undefined : new SecretSearch(known)
    this.#onFirst = onFirst
  }

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#search === undefined
  }

  /** The line itself where it holds no secret. */
  apply(line: Uint8Array): Uint8Array {
    const found = this.#find(line)
    const foreign = found.length === 0 ? found : withoutNames(found, ownNames(line))
    if (foreign.length === 0) return line
    if (!this.#hasMasked) this.#onFirst()
    this.#hasMasked = true
    return written(line, foreign)
  }

  /** Begin and end of each secret in the line. */
  #find(line: Uint8Array): readonly number[] {
    const firstEscape = line.indexOf(BACKSLASH)
    if (firstEscape === -1) return this.#search?.find(line) ?? []
    const found = this.#search?.find(unescaped(line, firstEscape)) ?? []
    return found.length === 0 ? found : unescapedMarks(line, found)
  }
}

/** Without what touches one of the names; both in order. */
function withoutNames(found: readonly number[], names: readonly Span[]): readonly number[] {
  if (names.length === 0) return found
  let next = 0
  const kept: number[] = []
  for (let index = 0; index < found.length; index += 2) {
    const [from = 0, to = 0] = [found[index], found[index + 1]]
    while ((names[next]?.[1] ?? Infinity) <= from) next++
    if ((names[next]?.[0] ?? Infinity) >= to) kept.push(from, to)
  }
  return kept
}

/** Where a message holds names that its client has given: the id that it answers, and a progress token. They say nothing new to that client. */
function ownNames(line: Uint8Array): Span[] {
  const batch = line[0] === OPEN_ARRAY ? scanBatch(line) : undefined
  const messages: readonly Span[] = batch?.ok === true && batch.value !== undefined ? batch.value : [[0, line.length]]
  const all = messages.flatMap(([start, end]) => {
    const scanned = scanMessage(line.subarray(start, end))
    if (!scanned.ok) return []
    const { kind, id, progressToken } = scanned.value
    const names = [kind === 'result' || kind === 'error' ? id : undefined, progressToken]
    return names.flatMap((name): Span[] => (name === undefined ? [] : [[name.span[0] + start, name.span[1] + start]]))
  })
  return all.toSorted((a, b) => a[0] - b[0])
}

/** The line with those spans (begin and end of each) masked: text where they lie in strings, and whole numbers elsewhere; what makes the JSON stays. */
function written(line: Uint8Array, spans: readonly number[]): Uint8Array {
  const out = Buffer.allocUnsafe(line.length)
  let [read, write] = [0, 0]
  const put = ([from, to]: Span, mask: Uint8Array): void => {
    out.set(line.subarray(read, from), write)
    write += from - read
    out.set(mask, write)
    write += mask.length
    read = to
  }
  let next = 0
  /** Visits what of the spans lies within a region; a span may go on behind it. */
  const within = (from: number, to: number, visit: (part: Span) => void): void => {
    for (; next < spans.length; next += 2) {
      const [start = to, end = to] = [spans[next], spans[next + 1]]
      if (start >= to) return
      if (end > from) visit([Math.max(start, from), Math.min(end, to)])
      if (end > to) return
    }
  }
  const text = (part: Span): void => put(part, part[1] - part[0] < TEXT.length ? STARS.subarray(0, part[1] - part[0]) : TEXT)
  let at = 0
  while (next < spans.length && at < line.length) {
    const quote = line.indexOf(QUOTE, at)
    const open = quote === -1 ? line.length : quote
    within(at, open, (part) => numbersOf(line, part, [Math.max(at, read), open]).forEach((number) => put(number, ZERO)))
    const close = endOfString(line, open)
    within(open + 1, close - 1, text)
    at = close
  }
  out.set(line.subarray(read), write)
  return out.subarray(0, write + line.length - read)
}

/** Behind the string; the end of a line that breaks it off, which is no message. */
function endOfString(line: Uint8Array, open: number): number {
  try {
    return open === line.length ? open : skipString(line, open)
  } catch (fault) {
    if (fault instanceof ScanFault) return line.length + 1
    throw fault
  }
}

/** The numbers, whole, that a part of what lies between two strings touches, but for what was written already. */
function numbersOf(line: Uint8Array, [from, to]: Span, [least, most]: Span): Span[] {
  const isOfNumber = (at: number): boolean => NUMBER.test(String.fromCharCode(line[at] ?? 0))
  let start = Math.max(from, least)
  while (start > least && isOfNumber(start - 1)) start--
  const numbers: Span[] = []
  while (start < to) {
    let end = start
    while (end < most && isOfNumber(end)) end++
    if (line.subarray(start, end).some((byte) => byte >= 0x30 && byte <= 0x39)) numbers.push([start, end])
    start = end + 1
  }
  return numbers
}
