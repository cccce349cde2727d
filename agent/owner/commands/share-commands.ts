/** `share create|list|show|update|extend|pause|resume|revoke|rotate`: the owner's shares. */
import { type Command, Option } from 'commander'
import { AgentExit, EXIT, usageError } from '../../exit.ts'
import { type AgentAnswer, listOf, readAgent, readServers, readShare, type ServerAnswer, type ShareAnswer, textOf } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { EXPIRES, EXPIRES_TEXT, secondsUntil } from '../expiry.ts'
import { allShares, findShare } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { addPolicyOptions, inWords, type PolicyOptions, policyOf } from '../policy-options.ts'
import { agentSetup, shellWord, urlSetup } from '../setup-texts.ts'
import { hanging, localTime, pairs, plain, seen, table } from '../table.ts'
import { addUpstreamOptions, type UpstreamOptions, upstreamOf } from '../upstream-options.ts'
import { remarkWarning } from './token-commands.ts'
import { heldText, problemText } from './tools-commands.ts'

interface NewShareOptions extends UpstreamOptions {
  readonly name?: string
  readonly expires?: string
  readonly sliding?: boolean
  readonly lanes?: string
  readonly location?: string
  readonly jurisdiction?: string
  readonly pinning?: string
}

/** Of `extend`, when it is not said. */
const EXTENSION = '7d'
const SLIDING_TEXT = 'the end moves while clients use the share: it is as far behind the last use as --expires was away'

export function addShareCommands(share: Command, start: StartRun): void {
  addUpstreamOptions(share.command('create'))
    .description('makes a share, and shows its first link and the token for its agent')
    .option('--name <name>', 'what it is called in lists and by other commands')
    .option(EXPIRES, `${EXPIRES_TEXT} (default: 7d)`)
    .option('--sliding', SLIDING_TEXT)
    .addOption(new Option('--lanes <number>', 'objects that carry it, for thousands of sessions (docs/scale.md)'))
    .option('--location <place>', 'where it runs, such as weur or enam (docs/scale.md)')
    .option('--jurisdiction <law>', 'eu or fedramp (docs/scale.md)')
    .addOption(pinningOption())
    .action(async (options: NewShareOptions, command: Command) => createShare(start(command), options))
  share
    .command('list')
    .description('lists your shares, newest first')
    .action(async (_options: object, command: Command) => listShares(start(command)))
  share
    .command('show <share>')
    .description('shows a share, its agents and its sessions')
    .action(async (named: string, _options: object, command: Command) => showShare(start(command), named))
  addUpstreamOptions(addPolicyOptions(share.command('update <share>')))
    .description('renames a share, moves its end, bounds what all its links may do')
    .option('--name <name>', 'its new name')
    .option(EXPIRES, EXPIRES_TEXT)
    .option('--sliding', SLIDING_TEXT)
    .option('--no-sliding', 'the end stays where it is')
    .addOption(pinningOption())
    .action(async (named: string, options: PolicyOptions & NewShareOptions, command: Command) =>
      updateShare(start(command), named, options),
    )
  share
    .command('extend <share>')
    .description('moves the end of a share away; also of one that has ended in the last 30 days')
    .option(EXPIRES, EXPIRES_TEXT, EXTENSION)
    .action(async (named: string, { expires }: { readonly expires: string }, command: Command) =>
      extendShare(start(command), named, expires),
    )
  addOrders(share, start)
}

function pinningOption(): Option {
  return new Option('--pinning <on|off>', 'off: also offers what is new or has changed since it was listed first (default: on)').choices([
    'on',
    'off',
  ])
}

function addOrders(share: Command, start: StartRun): void {
  for (const [word, paused, text] of [
    ['pause', true, 'stops serving clients, at once; agents and links stay'],
    ['resume', false, 'serves clients again'],
  ] as const)
    share
      .command(`${word} <share>`)
      .description(text)
      .action(async (named: string, _options: object, command: Command) => {
        const run = start(command)
        showChanged(run, await changeShare(run, await find(run, named), { paused }))
      })
  share
    .command('rotate <share>')
    .description('revokes every link that was handed out, and makes new ones for you')
    .option('--agents', 'revokes the tokens of agents too')
    .action(async (named: string, { agents }: { readonly agents?: true }, command: Command) => rotateShare(start(command), named, agents))
  share
    .command('remove-server <share> <server>')
    .description('forgets one of several servers, with its sessions; an agent that still serves it is ended')
    .action(async (named: string, server: string, _options: object, command: Command) => removeServer(start(command), named, server))
  share
    .command('revoke <share>')
    .description('ends a share for ever, with its sessions, agents and links')
    .action(async (named: string, _options: object, command: Command) => revokeShare(start(command), named))
}

