/** `approvals list|allow|deny|always|forget`: the calls that wait for their owner. */
import type { Command } from 'commander'
import { shownJson } from '../../../protocol/policy/shown-json.ts'
import { AgentExit, EXIT } from '../../exit.ts'
import { APPROVALS_POLL_MS, MAX_OWNER_REASK_MS, OWNER_LIST_PAGES } from '../../limits.ts'
import { type ApprovalAnswer, listOf, readApproval, type ShareAnswer } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { findShare } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { shellWord } from '../setup-texts.ts'
import { hanging, localTime, plain } from '../table.ts'

const DECISIONS = [
  ['allow', 'lets a call through, once, within 10 minutes'],
  ['deny', 'refuses a call, and equal ones for 10 minutes'],
  ['always', 'lets this call and all equal ones of the same link through'],
] as const

const DONE: Readonly<Record<string, string>> = {
  allow: 'may be made, once, within 10 minutes',
  deny: 'is denied',
  always: 'may be made, and every equal one of this link',
}

export function addApprovalCommands(approvals: Command, start: StartRun): void {
  approvals
    .command('list <share>', { isDefault: true })
    .description('shows the calls that wait for you, with all that they would do, and what you have decided')
    .option('--follow', 'goes on, and shows each call as it comes; end with Ctrl-C')
    .action(async (share: string, { follow }: { readonly follow?: true }, command: Command) =>
      follow === true ? followApprovals(start(command), share) : listApprovals(start(command), share),
    )
  for (const [decision, text] of DECISIONS)
    approvals
      .command(`${decision} <share> <approval>`)
      .description(text)
      .action(async (share: string, id: string, _options: object, command: Command) => decide(start(command), share, id, decision))
  approvals
    .command('forget <share> <approval>')
    .description('takes a decision back: you are asked about the next such call')
    .action(async (share: string, id: string, _options: object, command: Command) => forget(start(command), share, id))
}

async function listApprovals(run: OwnerRun, named: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const answer = await allApprovals(run, share)
  run.show(answer, () => {
    const waiting = listOf(answer, 'approvals').map(readApproval)
    const decided = listOf(answer, 'decisions').map(readApproval)
    if (waiting.length === 0 && decided.length === 0) return `No calls wait for you.\n`
    return [
      ...waiting.map((approval) => block(run, share, approval)),
      ...(decided.length === 0 ? [] : ['What you have decided:\n']),
      ...decided.map((approval) => decidedBlock(run, share, approval)),
    ].join('\n')
  })
}

/** Shows each call that waits once, as it comes, until nobody reads it any more. A relay that is not reached is asked again. */
async function followApprovals(run: OwnerRun, named: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const { left, pause } = run.terminal
  let shown = new Set<string>()
  let waitMs = APPROVALS_POLL_MS
  while (!left.aborted) {
    try {
      const waiting = listOf(await allApprovals(run, share), 'approvals')
      for (const one of waiting) {
        const approval = readApproval(one)
        if (!shown.has(approval.id)) run.show(one, () => `${block(run, share, approval)}\n`)
      }
      shown = new Set(waiting.map((one) => readApproval(one).id))
      waitMs = APPROVALS_POLL_MS
    } catch (error) {
      if (!(error instanceof AgentExit) || (error.exit !== EXIT.UNREACHABLE && error.exit !== EXIT.UNFINISHED)) throw error
      run.remark(`${error.message} It is asked again.`)
      waitMs = Math.min(2 * waitMs, MAX_OWNER_REASK_MS)
    }
    await pause(waitMs)
  }
}

/** What all pages have together. */
async function allApprovals(run: OwnerRun, { id }: ShareAnswer): Promise<Answer> {
  const first = await run.api.request('GET', `shares/${id}/approvals`)
  const approvals = [...listOf(first, 'approvals')]
  let { next } = first
  for (let pages = 1; typeof next === 'string' && pages < OWNER_LIST_PAGES; pages += 1) {
    const page = await run.api.request('GET', `shares/${id}/approvals?after=${encodeURIComponent(next)}`)
    approvals.push(...listOf(page, 'approvals'))
    next = page['next']
  }
  return { approvals, decisions: listOf(first, 'decisions') }
}

async function decide(run: OwnerRun, named: string, id: string, decision: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('POST', `shares/${share.id}/approvals/${encodeURIComponent(id)}`, { decision })
  run.show(answer, () => {
    const { tool, who } = readApproval(answer)
    const { columns } = run.terminal
    return `The call ${plain(id)} ${DONE[decision] ?? decision}.\n${indented('tool', tool, columns)}${indented('who', who, columns)}`
  })
}

async function forget(run: OwnerRun, named: string, id: string): Promise<void> {
  const share = await findShare(run.api, named, run.terminal.now())
  await run.api.request('DELETE', `shares/${share.id}/approvals/${encodeURIComponent(id)}`)
  run.show({ id, forgotten: true }, () => `What you have decided (${plain(id)}) is forgotten: you are asked about the next such call.\n`)
}

/**
 * One call that waits, and how it is decided. Nothing of it is cut, nothing in it would be obeyed by the terminal, and no line begins with what a
 * client has sent: it could look like a call of its own.
 */
function block(run: OwnerRun, share: ShareAnswer, { id, at, expiresAt, who, client, tool, args, otherParams }: ApprovalAnswer): string {
  const until = expiresAt === undefined ? '' : `, until ${localTime(expiresAt)}`
  const { columns } = run.terminal
  // An order is never broken: it is there to be copied.
  const order = `${'decide'.padEnd(INDENT)}${plain(`${run.program} approvals allow ${nameOf(share)} ${shellWord(id)}`)}\n`
  const facts = [
    indented('approval', id, columns),
    indented('who', client === undefined ? who : `${who}, with ${client}`, columns),
    indented('since', `${localTime(at)}${until}`, columns),
    order,
    indented('tool', tool, columns),
    indented('arguments', args ?? '(none)', columns),
  ]
  return [...facts, ...(otherParams === undefined ? [] : [indented('besides', otherParams, columns)])].join('')
}

/** The same of one that was decided about, and how that is taken back: arguments do not fit a table. */
function decidedBlock(run: OwnerRun, share: ShareAnswer, { id, decision, expiresAt, who, tool, args }: ApprovalAnswer): string {
  const { columns } = run.terminal
  const until = expiresAt === undefined ? 'for ever' : `until ${localTime(expiresAt)}`
  return [
    indented('approval', id, columns),
    indented('decided', `${decision ?? ''}, ${until}`, columns),
    indented('who', who, columns),
    `${'take back'.padEnd(INDENT)}${plain(`${run.program} approvals forget ${nameOf(share)} ${shellWord(id)}`)}\n`,
    indented('tool', tool, columns),
    indented('arguments', args ?? '(none)', columns),
  ].join('')
}

function nameOf({ name, id }: ShareAnswer): string {
  return shellWord(name === 'unnamed' ? id : name)
}

const INDENT = 11

function indented(name: string, text: string, columns: number): string {
  return hanging(name.padEnd(INDENT), plain(shownJson(text)), columns)
}
