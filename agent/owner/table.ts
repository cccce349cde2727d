/** Text for people: tables that fit a line, times, and nothing that a terminal would obey. Pure. */
import { shownJson } from '../../protocol/policy/shown-json.ts'

export interface Column {
  readonly title: string
  /** Whether its texts may be cut where there is no room. Ids never are. */
  readonly isCut?: true
}

const GAP = 2
/** A column is not cut below this width. */
const MIN_WIDTH = 8
const CUT = '…'

const graphemes = new Intl.Segmenter()

/** Rows below their titles, in at most `width` columns of a terminal as far as texts may be cut; each line ends with a line feed. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(plain))]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => widthOf(line[at] ?? ''))))
  let excess = widths.reduce((sum, each) => sum + each, GAP * (columns.length - 1)) - width
  while (excess > 0) {
    const widest = widestCut(columns, widths)
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return lines
    .map(
      (line) =>
        `${line
          .map((text, at) => padded(text, widths[at] ?? 0))
          .join(' '.repeat(GAP))
          .trimEnd()}\n`,
    )
    .join('')
}

/** One row of a table that grows: each text cut or padded to its width, but for the last, which is cut only. */
export function tableRow(texts: readonly string[], widths: readonly number[]): string {
  return `${texts
    .map((text, at) => padded(plain(text), widths[at] ?? 0))
    .join(' '.repeat(GAP))
    .trimEnd()}\n`
}

/** Names and values in two columns. */
export function pairs(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length)) + GAP
  return entries.map(([name, value]) => `${name.padEnd(width)}${plain(value)}\n`).join('')
}

/** A text behind `lead`, in lines of at most `columns` columns, of which each further begins with `rest`: nothing of the text begins a line. It must hold nothing that a terminal would obey. */
export function hanging(lead: string, text: string, columns: number, rest = ' '.repeat(lead.length)): string {
  return wrapped(text, columns - Math.max(lead.length, rest.length))
    .map((line, at) => `${at === 0 ? lead : rest}${line}\n`)
    .join('')
}

/** A text in lines of at most `width` columns, broken wherever that is. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = widthOf(segment)
    if (used + next > width) {
      lines.push(line)
      line = ''
      used = 0
    }
    line += segment
    used += next
  }
  return [...lines, line]
}

/** Control characters, and those that turn a line around, spelt out; what joins letters stays. */
export function plain(text: string): string {
  return text.replaceAll(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** A text in which a terminal finds nothing to obey, and a reader nothing hidden. */
export function seen(text: string): string {
  return shownJson(plain(text))
}

/** A time of the machine's zone, to the minute. */
export function localTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** The same without the year, to the second. */
export function localMoment(time: Date): string {
  return `${localTime(time).slice('2026-'.length)}:${String(time.getSeconds()).padStart(2, '0')}`
}

function widestCut(columns: readonly Column[], widths: readonly number[]): number | undefined {
  const candidates = columns.flatMap(({ isCut }, at) => (isCut === true && (widths[at] ?? 0) > MIN_WIDTH ? [at] : []))
  return candidates.toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0]
}

function padded(text: string, width: number): string {
  const own = widthOf(text)
  if (own <= width) return text + ' '.repeat(width - own)
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = widthOf(segment)
    if (used + next > width - 1) break
    kept += segment
    used += next
  }
  return kept + CUT + ' '.repeat(width - 1 - used)
}

const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]/u
/** Accents and the like, which stand on the letter before them. */
const MARK = /[\p{Mn}\p{Me}]/u

/**
 * Columns that a text takes at most: two for letters of East Asia (UAX #11) and for pictures, whatever a terminal makes of those that are joined.
 * What is wider than it seems would go on in the next line, from its beginning.
 */
function widthOf(text: string): number {
  let width = 0
  for (const letter of text) width += WIDE.test(letter) ? 2 : MARK.test(letter) ? 0 : 1
  return width
}
