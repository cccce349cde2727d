/** `tools list|diff|accept`: what a share's server offers, what of it is held back because it is new or has changed, and what its owner accepts. */
import type { Command } from 'commander'
import { AgentExit, EXIT, usageError } from '../../exit.ts'
import { listOf, textOf } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { findShare } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { shellWord } from '../setup-texts.ts'
import { hanging, plain, seen, table } from '../table.ts'

interface Entry {
  readonly kind: string
  readonly name: string
  readonly state: string
  /** `undefined` of one that could be read in two ways: nobody can accept it. */
  readonly digest: string | undefined
  /** Which of several servers of a share has it; empty where there are none. */
  readonly at: string
}

/** Members of the API's answer, and what each is called where there is room for a word. */
const KINDS = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  resource_templates: 'template',
  ui: 'app',
  instructions: 'instructions',
  server_info: 'server info',
} as const

/** Entries of one name that are shown where it does not say which is meant. */
const SHOWN_CANDIDATES = 20

const HELD: ReadonlySet<string> = new Set(['new', 'changed'])

/** Of the one server that an agent makes of several. */
const MERGED = '(merged)'
const AT = { title: 'SERVER', isCut: true } as const

export function addToolsCommands(tools: Command, start: StartRun): void {
  tools
    .command('list <share>')
    .description('lists what the server offers, and which of it is held back')
    .action(async (named: string, _options: object, command: Command) => listTools(start(command), named))
  tools
    .command('diff <share>')
    .description('shows what is held back, as it was accepted and as it is now')
    .action(async (named: string, _options: object, command: Command) => compareTools(start(command), named))
  tools
    .command('accept <share> [names...]')
    .description('accepts what is held back: by name, by name@digest or @digest as tools diff shows it, or all of it')
    .option('--all', 'accepts everything that is held back now')
    .action(async (named: string, names: readonly string[], { all }: { readonly all?: true }, command: Command) =>
      acceptTools(start(command), named, names, all === true),
    )
}

async function listTools(run: OwnerRun, named: string): Promise<void> {
  const { id } = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('GET', `shares/${id}/tools`)
  run.show(answer, () => {
    const entries = entriesOf(answer)
    const held = entries.filter(({ state }) => HELD.has(state)).length
    const ofSeveral = entries.some(({ at }) => at !== '')
    const rows = together(entries).map(({ kind, name, state, at }) => [kind, name, ...(ofSeveral ? [at] : []), state])
    const columns = [{ title: 'KIND' }, { title: 'NAME', isCut: true }, ...(ofSeveral ? [AT] : []), { title: 'STATE' }] as const
    return `${stateText(run, id, answer)}${problemText(answer)}${entries.length === 0 ? '' : `\n${table(columns, rows, run.terminal.columns)}`}${heldText(run, id, held)}`
  })
}

async function compareTools(run: OwnerRun, named: string): Promise<void> {
  const { id } = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('GET', `shares/${id}/tools/diff`)
  run.show(answer, () => {
    const changes = listOf(answer, 'changes')
    const problem = problemText(answer)
    const nothing = problem === '' ? 'Nothing is held back.' : `${problem}Nothing else is held back.`
    if (changes.length === 0) return `${stateText(run, id, answer)}\n${nothing}\n`
    return `${problem}${changes.map((change) => changeText(run, id, change)).join('\n')}`
  })
}

async function acceptTools(run: OwnerRun, named: string, names: readonly string[], isAll: boolean): Promise<void> {
  if (isAll === names.length > 0) throw usageError('Say what to accept: names, as tools list shows them, or --all.')
  const { id } = await findShare(run.api, named, run.terminal.now())
  const body = isAll ? { all: true } : await wantedOf(run, id, names)
  const answer = await run.api.request('POST', `shares/${id}/tools/accept`, body)
  run.show(answer, () => {
    const accepted = listOf(answer, 'accepted').map((entry) => seen(textOf(entry, 'name')))
    if (accepted.length === 0) return 'Nothing is held back.\n'
    return hanging('Accepted: ', `${accepted.join(', ')}. Clients see it from their next request on.`, run.terminal.columns)
  })
}

/** Names with the digests of what is shown under them: the relay refuses what has changed once more. */
async function wantedOf(run: OwnerRun, id: string, names: readonly string[]): Promise<readonly Answer[]> {
  const held = entriesOf(await run.api.request('GET', `shares/${id}/tools`)).filter(({ state }) => HELD.has(state))
  return names.map((wanted) => {
    const { name, digest } = onlyHeld(run, id, held, wanted)
    if (digest !== undefined) return { name, digest }
    throw new AgentExit(
      EXIT.REFUSED,
      'TOOL_UNREADABLE',
      `${plain(name)} can be read in two ways, so it cannot be accepted. Have its server changed: a key stands twice in it, or half of a character.`,
    )
  })
}

