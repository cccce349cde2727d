/** `token create|list|update|revoke|narrow`: what a share's owner hands out, to people, programs and agents. */
import { type Command, Option } from 'commander'
import { AgentExit, EXIT, usageError } from '../../exit.ts'
import { readToken, type ShareAnswer, textOf, type TokenAnswer } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { EXPIRES, EXPIRES_TEXT, secondsUntil } from '../expiry.ts'
import { allTokens, findShare, findToken } from '../find.ts'
import { addNarrowCommand } from './narrow-command.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { addPolicyOptions, inShort, inWords, type PolicyOptions, policyOf } from '../policy-options.ts'
import { agentSetup, hostSetup, shellWord, tokenSetup, urlSetup } from '../setup-texts.ts'
import { localTime, pairs, plain, table } from '../table.ts'

type TokenKind = (typeof KINDS)[number]

interface TokenOptions extends PolicyOptions {
  readonly name?: string
  readonly expires?: string
}

interface NewTokenOptions extends TokenOptions {
  readonly kind: TokenKind
  readonly form?: (typeof FORMS)[number]
}

const KINDS = ['key', 'client', 'agent'] as const
/** What an agent's is: a text that it sends, or where it dials. */
const FORMS = ['token', 'host'] as const
const SECOND_MS = 1000

export function addTokenCommands(token: Command, start: StartRun): void {
  addPolicyOptions(token.command('create <share>'))
    .description('makes a link of a share, which may only read unless you say more, and shows it once')
    .addOption(
      new Option(
        '--kind <kind>',
        'key: a URL that works everywhere; client: a token for clients that send headers; agent: for one more agent',
      )
        .choices(KINDS)
        .default('key'),
    )
    .addOption(
      new Option(
        '--form <form>',
        'of kind agent: host makes a secret host name in place of a token, for a server of cpp-mcp, which can send no token',
      ).choices(FORMS),
    )
    .option('--name <name>', 'whom or what it is for')
    .option(EXPIRES, `${EXPIRES_TEXT} (default: 7d)`)
    .action(async (share: string, options: NewTokenOptions, command: Command) => createToken(start(command), share, options))
  token
    .command('list <share>')
    .description('lists the links of a share that are not revoked, oldest first')
    .action(async (share: string, _options: object, command: Command) => listTokens(start(command), share))
  addPolicyOptions(token.command('update <share> <token>'))
    .description('changes a link that is out: what it may do, until when, what it is called')
    .option('--name <name>', 'whom or what it is for')
    .option(EXPIRES, EXPIRES_TEXT)
    .action(async (share: string, named: string, options: TokenOptions, command: Command) =>
      updateToken(start(command), share, named, options),
    )
  token
    .command('revoke <share> <token>')
    .description('ends a link at once, with its streams, calls and sessions')
    .action(async (share: string, named: string, _options: object, command: Command) => revokeToken(start(command), share, named))
  addNarrowCommand(token, start)
}

async function createToken(run: OwnerRun, named: string, options: NewTokenOptions): Promise<void> {
  const { kind, form } = options
  const policy = policyOf(options)
  if (kind === 'agent' && policy !== undefined)
    throw usageError('What an agent lets through is said where it runs: give these options to the agent, or to share update.')
  if (form !== undefined && kind !== 'agent')
    throw usageError('--form is for an agent: give --kind agent too. Clients come by the URL of the share.')
  const change = changeOf(run, options)
  const share = await findShare(run.api, named, run.terminal.now())
  if (kind === 'agent' && share.upstream !== undefined) throw uselessAgent(run, share, share.upstream)
  const body = { kind, ...(form === undefined ? {} : { form }), ...change, ...(policy === undefined ? {} : { policy }) }
  const answer = await run.api.request('POST', `shares/${share.id}/tokens`, body)
  run.show(answer, () => `${madeText(run, share, kind, answer)}\n${endText(run, share, readToken(answer))}`)
  remarkWarning(run, answer)
  remarkEarlierEnd(run, share, change.expires_in, readToken(answer))
}

/** What the relay would refuse too, in words for people. */
function uselessAgent(run: OwnerRun, { name, id }: ShareAnswer, upstream: string): AgentExit {
  const link = `${run.program} token create ${id} --read-only`
  const what = `${plain(name)} points at ${plain(upstream)}, which the relay reaches by itself, so that an agent would serve nobody.`
  const advice = `To let a client use it: ${link}. To share a server beside an agent, make another share: ${run.program} share create`
  return new AgentExit(EXIT.REFUSED, 'UPSTREAM_SETTING', `${what} ${advice}`)
}

