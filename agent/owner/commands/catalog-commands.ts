/** `share catalog|server-json`: what an owner's shares offer, for the owner and for registries of MCP servers. */
import type { Command } from 'commander'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { OWNER_LIST_PAGES } from '../../limits.ts'
import { listOf, textOf } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { findShare } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { table } from '../table.ts'

export function addCatalogCommands(share: Command, start: StartRun): void {
  share
    .command('catalog')
    .description('lists your shares with what their servers say of themselves, and whether they serve')
    .action(async (_options: object, command: Command) => showCatalog(start(command)))
  share
    .command('server-json <share>')
    .description('prints server.json of a share, as the MCP Registry has it; it holds no secret')
    .action(async (named: string, _options: object, command: Command) => printServerJson(start(command), named))
}

async function showCatalog(run: OwnerRun): Promise<void> {
  const servers: Answer[] = []
  let after = ''
  for (let page = 0; page < OWNER_LIST_PAGES; page += 1) {
    const answer = await run.api.request('GET', `catalog${after}`)
    servers.push(...listOf(answer, 'servers'))
    const { next } = answer
    if (typeof next !== 'string') break
    after = `?after=${encodeURIComponent(next)}`
  }
  run.show({ servers }, () => {
    if (servers.length === 0) return `No shares yet. Make one: ${run.program} share create --name docs\n`
    const columns = [
      { title: 'SHARE' },
      { title: 'NAME', isCut: true },
      { title: 'STATE' },
      { title: 'SERVER', isCut: true },
      { title: 'TOOLS' },
    ] as const
    const rows = servers.flatMap((share) => [
      [textOf(share, 'share'), textOf(share, 'name'), ...servedTexts(share)],
      ...namedOf(share).map((server) => ['', `/${textOf(server, 'name')}`, ...servedTexts(server)]),
    ])
    return table(columns, rows, run.terminal.columns)
  })
}

/** The servers of a share that have names. Relays before the catalogue listed them tell of none. */
function namedOf(share: Answer): readonly Answer[] {
  return share['servers'] === undefined ? [] : listOf(share, 'servers')
}

function servedTexts(served: Answer): string[] {
  const { tools, held_back: held } = served
  const counted = typeof tools === 'number' ? String(tools) : '-'
  return [textOf(served, 'state'), serverText(served['server']), typeof held === 'number' ? `${counted} (${held} held)` : counted]
}

function serverText(said: unknown): string {
  const { title, name, version }: Answer = typeof said === 'object' && said !== null ? { ...said } : {}
  const words = [title ?? name, version].filter((word) => typeof word === 'string')
  return words.length === 0 ? '-' : words.join(' ')
}

/** For programs on one line, for people and files on many. */
async function printServerJson(run: OwnerRun, named: string): Promise<void> {
  const { id } = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('GET', `shares/${id}/server.json`)
  run.show(answer, () => `${JSON.stringify(answer, undefined, 2).split('\n').map(shownJson).join('\n')}\n`)
}
