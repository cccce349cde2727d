/** `token narrow`: for whoever holds a link and hands it on, without the relay. */
import type { Command } from 'commander'
import type { CaveatWords } from '../../../protocol/narrowing/caveat.ts'
import { AgentExit, EXIT, usageError } from '../../exit.ts'
import { EXPIRES, EXPIRES_TEXT, secondsUntil } from '../expiry.ts'
import { type NarrowedLink, narrowLink } from '../narrow.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { addPolicyOptions, inWords, type PolicyOptions, policyOf } from '../policy-options.ts'
import { tokenSetup, urlSetup } from '../setup-texts.ts'
import { localTime, plain } from '../table.ts'

interface NarrowOptions extends PolicyOptions {
  readonly name?: string
  readonly expires?: string
}

const SECOND_MS = 1000

export function addNarrowCommand(token: Command, start: StartRun): void {
  addPolicyOptions(token.command('narrow [link]'))
    .description('makes a narrower link of one that you hold, to hand it on; asks for a share URL or client token, and no relay')
    .option('--name <name>', 'whom or what it is for')
    .option(EXPIRES, `${EXPIRES_TEXT} (default: with the one it is made of)`)
    .action(async (link: string | undefined, options: NarrowOptions, command: Command) => narrow(start(command), link, options))
}

async function narrow(run: OwnerRun, given: string | undefined, options: NarrowOptions): Promise<void> {
  const words = wordsOf(run, options)
  const link = given ?? (await run.terminal.ask('Share URL or client token: ', true))
  const made = await narrowLink(link, words)
  if (!made.ok) throw new AgentExit(EXIT.USAGE, 'LINK_MALFORMED', made.error)
  const { name, exp, policy } = words
  const expiresAt = exp === undefined ? undefined : new Date(exp * SECOND_MS)
  const { id, parent, url, token } = made.value
  const secret = token === undefined ? { share_url: url } : { url, token }
  const facts = { id, parent, name: name ?? null, expires_at: expiresAt?.toISOString() ?? null, policy: policy ?? null }
  run.show({ ...facts, ...secret }, () => madeText(made.value, words, expiresAt))
}

function wordsOf(run: OwnerRun, options: NarrowOptions): CaveatWords {
  const { name, expires } = options
  const policy = policyOf(options)
  if (name === undefined && expires === undefined && policy === undefined)
    throw usageError('Say what to take away: --read-only, --allow, --deny, --argument or --expires; or --name whom it is for.')
  const now = run.terminal.now()
  return {
    ...(name === undefined ? {} : { name }),
    ...(expires === undefined ? {} : { exp: Math.floor(now.getTime() / SECOND_MS) + secondsUntil(expires, now) }),
    ...(policy === undefined ? {} : { policy }),
  }
}

function madeText({ id, url, token }: NarrowedLink, { name, policy }: CaveatWords, expiresAt: Date | undefined): string {
  const may = policy === undefined ? 'do what yours may' : `of what yours may: ${inWords(policy)}`
  const until = expiresAt === undefined ? 'as long as yours lasts' : `until ${localTime(expiresAt)}, if yours lasts so long`
  const named = { name: name ?? 'share', url }
  return `Link ${plain(name ?? 'unnamed')} (${id}) made of yours: may ${may}, ${until}.

${token === undefined ? urlSetup(named, url) : tokenSetup(named, token)}
It ends when yours is revoked. Once it is used, the share's owner sees it in
the list of links, and can revoke it alone.
`
}