/** The entry that is held back under a name, or under a name and its digest, or the digest alone. A name of several says of none which was looked at. */
function onlyHeld(run: OwnerRun, id: string, held: readonly Entry[], wanted: string): Entry {
  const found = held.filter(
    ({ name, digest }) => wanted === name || wanted === `${name}@${digest}` || (digest !== undefined && wanted === `@${digest}`),
  )
  const [first] = found
  if (first === undefined)
    throw new AgentExit(
      EXIT.NOT_FOUND,
      'TOOL_NOT_HELD',
      `Nothing is held back that ${plain(wanted)} names. See what is: ${run.program} tools diff ${id}`,
    )
  if (found.every(({ name, digest }) => name === first.name && digest === first.digest)) return first
  const each = found.slice(0, SHOWN_CANDIDATES).map(({ kind, name, state, digest, at }) => {
    const where = at === '' ? state : `${state}, ${at}`
    return `\n  ${plain(`${kind} (${where})  ${name}@${digest ?? 'none: it cannot be accepted'}`)}`
  })
  throw new AgentExit(
    EXIT.USAGE,
    'TOOL_AMBIGUOUS',
    `${found.length} are held back that ${plain(wanted)} names. See what they say (${run.program} tools diff ${id}), and accept one by its digest:${each.join('')}`,
  )
}

function entriesOf(answer: Answer): Entry[] {
  return Object.entries(KINDS).flatMap(([member, kind]) =>
    listOf(answer, member).map((entry) => {
      const { digest } = entry
      const name = textOf(entry, 'name')
      return { kind, name, state: textOf(entry, 'state'), digest: typeof digest === 'string' ? digest : undefined, at: placeOf(entry) }
    }),
  )
}

/** The server of its own that an entry is of, or the one that is made of these. Empty where a share has one server. */
function placeOf({ server, merged }: Answer): string {
  return typeof server === 'string' ? server : merged === true ? MERGED : ''
}

/** What one server lists, and the merged one under the same name in the same state, is one row. */
function together(entries: readonly Entry[]): Entry[] {
  const keyOf = ({ kind, name, state }: Entry): string => JSON.stringify([kind, name, state])
  const places = new Map<string, string[]>()
  for (const entry of entries) places.set(keyOf(entry), [...(places.get(keyOf(entry)) ?? []), entry.at])
  return entries.flatMap((entry) => {
    const [first, second, ...others] = places.get(keyOf(entry)) ?? []
    // What has no name of its own is of each server another.
    const isNamed = entry.kind !== KINDS.instructions && entry.kind !== KINDS.server_info
    const isTwice = isNamed && second !== undefined && others.length === 0 && (first === MERGED) !== (second === MERGED)
    if (!isTwice) return [entry]
    return entry.at === MERGED ? [] : [{ ...entry, at: `${entry.at}, ${MERGED}` }]
  })
}

function stateText(run: OwnerRun, id: string, answer: Answer): string {
  if (answer['pinning'] === 'off')
    return `Pinning is off: nothing is held back. To turn it on: ${run.program} share update ${id} --pinning on\n`
  const { unpinned } = answer
  if (!Array.isArray(unpinned)) return 'Nothing is pinned yet: what the server offers when it is listed first is trusted.\n'
  if (unpinned.length === 0) return 'What is new or has changed is held back until you accept it.\n'
  return `What is new or has changed is held back until you accept it, but not ${unpinned.map(String).map(plain).join(', ')}: there are too many to be pinned.\n`
}

/** Why not all that the server offers is listed; empty where it is. */
export function problemText(answer: Answer): string {
  const problem = answer['listing_problem']
  if (typeof problem !== 'object' || problem === null) return ''
  const { code, message, kinds } = problem as Readonly<Record<string, unknown>>
  const which = Array.isArray(kinds) && kinds.length > 0 ? ` (${kinds.map(String).join(', ')})` : ''
  return `${plain(`${String(message)}${which} [${String(code)}]`)}\n`
}

/** What there is to do about what is held back; empty for nothing. */
export function heldText(run: OwnerRun, id: string, held: number): string {
  return held === 0 ? '' : `\nHeld back: ${held}. See what they say, and accept: ${run.program} tools diff ${id}\n`
}

/** Names that can stand in an order as they are: in others a line of its own could be hidden. */
const PLAIN_NAME = /^[\w.:/-]{1,64}$/

/** No line begins with what the server has said: it could look like one of ours. */
function changeText(run: OwnerRun, id: string, change: Answer): string {
  const { columns } = run.terminal
  const name = textOf(change, 'name')
  const digest = typeof change['digest'] === 'string' ? change['digest'] : undefined
  const place = placeOf(change)
  const where = place === '' ? '' : place === MERGED ? ', in the merged server' : `, of the server ${place}`
  const head = hanging(`${plain(textOf(change, 'kind'))} `, seen(`${name} (${textOf(change, 'state')}${where})`), columns, '    ')
  const before = typeof change['before'] === 'string' ? hanging('- ', seen(change['before']), columns, '- ') : ''
  const after = hanging('+ ', seen(textOf(change, 'after')), columns, '+ ')
  const wanted = `${PLAIN_NAME.test(name) ? name : ''}@${digest}`
  const order = digest === undefined ? '' : `  ${run.program} tools accept ${id} ${shellWord(plain(wanted))}\n`
  return `${head}${before}${after}${order}`
}
