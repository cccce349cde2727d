/** Writes docs/requirements.md from the ledger and what the tests verify. Pure. */
import type { Proof } from './proofs.ts'
import { type Requirement, REVISIONS, type Revision, type Section } from './requirement.ts'

const HEAD = `# Requirements

What must hold, and the tests that show it. Made by \`npm run requirements\` from the ledger in \`test/requirements/\` and from the
\`verifies('…')\` at the head of the tests; a test fails when an entry has none, or when this page is not what they make.

The first fourteen sections are the promises of [design.md](design.md). The others are what the
[specification of MCP](https://modelcontextprotocol.io/specification) asks of a server over HTTP, of a client over stdio, and of whoever
stands in between, in our own words; MUST and SHOULD include MUST NOT and SHOULD NOT. Entries that bind others, or that we refuse, say so.
`

export function renderPage(sections: readonly Section[], proofs: readonly Proof[]): string {
  const byId = Map.groupBy(proofs, ({ id }) => id)
  return [HEAD, ...sections.map((section) => renderSection(section, byId))].join('\n')
}

function renderSection({ title, said, revisions, requirements }: Section, proofs: ReadonlyMap<string, readonly Proof[]>): string {
  const isOfMcp = revisions.length > 0
  const rows = Object.entries(requirements).map(([id, requirement]) => {
    const level = [requirement.level ?? '', holdsFor(requirement.revisions)].filter((part) => part !== '').join(', ')
    const cells = [`\`${id}\``, ...(isOfMcp ? [level] : []), requirement.seen, proofCell(requirement, proofs.get(id) ?? [])]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  const head = isOfMcp
    ? ['| id | level | what must be seen | shown by |', '|---|---|---|---|']
    : ['| id | what must be seen | shown by |', '|---|---|---|']
  const place = isOfMcp ? [`Said in ${said.join('; ')}. Holds for ${holdsFor(revisions)}.`, ''] : []
  return [`## ${title}`, '', ...place, ...head, ...rows, ''].join('\n')
}

function proofCell({ notOurs, knownFailure, provedBy = [] }: Requirement, proofs: readonly Proof[]): string {
  if (notOurs !== undefined) return `not ours: ${notOurs}`
  const byFile = Map.groupBy(proofs, ({ file }) => file)
  const tests = [...byFile].map(([file, own]) => `\`${file}\`: ${own.map(({ title }) => (title === '' ? 'all tests' : title)).join('; ')}`)
  const failure = knownFailure === undefined ? [] : [`**fails**: ${knownFailure}`]
  return [...failure, ...tests, ...provedBy.map((run) => `\`npm run ${run.replace(': ', '`: ')}`)].map(safe).join('<br>')
}

/** Text of a title that a page might take for markup. */
function safe(text: string): string {
  return text.replaceAll(/<(?!br>)/g, '&lt;').replaceAll(/\s+/g, ' ')
}

/** Revisions in a row as from and to. */
function holdsFor(revisions: readonly Revision[] | undefined): string {
  if (revisions === undefined) return ''
  const [first, last] = [revisions[0], revisions.at(-1)]
  if (first === undefined || last === undefined || first === last) return first ?? ''
  const isRow = REVISIONS.indexOf(last) - REVISIONS.indexOf(first) === revisions.length - 1
  return isRow ? `${first} to ${last}` : revisions.join(', ')
}
