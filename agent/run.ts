/** Runs one agent: connects server processes to the lanes of the share, and ends all in order. */
import { whyUnreachable } from './server/app-probe.ts'
import { startChild, unstarted, type Child, type ChildHandlers } from './server/child.ts'
import { findEra } from './server/era.ts'
import { findHttpEra } from './server/http/http-era.ts'
import { HttpServer } from './server/http/http-server.ts'
import { httpStart } from './server/http/http-start.ts'
import { metadataTeller } from './server/http/resource-metadata.ts'
import { LineMask } from './server/masking/line-mask.ts'
import { policedStart } from './server/policed-child.ts'
import { WebApp } from './server/web-app.ts'
import { PolicyJudge } from '../protocol/policy/judge.ts'
import type { Guard } from './server/guard.ts'
import { Lanes } from './link/lanes.ts'
import type { Log } from './log.ts'
import type { Mask } from './mask.ts'
import { requireCommand } from './config/command-path.ts'
import type { AgentSettings } from './config/settings.ts'
import { environmentSecrets } from './config/environment.ts'
import { targetSecrets } from './config/http-target.ts'
import { decodeAgentToken, endFault, isLoopback, linkUrl } from './config/token.ts'

export interface RunContext {
  readonly settings: AgentSettings
  readonly childEnv: Readonly<Record<string, string>>
  readonly mask: Mask
  readonly log: Log
  /** Starts a server within this process, in place of the settings' command. */
  readonly inProcess?: (handlers: ChildHandlers, lineMask: LineMask | undefined) => Child
  /** That server keeps to the policies of its parts by itself; the settings' own is that of the web app. */
  readonly isPolicedWithin?: boolean
  /** Told of every process group. */
  readonly guard: Guard
  readonly version: string
  /** How a user calls the program here, for orders that the log shows; absent: by its name. */
  readonly program?: string | undefined
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
  const { settings, log, platform, leave, kill } = context
  const claims = decodeAgentToken(settings.token)
  const url = linkUrl(claims, settings.relay, settings.server)
  const { command, args, cwd, http, web } = settings
  if (command !== undefined && context.inProcess === undefined) requireCommand({ command, args, cwd }, context.childEnv, platform)
  const fault = endFault(settings.token)
  if (fault !== undefined) log.warn(fault.event, { meaning: `${fault.what}, so the relay will refuse it: copy agent_token whole` })
  if (url.protocol === 'ws:' && !isLoopback(url))
    log.warn('link.plain', { relay: url.host, meaning: 'the token travels unencrypted: use https' })

  const server = http === undefined ? undefined : new HttpServer(http)
  const start = startOf(context, server)
  const asked = { startChild: start, version: context.version, log }
  const finding = server === undefined ? findEra(settings.era, asked) : findHttpEra(settings.era, { server, ...asked })
  const startPoliced = context.isPolicedWithin === true ? start : policed(settings, start)
  const lanes = new Lanes({
    settings,
    url,
    log,
    version: context.version,
    program: context.program,
    finding,
    startChild: startPoliced,
    resourceMetadata:
      server === undefined
        ? () => Promise.resolve({ lacks: 'metadata' })
        : metadataTeller(server, settings.masks ? lineMaskOf(context) : undefined, log),
    webApp: web && new WebApp(web, settings.policy.access === 'read'),
  })
  if (web !== undefined) void tellIfUnreachable(web.origin, log)
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

/** An app that is not there yet may come: that is said, and not waited for. */
async function tellIfUnreachable(app: URL, log: Log): Promise<void> {
  const reason = await whyUnreachable(app)
  if (reason === undefined) return
  const meaning = 'nobody listens there now: requests to the web app are answered with 502 until somebody does'
  log.warn('app.unreachable', { app: app.origin, reason, meaning })
}

/** Starts a server within the bounds of its settings, as one of several that share a link. */
export function serverStart(context: StartContext): (handlers: ChildHandlers) => Child {
  const { http } = context.settings
  return policed(context.settings, startOf(context, http === undefined ? undefined : new HttpServer(http)))
}

function policed({ policy }: AgentSettings, start: (handlers: ChildHandlers) => Child): (handlers: ChildHandlers) => Child {
  return policedStart(new PolicyJudge([policy]), start)
}

/** What starting a server needs of a run. */
type StartContext = Pick<RunContext, 'settings' | 'childEnv' | 'mask' | 'log' | 'guard' | 'platform' | 'inProcess'>

/** Starts the server: a process for each session, or a session with one that is there. */
function startOf(context: StartContext, server: HttpServer | undefined): (handlers: ChildHandlers) => Child {
  const { settings, guard, mask, platform, childEnv, inProcess } = context
  const { command, args, cwd } = settings
  const lineMask = settings.masks ? lineMaskOf(context) : undefined
  if (server !== undefined) return httpStart(server, lineMask)
  if (inProcess !== undefined) return (handlers) => inProcess(handlers, lineMask)
  if (command === undefined) return (handlers) => unstarted(handlers, 'this agent shares a web app, and no MCP server')
  const spec = { command, args, cwd, env: childEnv }
  return (handlers) => startChild(spec, handlers, { guard, mask, lineMask, platform })
}

/** Undefined where nothing secret is known. */
function lineMaskOf({ settings, childEnv, log }: StartContext): LineMask | undefined {
  const ofServer = settings.http === undefined ? environmentSecrets(childEnv) : targetSecrets(settings.http)
  const mask = new LineMask([settings.token, ...ofServer], () =>
    log.warn('masked', {
      meaning:
        'the server has said a secret (the token, a header, or a variable that looks like one), which clients see masked; --no-mask shows it',
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