async function createShare(run: OwnerRun, options: NewShareOptions): Promise<void> {
  const { name, expires, sliding, lanes, location, jurisdiction, pinning } = options
  const upstream = upstreamOf(options)
  const answer = await run.api.request('POST', 'shares', {
    ...(name === undefined ? {} : { name }),
    ...(expires === undefined ? {} : { expires_in: secondsUntil(expires, run.terminal.now()) }),
    ...(sliding === undefined ? {} : { sliding }),
    ...(lanes === undefined ? {} : { lanes: Number(lanes) }),
    ...(location === undefined ? {} : { location }),
    ...(jurisdiction === undefined ? {} : { jurisdiction }),
    ...(pinning === undefined ? {} : { pinning }),
    ...(upstream === undefined ? {} : { upstream }),
  })
  run.show(answer, () => {
    const made = readShare(answer)
    const setup =
      made.upstream === undefined
        ? agentSetup(textOf(answer, 'agent_token'), run.program, run.terminal.platform)
        : `It points at ${plain(made.upstream)}, and needs no agent.\n`
    return `Share ${plain(made.name)} (${made.id}), until ${localTime(made.expiresAt)}.

${setup}
${ownLink(run, made, answer)}`
  })
  remarkWarning(run, answer)
}

async function rotateShare(run: OwnerRun, named: string, agents: true | undefined): Promise<void> {
  const { id } = await find(run, named)
  const answer = await run.api.request('POST', `shares/${id}/rotate`, agents === true ? { agents } : {})
  run.show(answer, () => {
    const made = readShare(answer)
    const setup = (): string => agentSetup(textOf(answer, 'agent_token'), run.program, run.terminal.platform)
    const ofAgents =
      agents === true
        ? (): string => `Its agents end now; start them with the new token.\n\n${setup()}`
        : () => 'Its agents stay connected.\n'
    const forAgents = made.upstream === undefined ? ofAgents() : '\n'
    return `Every earlier link of ${plain(made.name)} (${made.id}) is revoked. ${forAgents}\n${ownLink(run, made, answer)}`
  })
  if (answer['unreached_lanes'] === undefined && answer['unreached_servers'] === undefined) return
  throw new AgentExit(
    EXIT.UNFINISHED,
    'LANES_UNREACHED',
    'Some lanes of the share have not heard yet. The relay tells them again until they have; the new links hold.',
  )
}

/** The link that comes with a share, and what to hand out instead. */
function ownLink(run: OwnerRun, share: ShareAnswer, answer: Answer): string {
  // A name that another has too means none of them.
  const named = share.name === 'unnamed' || answer['warning'] !== undefined ? share.id : share.name
  return `Your own link to it, which may do everything, so keep it to yourself:

${urlSetup(share, textOf(answer, 'share_url'), answer['web_url'])}
${typeof answer['agent_token'] === 'string' ? 'Token and URL are' : 'The URL is'} shown this once. A link that may only read, for somebody else:

  ${run.program} token create ${shellWord(named)} --read-only --name Ann --expires 3d
`
}

async function listShares(run: OwnerRun): Promise<void> {
  const shares = await allShares(run.api)
  run.show({ shares }, () => {
    if (shares.length === 0) return `No shares yet. Make one: ${run.program} share create --name docs\n`
    const rows = shares.map(readShare).map((share) => [share.id, share.name, localTime(share.expiresAt), stateOf(run, share)])
    return table([{ title: 'SHARE' }, { title: 'NAME', isCut: true }, { title: 'ENDS' }, { title: 'STATE' }], rows, run.terminal.columns)
  })
}

async function showShare(run: OwnerRun, named: string): Promise<void> {
  const { id } = await find(run, named)
  const answer = await run.api.request('GET', `shares/${id}`)
  run.show(answer, () => {
    const agents = listOf(answer, 'agents').map(readAgent)
    const rows = agents.map(({ name, product, isolation, connectedAt }) => [name, product, isolation, localTime(connectedAt)])
    const columns = [{ title: 'AGENT', isCut: true }, { title: 'PROGRAM', isCut: true }, { title: 'ISOLATES' }, { title: 'SINCE' }] as const
    const sessions: readonly [string, string] = ['sessions', String(answer['sessions'])]
    const share = readShare(answer)
    const shown = describe(run, share, sessions)
    const held = typeof answer['held_back'] === 'number' ? heldText(run, id, answer['held_back']) : ''
    const ends = agents.flatMap(({ name, lastEnd }) => (lastEnd === undefined ? [] : [lastEndText(name, lastEnd, run.terminal.columns)]))
    const none = share.upstream === undefined ? 'No agent is connected.\n' : ''
    const connected = agents.length === 0 ? none : table(columns, rows, run.terminal.columns)
    const servers = serversText(readServers(answer), run.terminal.columns)
    return `${shown}${servers}\n${connected}${held}${problemText(answer)}${ends.join('')}`
  })
}

