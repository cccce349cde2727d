/** Tables of figures, for the terminal and for Markdown. */
import type { CaseResult, Matching, Outcome, Ratio } from './results.ts'

type Rows = readonly (readonly string[])[]

/** Columns as wide as they need to be; the first to the left, the others to the right. */
export function textTable(rows: Rows): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
  return rows.map((row) => `  ${line(row).trimEnd()}`).join('\n')
}

export function markdownTable([head = [], ...rows]: Rows): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** `1,234.5`; a figure that is not there is a dash, one that never came is `never`. */
export function shown(value: number | string | undefined, digits: number): string {
  if (value === undefined) return '–'
  if (typeof value === 'string' || Number.isNaN(value)) return 'never'
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A case as rows; who failed has a dash everywhere. */
export function caseRows({ columns, outcomes }: CaseResult, titles: Readonly<Record<string, string>>): string[][] {
  const cells = (outcome: Outcome): string[] =>
    'failed' in outcome ? columns.map(() => 'failed') : columns.map((column) => shown(outcome.figures[column.figure], column.digits))
  return [
    ['', ...columns.map(({ heading }) => heading)],
    ...outcomes.map((outcome) => [titles[outcome.contender] ?? outcome.contender, ...cells(outcome)]),
  ]
}

/** Why contenders failed, and what was run. */
export function failureLines({ outcomes }: CaseResult, titles: Readonly<Record<string, string>>): string[] {
  return outcomes.flatMap((outcome) =>
    'failed' in outcome
      ? [`${titles[outcome.contender] ?? outcome.contender}: ${outcome.failed}`, ...outcome.commands.map((line) => `  $ ${line}`)]
      : [],
  )
}

export function ratioRows(ratios: readonly Ratio[]): string[][] {
  return [
    ['', 'in this run', 'aim', ''],
    ...ratios.map(({ what, value, target, met }) => [what, shown(value, 2), target, met ? 'met' : 'missed']),
  ]
}

export function matchingRows({ bySize, byPending }: Matching): { readonly bySize: string[][]; readonly byPending: string[][] } {
  const steps = (rows: readonly Readonly<Record<string, number>>[]): string[] => Object.keys(rows[0] ?? {})
  const sizeSteps = steps(bySize.map(({ us }) => us))
  const pendingSteps = steps(byPending.map(({ ns }) => ns))
  return {
    bySize: [
      ['bytes', ...sizeSteps.map((step) => `${step}, µs`)],
      ...bySize.map(({ bytes, us }) => [shown(bytes, 0), ...sizeSteps.map((step) => shown(us[step], 1))]),
    ],
    byPending: [
      ['pending', ...pendingSteps.map((step) => `${step}, ns`)],
      ...byPending.map(({ pending, ns }) => [shown(pending, 0), ...pendingSteps.map((step) => shown(ns[step], 0))]),
    ],
  }
}
