/** `logs`: the calls that were made on a share, as a table or as JSON texts, one a line; and those that come. */
import type { Command } from 'commander'
import { AgentExit, EXIT, usageError } from '../../exit.ts'
import { MAX_OWNER_REASK_MS, OWNER_LOG_PAGES, OWNER_REASK_MS } from '../../limits.ts'
import { type CallAnswer, listOf, readCall, readPerson, readToken, type ShareAnswer, textOf } from '../answers.ts'
import type { Answer } from '../api-client.ts'
import { allPeople, allTokens, findShare } from '../find.ts'
import { jsonLine, type OwnerRun, type StartRun } from '../owner-run.ts'
import { localMoment, tableRow } from '../table.ts'

interface LogOptions {
  readonly follow?: true
  readonly last?: string
  readonly after?: string
}

/** Calls that are shown when nothing else is said, and before those that come. */
const LAST_CALLS = 100
const LAST_BEFORE_FOLLOWED = 10

/** Of the columns but the last, which has what is left of the line: time, outcome, milliseconds, link. */
const WIDTHS = [14, 19, 6, 13] as const
const TITLES = ['TIME', 'OUTCOME', 'MS', 'LINK', 'CALL'] as const

export function addLogCommand(program: Command, start: StartRun): void {
  program
    .command('logs <share>')
    .description('shows the calls that were made on a share, oldest first; nothing of what they carried is kept')
    .option('--follow', 'goes on with those that come, until it is stopped')
    .option('--last <number>', `shows so many of the latest (default: ${LAST_CALLS}; with --follow ${LAST_BEFORE_FOLLOWED})`)
    .option('--after <next>', 'shows all behind the last line of an earlier --json')
    .addHelpText(
      'after',
      `
With --json each call is one line, and the last line is where to go on.

Examples:
  $ mcp-edge-agent logs docs --last 20
  $ mcp-edge-agent logs docs --follow
  $ mcp-edge-agent logs docs --json --after 120.3`,
    )
    .action(async (share: string, options: LogOptions, command: Command) => showLogs(start(command), share, options))
}

async function showLogs(run: OwnerRun, named: string, { follow, last, after }: LogOptions): Promise<void> {
  if (last !== undefined && after !== undefined) throw usageError('--last and --after say both where to begin. Give one of the two.')
  const count = after !== undefined ? Infinity : readCount(last ?? String(follow === true ? LAST_BEFORE_FOLLOWED : LAST_CALLS))
  const share = await findShare(run.api, named, run.terminal.now())
  const { events, next } = await lastCalls(run, share, count, after)
  const tell = await teller(run, share)
  if (!run.isForPrograms) run.terminal.write(tableRow(TITLES, widthsOf(run)))
  tell(events, next)
  if (follow === true) await followCalls(run, share, next, tell)
}

function readCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw usageError(`--last ${text} is no number of calls. Give one such as 20.`)
  return Number(text)
}

/** The latest calls behind a place, of all pages, and the place behind them. */
async function lastCalls(run: OwnerRun, { id }: ShareAnswer, count: number, after: string | undefined) {
  const events: Answer[] = []
  let next = after
  for (let page = 0; page < OWNER_LOG_PAGES; page += 1) {
    const answer = await run.api.request('GET', `shares/${id}/audit${next === undefined ? '' : `?after=${encodeURIComponent(next)}`}`)
    const told = listOf(answer, 'events')
    events.push(...told)
    if (events.length > count) events.splice(0, events.length - count)
    next = textOf(answer, 'next')
    if (told.length === 0) break
  }
  return { events, next: next ?? '' }
}

/** Shows calls, and to programs the place behind them. People are told who each link is by its name. */
async function teller(run: OwnerRun, share: ShareAnswer): Promise<(events: readonly Answer[], next: string) => void> {
  const { write } = run.terminal
  if (run.isForPrograms) return (events, next) => write([...events, { next }].map(jsonLine).join(''))
  const [tokens, people] = [await allTokens(run.api, share), await allPeople(run.api, share)]
  const names = new Map([...tokens.map(readToken), ...people.map(readPerson)].map(({ id, name }) => [id, name]))
  return (events) => write(events.map((event) => callText(readCall(event), names, widthsOf(run))).join(''))
}

function callText(call: CallAnswer, names: ReadonlyMap<string, string>, widths: readonly number[]): string {
  const { at, link, principal, method, tool, server, outcome, ms, count } = call
  const times = count === 1 ? '' : `${count} times `
  // Of a tool the name says enough.
  const what = `${times}${tool ?? (server === undefined ? method : `${method} (${server})`)}`
  return tableRow([localMoment(at), outcome, ms === undefined ? '-' : String(ms), names.get(link) ?? principal, what], widths)
}

function widthsOf({ terminal: { columns } }: OwnerRun): readonly number[] {
  return [...WIDTHS, columns - WIDTHS.reduce((sum, width) => sum + width + 2, 0)]
}

/** Goes on behind a place. The relay ends such a stream after some minutes, and it may break: it is asked for anew where it was. */
async function followCalls(run: OwnerRun, { id }: ShareAnswer, from: string, tell: (events: readonly Answer[], next: string) => void) {
  const { left, pause } = run.terminal
  let next = from
  let waitMs = OWNER_REASK_MS
  while (!left.aborted) {
    const before = next
    try {
      // What comes is told with the line behind it that says where it ends, so that nothing is told twice.
      const events: Answer[] = []
      for await (const line of run.api.lines(`shares/${id}/audit?follow=true&after=${encodeURIComponent(next)}`, left)) {
        if ('next' in line) {
          next = textOf(line, 'next')
          tell(events.splice(0), next)
        } else events.push(line)
      }
    } catch (error) {
      if (!(error instanceof AgentExit) || error.exit !== EXIT.UNREACHABLE) throw error
      run.remark(`${error.message} It is asked again.`)
    }
    if (next !== before) waitMs = OWNER_REASK_MS
    else {
      await pause(waitMs)
      waitMs = Math.min(2 * waitMs, MAX_OWNER_REASK_MS)
    }
  }
}
