/** Text for people: tables that fit a line, times, and nothing that a terminal would obey. Pure. */

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

/** A text in lines of at most `width` columns, broken wherever that is. */
export function wrapped(text: string, width: number): string[] {
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

/** Columns that a text takes: two for letters of East Asia and for pictures. */
function widthOf(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text))
    width += /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u.test(segment)
      ? 2
      : 1
  return width
}
