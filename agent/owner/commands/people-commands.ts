/** `people add|list|remove`: who may sign in at a share, from clients that do so by themselves. */
import type { Command } from 'commander'
import { readPerson, type ShareAnswer, textOf } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { EXPIRES, EXPIRES_TEXT, secondsUntil } from '../expiry.ts'
import { allPeople, findPerson, findShare } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { addPolicyOptions, inShort, inWords, type PolicyOptions, policyOf } from '../policy-options.ts'
import { shellWord } from '../setup-texts.ts'
import { localTime, plain, table } from '../table.ts'
import { remarkWarning } from './token-commands.ts'

interface NewPersonOptions extends PolicyOptions {
  readonly expires?: string
}

export function addPeopleCommands(people: Command, start: StartRun): void {
  addPolicyOptions(people.command('add <share> <person>'))
    .description('invites a person, by name or e-mail address, who may only read unless you say more; shows their access code once')
    .option(EXPIRES, `${EXPIRES_TEXT} (default: 7d)`)
    .action(async (share: string, person: string, options: NewPersonOptions, command: Command) =>
      addPerson(start(command), share, person, options),
    )
  people
    .command('list <share>')
    .description('lists the people of a share, oldest first')
    .action(async (share: string, _options: object, command: Command) => listPeople(start(command), share))
  people
    .command('remove <share> <person>')
    .description("ends a person's access at once, on whatever they have signed in with")
    .action(async (share: string, person: string, _options: object, command: Command) => removePerson(start(command), share, person))
}

async function addPerson(run: OwnerRun, named: string, person: string, options: NewPersonOptions): Promise<void> {
  const { expires } = options
  const policy = policyOf(options)
  const body = {
    ...(person.includes('@') ? { email: person } : { name: person }),
    ...(expires === undefined ? {} : { expires_in: secondsUntil(expires, run.terminal.now()) }),
    ...(policy === undefined ? {} : { policy }),
  }
  const share = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('POST', `shares/${share.id}/people`, body)
  remarkWarning(run, answer)
  run.show(answer, () => invitedText(run, share, answer))
}

function invitedText(run: OwnerRun, share: ShareAnswer, answer: Answer): string {
  const { id, name, expiresAt, policy } = readPerson(answer)
  const app = appText(answer['web_url'])
  return `${plain(name)} (${id}) may ${inWords(policy)} on ${plain(share.name)}, until ${localTime(expiresAt)}.

Send them this URL, to add to their client (Claude, ChatGPT, Cursor, VS Code) as
a remote MCP server:

  ${textOf(answer, 'url')}

It leads them to a page in their browser, which asks for this access code:

  ${textOf(answer, 'code')}

The code is shown this once, and works once, for one client${app === '' ? '' : ' or browser'}.
${app}To end their access:

  ${run.program} people remove ${shellWord(share.name === 'unnamed' ? share.id : share.name)} ${id}
`
}

/** Empty where nobody signs in for a web app. */
function appText(webUrl: unknown): string {
  if (typeof webUrl !== 'string') return ''
  return `Where the agent shares a web app (--http), they open this in a browser,
which asks for such a code too:

  ${webUrl}

`
}

async function listPeople(run: OwnerRun, named: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const people = await allPeople(run.api, share)
  run.show({ people }, () => {
    if (people.length === 0) return `No people. Invite somebody: ${run.program} people add ${share.id} Ann\n`
    const rows = people
      .map(readPerson)
      .map(({ id, name, status, expiresAt, policy }) => [id, name, status, inShort(policy), localTime(expiresAt)])
    const columns = [{ title: 'PERSON' }, { title: 'NAME', isCut: true }, { title: 'STATUS' }, { title: 'MAY' }, { title: 'ENDS' }] as const
    return table(columns, rows, run.terminal.columns)
  })
}

async function removePerson(run: OwnerRun, named: string, person: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const { id, name } = await findPerson(run.api, share, person)
  await run.api.request('DELETE', `shares/${share.id}/people/${id}`)
  run.show({ id, revoked: true }, () => `${plain(name)} (${id}) has no access to ${plain(share.name)} any more.\n`)
}
