/** `sessions list|disconnect`: the clients that use a share now. */
import type { Command } from 'commander'
import { AgentExit, EXIT } from '../../exit.ts'
import { listOf, readSession } from '../answers.ts'
import { findShare, onlyOne } from '../find.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { localTime, plain, table } from '../table.ts'

export function addSessionCommands(sessions: Command, start: StartRun): void {
  sessions
    .command('list <share>')
    .description('lists the clients of a share, the newest first')
    .action(async (share: string, _options: object, command: Command) => listSessions(start(command), share))
  sessions
    .command('disconnect <share> <session>')
    .description('ends a session with its streams, calls and server process; its client may begin anew')
    .action(async (share: string, session: string, _options: object, command: Command) => disconnect(start(command), share, session))
}

async function listSessions(run: OwnerRun, named: string): Promise<void> {
  const { id } = await findShare(run.api, named, run.terminal.now())
  const answer = await run.api.request('GET', `shares/${id}/sessions`)
  run.show(answer, () => {
    const sessions = listOf(answer, 'sessions').map(readSession)
    if (sessions.length === 0) return 'No clients.\n'
    const rows = sessions.map((session) => [
      session.id,
      session.name,
      session.server === undefined ? session.client : `${session.client} (${session.server})`,
      session.startedAt === undefined ? '-' : localTime(session.startedAt),
      session.lastCallAt === undefined ? '-' : localTime(session.lastCallAt),
    ])
    const columns = [
      { title: 'SESSION' },
      { title: 'LINK', isCut: true },
      { title: 'CLIENT', isCut: true },
      { title: 'SINCE' },
      { title: 'LAST CALL' },
    ] as const
    return table(columns, rows, run.terminal.columns)
  })
  if (answer['unreached_lanes'] === undefined && answer['unreached_servers'] === undefined) return
  throw new AgentExit(
    EXIT.UNFINISHED,
    'LANES_UNREACHED',
    'Some lanes of the share did not answer: their clients are not listed. Ask again.',
  )
}

/** `named`: a session, or the link of the only one that has come with it. */
async function disconnect(run: OwnerRun, shareNamed: string, named: string): Promise<void> {
  const share = await findShare(run.api, shareNamed, run.terminal.now())
  const sessions = listOf(await run.api.request('GET', `shares/${share.id}/sessions`), 'sessions').map(readSession)
  const byId = sessions.filter(({ id }) => id === named)
  const found = byId.length > 0 ? byId : sessions.filter(({ name }) => name === named)
  const { id, name } = onlyOne('session', named, found, `${run.program} sessions list ${share.id}`)
  await run.api.request('DELETE', `shares/${share.id}/sessions/${id}`)
  run.show({ id, disconnected: true }, () => `Session ${id} of ${plain(name)} has ended. Its client may begin anew while its link holds.\n`)
}
