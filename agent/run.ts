/** Wires lanes and children into one agent, and ends them in order. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { startChild, type Child, type ChildHandlers } from './server/child.ts'
import { findEra } from './server/era.ts'
import { AgentExit, EXIT } from './exit.ts'
import type { Guard } from './server/guard.ts'
import { Lanes } from './link/lanes.ts'
import type { Log } from './log.ts'
import type { Mask } from './mask.ts'
import type { AgentSettings } from './config/settings.ts'
import { isLoopback, linkUrl, decodeAgentToken } from './config/token.ts'

interface RunContext {
  readonly settings: AgentSettings
  readonly childEnv: Readonly<Record<string, string>>
  readonly mask: Mask
  readonly log: Log
  /** Learns of every child. */
  readonly guard: Guard
  readonly version: string
  readonly platform: NodeJS.Platform
  /** Asks the agent to leave in good order. */
  readonly leave: AbortSignal
  /** Ends it at once; nothing is waited for. */
  readonly kill: AbortSignal
}

/** Serves until told to leave. Throws an AgentExit when it cannot go on; its children are gone by then. */
export async function run(context: RunContext): Promise<void> {
  const { settings, log, guard, platform, leave, kill } = context
  const claims = decodeAgentToken(settings.token)
  const url = linkUrl(claims, settings.relay)
  requireCommand(settings, context.childEnv, platform)
  if (url.protocol === 'ws:' && !isLoopback(url))
    log.warn('link.plain', { relay: url.host, meaning: 'the token travels unencrypted: use https' })
  const { command, args, cwd } = settings
  const spec = { command, args, cwd, env: context.childEnv }
  const start = (handlers: ChildHandlers): Child => startChild(spec, handlers, { guard, mask: context.mask, platform })
  const finding = findEra(settings.era, { startChild: start, version: context.version, log })
  const lanes = new Lanes({ settings, url, log, version: context.version, finding, startChild: start })
  kill.addEventListener(
    'abort',
    () => {
      lanes.kill()
      finding.kill()
    },
    { once: true },
  )
  const endChildren = async (): Promise<void> => void (await Promise.all([lanes.stop(), finding.stop()]))
  const leaving = leaveInOrder(lanes, endChildren, leave)
  try {
    await lanes.run()
    if (leave.aborted) await leaving
  } finally {
    await endChildren()
  }
}

/** Waits for the word to leave, then: no new calls, the running ones answered, children ended, the relay told. */
async function leaveInOrder(lanes: Lanes, endChildren: () => Promise<void>, leave: AbortSignal): Promise<void> {
  await new Promise<void>((done) => (leave.aborted ? done() : leave.addEventListener('abort', () => done(), { once: true })))
  if (lanes.drain()) await lanes.quiet()
  await endChildren()
  await lanes.close()
}

/** Says before anything is dialled that the command cannot be found. On Windows the system looks in more places, so it is left to it. */
function requireCommand({ command, cwd }: AgentSettings, env: Readonly<Record<string, string>>, platform: NodeJS.Platform): void {
  if (platform === 'win32') return
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder === '' ? cwd : folder, command))
  if (!places.some(isRunnable))
    throw new AgentExit(
      EXIT.CHILD,
      'COMMAND_NOT_FOUND',
      `The command ${command} was not found${command.includes('/') ? '' : ' in PATH'}, or may not be run.`,
    )
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
