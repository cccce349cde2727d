/** `owner create|list|revoke`: the deployer's orders about the other owners of the relay. */
import type { Command } from 'commander'
import { listOf, readOwner, textOf } from '../answers.ts'
import { secondsUntil } from '../expiry.ts'
import { onlyOne } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { localTime, plain, table } from '../table.ts'
import { remarkWarning } from './token-commands.ts'

export function addOwnerCommands(owner: Command, start: StartRun): void {
  owner
    .command('create <name>')
    .description('makes another owner, and shows its token once')
    .option('--expires <time>', '90d, 12w from now, or 2026-12-04, the end of that day (default: 366d)')
    .action(async (name: string, { expires }: { readonly expires?: string }, command: Command) =>
      createOwner(start(command), name, expires),
    )
  owner
    .command('list')
    .description('lists the owners besides the deployer, oldest first')
    .action(async (_options: object, command: Command) => listOwners(start(command)))
  owner
    .command('revoke <owner>')
    .description("removes an owner; its shares are paused and become the deployer's")
    .action(async (named: string, _options: object, command: Command) => revokeOwner(start(command), named))
}

async function createOwner(run: OwnerRun, name: string, expires: string | undefined): Promise<void> {
  const expiresIn = expires === undefined ? {} : { expires_in: secondsUntil(expires, run.terminal.now()) }
  const answer = await run.api.request('POST', 'owners', { name, ...expiresIn })
  run.show(answer, () => {
    const { id, expiresAt } = readOwner(answer)
    return `Owner ${plain(name)} (${id}), until ${localTime(expiresAt)}. Owner token, shown this once:

  ${textOf(answer, 'owner_token')}

With it they log in, and make shares of their own:

  ${run.program} login ${run.api.relay}
`
  })
  remarkWarning(run, answer)
}

async function listOwners(run: OwnerRun): Promise<void> {
  const answer = await run.api.request('GET', 'owners')
  run.show(answer, () => {
    const owners = listOf(answer, 'owners').map(readOwner)
    if (owners.length === 0) return `No owners besides you. Make one: ${run.program} owner create Ann\n`
    const rows = owners.map(({ id, name, expiresAt }) => [id, name, localTime(expiresAt)])
    return table([{ title: 'OWNER' }, { title: 'NAME', isCut: true }, { title: 'ENDS' }], rows, run.terminal.columns)
  })
}

async function revokeOwner(run: OwnerRun, named: string): Promise<void> {
  const owners = listOf(await run.api.request('GET', 'owners'), 'owners').map(readOwner)
  const found = owners.filter(({ id, name }) => id === named || name === named)
  const { id, name } = onlyOne('owner', named, found, `${run.program} owner list`)
  await run.api.request('DELETE', `owners/${id}`)
  run.show({ id, revoked: true }, () => `Owner ${plain(name)} (${id}) is removed. Its shares are paused, and yours: see share list.\n`)
}