function madeText(run: OwnerRun, share: ShareAnswer, kind: TokenKind, answer: Answer): string {
  const made = readToken(answer)
  const may = kind === 'agent' ? '' : ` may ${inWords(made.policy)},`
  const head = `${kind === 'agent' ? 'Agent token' : 'Link'} ${plain(made.name)} (${made.id}) of ${plain(share.name)}:${may} until ${localTime(made.expiresAt)}.`
  switch (kind) {
    case 'key':
      return `${head}\n\n${urlSetup(share, textOf(answer, 'share_url'), answer['web_url'])}`
    case 'client':
      return `${head}\n\n${tokenSetup(share, textOf(answer, 'token'))}`
    case 'agent':
      if (answer['agent_url'] !== undefined) return `${head}\n\n${hostSetup(textOf(answer, 'agent_url'))}`
      return `${head}\n\n${agentSetup(textOf(answer, 'token'), run.program, run.terminal.platform)}`
  }
}

function endText(run: OwnerRun, share: ShareAnswer, { id, policy }: TokenAnswer): string {
  const { access } = (policy ?? {}) as { readonly access?: unknown }
  const marks =
    access === 'read'
      ? `It sees the tools that say of themselves that they only read. If it sees none,
its server marks none: choose what it may use with --access admin and --allow.

`
      : ''
  return `${marks}It is shown this once. To end it before its time:

  ${run.program} token revoke ${shellWord(share.name === 'unnamed' ? share.id : share.name)} ${id}
`
}

export function remarkWarning(run: OwnerRun, { warning }: Answer): void {
  if (typeof warning === 'string') run.remark(plain(warning))
}

/** A link ends with its share, whatever was asked for. */
function remarkEarlierEnd(run: OwnerRun, { id }: ShareAnswer, seconds: number | undefined, { expiresAt }: TokenAnswer): void {
  const wantedMs = run.terminal.now().getTime() + (seconds ?? 0) * SECOND_MS
  // A minute for clocks that differ, and for the time that asking took.
  if (wantedMs - expiresAt.getTime() <= 60 * SECOND_MS) return
  run.remark(`the link ends with its share, on ${localTime(expiresAt)}. To lengthen both: ${run.program} share extend ${id}`)
}

async function listTokens(run: OwnerRun, named: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const tokens = await allTokens(run.api, share)
  run.show({ tokens }, () => {
    if (tokens.length === 0) return `No links. Make one: ${run.program} token create ${share.id} --read-only\n`
    const links = tokens.map(readToken)
    const names = new Map(links.map(({ id, name }) => [id, name]))
    const kindOf = ({ kind, parent }: TokenAnswer): string => (parent === undefined ? kind : `of ${names.get(parent) ?? parent}`)
    const rows = links.map((link) => [
      link.id,
      link.name,
      kindOf(link),
      link.policy === null ? '-' : inShort(link.policy),
      localTime(link.expiresAt),
    ])
    const columns = [
      { title: 'TOKEN' },
      { title: 'NAME', isCut: true },
      { title: 'KIND', isCut: true },
      { title: 'MAY' },
      { title: 'ENDS' },
    ] as const
    return table(columns, rows, run.terminal.columns)
  })
}

async function updateToken(run: OwnerRun, share: string, named: string, options: TokenOptions): Promise<void> {
  // Wrong options are told before anybody is asked.
  const isBounded = policyOf(options) !== undefined
  const change = changeOf(run, options)
  if (Object.keys(change).length === 0 && !isBounded)
    throw usageError('Say what to change: --name, --expires, --access, --allow, --deny, --argument or --hold.')
  const found = await findShare(run.api, share, run.terminal.now())
  const token = await findToken(run.api, found, named)
  const policy = policyOf(options, (token.policy ?? {}) as Answer)
  const body = { ...change, ...(policy === undefined ? {} : { policy }) }
  const answer = await run.api.request('PATCH', `shares/${found.id}/tokens/${token.id}`, body)
  run.show(answer, () => describe(readToken(answer)))
  remarkWarning(run, answer)
  remarkEarlierEnd(run, found, change.expires_in, readToken(answer))
}

async function revokeToken(run: OwnerRun, share: string, named: string): Promise<void> {
  const found = await findShare(run.api, share, run.terminal.now())
  const { id, name } = await findToken(run.api, found, named)
  await run.api.request('DELETE', `shares/${found.id}/tokens/${id}`)
  run.show({ id, revoked: true }, () => `Link ${plain(name)} (${id}) of ${plain(found.name)} is revoked.\n`)
}

function changeOf(run: OwnerRun, { name, expires }: TokenOptions): { readonly name?: string; readonly expires_in?: number } {
  return {
    ...(name === undefined ? {} : { name }),
    ...(expires === undefined ? {} : { expires_in: secondsUntil(expires, run.terminal.now()) }),
  }
}

function describe({ id, name, kind, expiresAt, policy }: TokenAnswer): string {
  return pairs([
    ['token', id],
    ['name', name],
    ['kind', kind],
    ['ends', localTime(expiresAt)],
    ...(policy === null ? [] : [['may', inWords(policy)] as const]),
  ])
}