/** The servers of a share that have names; empty for none. */
function serversText(servers: readonly ServerAnswer[], columns: number): string {
  if (servers.length === 0) return ''
  const rows = servers.map(({ name, url, isConnected }) => [name, isConnected ? 'connected' : 'away', url])
  const isAnyAway = servers.some(({ isConnected }) => !isConnected)
  const advice = isAnyAway ? 'One that is away for good is taken out by share remove-server.\n' : ''
  return `\n${table([{ title: 'SERVER' }, { title: 'AGENT' }, { title: 'URL' }], rows, columns)}${advice}`
}

/** What a server wrote before it ended is its owner's to read, line by line, none of which looks like one of ours. */
function lastEndText(agent: string, { at, how, words }: NonNullable<AgentAnswer['lastEnd']>, columns: number): string {
  const lines = words.split('\n').map((line) => hanging('  ', seen(line), columns))
  return `\nA server process of ${plain(agent)} ended by itself on ${localTime(at)} (${plain(how)}). Its last words:\n\n${lines.join('')}`
}

async function updateShare(run: OwnerRun, named: string, options: PolicyOptions & NewShareOptions): Promise<void> {
  const { name, expires, sliding, pinning } = options
  const upstream = upstreamOf(options)
  // Wrong options are told before anybody is asked.
  const isBounded = policyOf(options) !== undefined
  const isSaid = [name, expires, sliding, pinning, upstream].some((said) => said !== undefined)
  if (!isSaid && !isBounded)
    throw usageError(
      'Say what to change: --name, --expires, --sliding, --access, --allow, --deny, --argument, --hold, --pinning or --upstream.',
    )
  const expiresIn = expires === undefined ? {} : { expires_in: secondsUntil(expires, run.terminal.now()) }
  const share = await find(run, named)
  const policy = policyOf(options, share.policy as Answer)
  const change = {
    ...(name === undefined ? {} : { name }),
    ...expiresIn,
    ...(sliding === undefined ? {} : { sliding }),
    ...(policy === undefined ? {} : { policy }),
    ...(pinning === undefined ? {} : { pinning }),
    ...(upstream === undefined ? {} : { upstream }),
  }
  showChanged(run, await changeShare(run, share, change))
}

async function extendShare(run: OwnerRun, named: string, expires: string): Promise<void> {
  const now = run.terminal.now()
  const seconds = secondsUntil(expires, now)
  const share = await find(run, named)
  if (share.expiresAt.getTime() > now.getTime() + seconds * 1000)
    throw usageError(
      `The share lives until ${localTime(share.expiresAt)}, which is later. Give a later --expires, or shorten it with share update --expires.`,
    )
  showChanged(run, await changeShare(run, share, { expires_in: seconds }))
}

async function removeServer(run: OwnerRun, named: string, server: string): Promise<void> {
  const { id, name } = await find(run, named)
  await run.api.request('DELETE', `shares/${id}/servers/${encodeURIComponent(server)}`)
  run.show(
    { share: id, server, removed: true },
    () => `Server ${plain(server)} of ${plain(name)} is forgotten. An agent that dials again makes it anew.\n`,
  )
}

async function revokeShare(run: OwnerRun, named: string): Promise<void> {
  const { id, name } = await find(run, named)
  await run.api.request('DELETE', `shares/${id}`)
  run.show({ share: id, revoked: true }, () => `Share ${plain(name)} (${id}) has ended, with all its links.\n`)
}

function changeShare(run: OwnerRun, { id }: ShareAnswer, change: Answer): Promise<Answer> {
  return run.api.request('PATCH', `shares/${id}`, change)
}

function find(run: OwnerRun, named: string): Promise<ShareAnswer> {
  return findShare(run.api, named, run.terminal.now())
}

function showChanged(run: OwnerRun, answer: Answer): void {
  run.show(answer, () => describe(run, readShare(answer)))
  remarkWarning(run, answer)
}

function describe(run: OwnerRun, share: ShareAnswer, ...more: readonly (readonly [string, string])[]): string {
  return pairs([
    ['share', share.id],
    ['name', share.name],
    ['URL', share.url],
    ...(share.upstream === undefined ? [] : [['points at', share.upstream] as const]),
    ['ends', `${localTime(share.expiresAt)}${share.isSliding ? ', and later while it is used' : ''}`],
    ['state', stateOf(run, share)],
    ['links may', inWords(share.policy)],
    ...more,
  ])
}

function stateOf(run: OwnerRun, { isPaused, isEnding, expiresAt }: ShareAnswer): string {
  if (isEnding) return 'ending'
  if (expiresAt <= run.terminal.now()) return 'ended'
  return isPaused ? 'paused' : 'active'
}
