/** Bar charts as SVG: no library, no script, readable on light and on dark pages. */

export interface Bar {
  readonly label: string
  /** Undefined for a contender that failed. */
  readonly value: number | undefined
  /** Ours stand out. */
  readonly isOurs: boolean
}

export interface Group {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Chart {
  readonly title: string
  /** What the numbers are, and which way is better. */
  readonly unit: string
  readonly digits: number
  readonly groups: readonly Group[]
}

const WIDTH = 720
const LABEL_WIDTH = 210
const VALUE_WIDTH = 90
const BAR_HEIGHT = 18
const BAR_GAP = 6
const GROUP_GAP = 34
const TOP = 58

/** Follows the page's colour scheme; the colours have contrast enough on both. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .unit { fill: #57606a } .group { font-weight: 600 }
  .ours { fill: #0969da } .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .unit { fill: #9198a1 } .ours { fill: #4493f8 } .peer { fill: #656c76 }
  }`

export function drawChart({ title, unit, digits, groups }: Chart): string {
  const parts: string[] = []
  let y = TOP
  for (const group of groups) {
    parts.push(text(0, y + 4, group.title, 'group'))
    y += 16
    const most = Math.max(...group.bars.map(({ value }) => value ?? 0), Number.MIN_VALUE)
    for (const bar of group.bars) {
      parts.push(...drawBar(bar, y, most, digits))
      y += BAR_HEIGHT + BAR_GAP
    }
    y += GROUP_GAP - BAR_GAP
  }
  const height = y - GROUP_GAP + 16
  const head = [text(0, 18, title, 'title'), text(0, 38, unit, 'unit')]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -4 ${WIDTH + 24} ${height + 4}" width="${WIDTH + 24}" role="img" aria-label="${escape(title)}">
<style>${STYLE}
</style>
${[...head, ...parts].join('\n')}
</svg>
`
}

function drawBar({ label, value, isOurs }: Bar, y: number, most: number, digits: number): string[] {
  const baseline = y + BAR_HEIGHT - 5
  const name = text(LABEL_WIDTH - 8, baseline, label, 'label', 'end')
  if (value === undefined) return [name, text(LABEL_WIDTH + 6, baseline, 'failed', 'unit')]
  const length = Math.max(1, (value / most) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH))
  const number = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const rect = `<rect class="${isOurs ? 'ours' : 'peer'}" x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`
  return [name, rect, text(LABEL_WIDTH + length + 6, baseline, number, 'value')]
}

function text(x: number, y: number, content: string, kind: string, anchor = 'start'): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escape(content)}</text>`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
