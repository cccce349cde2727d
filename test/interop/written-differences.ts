/** Reads the table of docs/protocol.md that says where a client gets something else through a share than over stdio, and why. Pure. */

/** Lines of the table stand between these. */
const BEGIN = '<!-- matrix:begin -->'
const END = '<!-- matrix:end -->'
/** At the end of what is seen: the cell may also be as over stdio, since it depends on what comes first. */
const SOMETIMES = /\s*\(sometimes\)$/
const COLUMNS = 5

export interface WrittenDifference {
  /** Names of clients, or words that several have. */
  readonly clients: readonly string[]
  readonly servers: readonly string[]
  readonly rows: readonly string[]
  /** A part of what is seen instead. */
  readonly seen: string
  readonly isSometimes: boolean
  readonly why: string
}

/** @throws Error for a page without the table, or a line that has not all columns. */
export function writtenDifferences(page: string): WrittenDifference[] {
  const table = page.slice(page.indexOf(BEGIN), page.indexOf(END))
  if (!page.includes(BEGIN) || !page.includes(END)) throw new Error(`no table between ${BEGIN} and ${END}`)
  const lines = table.split('\n').filter((line) => line.startsWith('|'))
  // The first two are the head.
  return lines.slice(2).map(differenceIn)
}

/** `words`: of a client, its name among them. */
export function differenceOf(
  all: readonly WrittenDifference[],
  { words, server, row }: { readonly words: readonly string[]; readonly server: string; readonly row: string },
): WrittenDifference | undefined {
  return all.find(
    ({ clients, servers, rows }) => clients.some((word) => words.includes(word)) && servers.includes(server) && rows.includes(row),
  )
}

function differenceIn(line: string): WrittenDifference {
  const cells = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
  const [clients = '', servers = '', rows = '', seen = '', why = ''] = cells
  if (cells.length !== COLUMNS || cells.includes('')) throw new Error(`not ${COLUMNS} columns: ${line}`)
  const list = (cell: string): string[] => cell.split(';').map((word) => word.trim())
  return {
    clients: list(clients),
    servers: list(servers),
    rows: list(rows),
    seen: seen.replace(SOMETIMES, '').replaceAll('`', ''),
    isSometimes: SOMETIMES.test(seen),
    why,
  }
}
