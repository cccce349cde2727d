/** Runs one agent: connects server processes to the lanes of the share, and ends all in order. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { startChild, unstarted, type Child, type ChildHandlers, type ChildSpec } from './server/child.ts'
import { findEra } from './server/era.ts'
import { LineMask } from './server/line-mask.ts'
import { policedStart } from './server/policed-child.ts'
import { WebApp } from './server/web-app.ts'
import { PolicyJudge } from '../protocol/policy/judge.ts'
import { AgentExit, EXIT } from './exit.ts'
import type { Guard } from './server/guard.ts'
import { Lanes } from './link/lanes.ts'
import type { Log } from './log.ts'
import type { Mask } from './mask.ts'
import type { AgentSettings } from './config/settings.ts'
import { environmentSecrets } from './config/environment.ts'
import { decodeAgentToken, isCutOff, isLoopback, linkUrl } from './config/token.ts'

interface RunContext {
  readonly settings: AgentSettings
  readonly childEnv: Readonly<Record<string, string>>
  readonly mask: Mask
  readonly log: Log
  /** Told of every process group. */
  readonly guard: Guard
  readonly version: string
  readonly platform: NodeJS.Platform
  /** Asks the agent to leave in good order. */
  readonly leave: AbortSignal
  /** Ends it at once; nothing is waited for. */
  readonly kill: AbortSignal
}

/**
 * Serves until told to leave. Its server processes are gone when it resolves or rejects.
 *
 * @throws {AgentExit} when it cannot go on.
 */
export async function run(context: RunContext): Promise<void> {
  const { settings, log, guard, platform, leave, kill } = context
  const claims = decodeAgentToken(settings.token)
  const url = linkUrl(claims, settings.relay)
  const { command, args, cwd, web } = settings
  if (command !== undefined) requireCommand({ command, args, cwd }, context.childEnv, platform)
  if (isCutOff(settings.token))
    log.warn('token.short', { meaning: 'its end is missing, so the relay will refuse it: copy agent_token whole' })
  if (url.protocol === 'ws:' && !isLoopback(url))
    log.warn('link.plain', { relay: url.host, meaning: 'the token travels unencrypted: use https' })
  const lineMask = settings.masks ? lineMaskOf(context) : undefined
  const start = (handlers: ChildHandlers): Child =>
    command === undefined
      ? unstarted(handlers, 'this agent shares a web app, and no MCP server')
      : startChild({ command, args, cwd, env: context.childEnv }, handlers, { guard, mask: context.mask, lineMask, platform })
  const finding = findEra(settings.era, { startChild: start, version: context.version, log })
  const startPoliced = policedStart(new PolicyJudge([settings.policy]), start)
  const lanes = new Lanes({
    settings,
    url,
    log,
    version: context.version,
    finding,
    startChild: startPoliced,
    webApp: web && new WebApp(web, settings.policy.access === 'read'),
  })
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

/** Undefined where nothing secret is known. */
function lineMaskOf({ settings, childEnv, log }: RunContext): LineMask | undefined {
  const mask = new LineMask([settings.token, ...environmentSecrets(childEnv)], () =>
    log.warn('masked', {
      meaning: 'the server has said a secret (the token, or a variable that looks like one), which clients see masked; --no-mask shows it',
    }),
  )
  return mask.isEmpty ? undefined : mask
}

/** On the signal: asks for no more calls, lets running ones be answered, ends the children, closes the links. */
async function leaveInOrder(lanes: Lanes, endChildren: () => Promise<void>, leave: AbortSignal): Promise<void> {
  await new Promise<void>((done) => (leave.aborted ? done() : leave.addEventListener('abort', () => done(), { once: true })))
  if (lanes.drain()) await lanes.quiet()
  await endChildren()
  await lanes.close()
}

/** Throws when the command cannot be found, before anything is dialled. Not on Windows, where the system looks in more places. */
function requireCommand(
  { command, args, cwd }: Pick<ChildSpec, 'command' | 'args' | 'cwd'>,
  env: Readonly<Record<string, string>>,
  platform: NodeJS.Platform,
): void {
  if (platform === 'win32') return
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder === '' ? cwd : folder, command))
  if (!places.some(isRunnable))
    throw new AgentExit(
      EXIT.CHILD,
      'COMMAND_NOT_FOUND',
      `The command ${command} was not found${command.includes('/') ? '' : ' in PATH'}, or may not be run.${oneWordHint(command, args)}`,
    )
}

/** For a whole command in quotation marks, which no shell will take apart. */
function oneWordHint(command: string, args: readonly string[]): string {
  return args.length === 0 && /\S\s+\S/.test(command)
    ? ` It came as one word: leave the quotation marks out, as in -- ${command.trim()}`
    : ''
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
