/** `npm start`: runs the relay in workerd and the agent with a server, until a signal comes or one of them ends. */
import { readFile, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AgentExit, EXIT } from '../agent/exit.ts'
import { startGuard } from '../agent/server/guard.ts'
import { type ChosenPort, choosePort, isLoopbackHost, localOrigin, toAddress } from './address.ts'
import { readAgentOptions, type RunningAgent, startAgent } from './agent.ts'
import { bundleWorker } from './build-worker.ts'
import { readWranglerToml, toWorkerdConfig } from './config.ts'
import { givenUrl, type Options, readOptions, unusedVariables, usage, UsageError } from './options.ts'
import { mistakenWebApp } from './npm-options.ts'
import { findPortHolder } from './port-holder.ts'
import { describeAgentLine, describeBusyPort, describeRelay, describeShare, isNoise, isWorkerdNoise } from './report.ts'
import { ensureShare, nameOrigin } from './share.ts'
import { defaultStateDir, openState, type State, type StateFolder } from './state.ts'
import { userEnvironment } from './user-environment.ts'
import { webUrl } from './web-url.ts'
import { type RunningRelay, startWorkerd } from './workerd.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SAMPLE = 'the sample server @modelcontextprotocol/server-everything'
const SAMPLE_SERVER = join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')
/** The relay and the agent are both on this machine; slower than this is a fault. */
const READY_MS = 30_000
/** How long a person is left without a word: the agent asks a server that says nothing for longer than that. */
const SILENT_MS = 4_000
/** How often a run under npm checks whether npm is still there. */
const PARENT_CHECK_MS = 250
/** How long what a former run has started may take to end, when it was killed just now: the guard needs some 3 s for it. */
const FORMER_RUN_MS = 8000
/** One Ctrl-C comes twice: the terminal sends it to npm and to us, and npm passes it on. Later ones are a person's second. */
const SAME_SIGNAL_MS = 500
/** Variables that the relay gets as they are. */
const PASSED_ON = [
  'SIGNING_KEY',
  'ALLOWED_ORIGINS',
  'SHARE_DOMAIN',
  'AGENT_HOSTS',
  'ADDRESS_HEADER',
  'TRUSTED_PROXIES',
  'POLL_AFTER_SECONDS',
  'AWAY_WAIT_SECONDS',
  'INPUT_WAIT_SECONDS',
] as const

/** The folder from which the command was given: npm itself runs its scripts in the project's. */
const userDir = process.env['npm_lifecycle_event'] === 'start' ? (process.env['INIT_CWD'] ?? process.cwd()) : process.cwd()

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const dataDir = options.data === undefined ? defaultStateDir(ROOT, process.env) : resolve(userDir, options.data)
  await using lifetime = new AsyncDisposableStack()
  const sample = [process.execPath, SAMPLE_SERVER, 'stdio']
  const url = givenUrl(options.agent, process.env)
  const given = options.command.length > 0 || url !== undefined ? options.command : sample
  const around = { cwd: userDir, options: options.agent, env: userEnvironment(process.env, delimiter) }
  // Before anything is started, what is wrong on the command line; the relay and the token are not known yet.
  const web = options.relayOnly
    ? undefined
    : readAgentOptions({ ...around, command: given, relay: 'http://127.0.0.1', token: 'none' }).settings.web
  // Whoever shares a web app has not asked for the sample server.
  const agentOptions = { ...around, command: web === undefined ? given : options.command }
  const write = (line: string): void => void process.stderr.write(`${line}\n`)
  const unused = options.relayOnly ? undefined : unusedVariables(process.env)
  if (unused !== undefined) write(unused)
  const meant = web === undefined ? mistakenWebApp(process.env) : undefined
  if (meant !== undefined)
    write(`npm has taken ${meant} for a proxy of its own. To share the web app that is there: npm start -- --http ${meant}`)
  const folder = await openState(dataDir, FORMER_RUN_MS, (pid) => write(`Waiting for another npm start to end (process ${pid}).`))
  lifetime.defer(folder.release)
  let isReady = false
  const showsAll = options.json || options.verbose || options.relayOnly
  const log = (line: string): void => {
    if (showsAll || !isNoise(line, isReady)) write(options.json ? line : describeAgentLine(line))
  }
  const guard = startGuard((reason) => log(`What runs here may outlive a kill: the guard failed (${reason}).`), process.platform)
  lifetime.defer(guard.end)
  const kept = await folder.read()
  const state = { ...kept, ownerKey: process.env['OWNER_KEY'] || kept.ownerKey }
  const chosen = await takePort(options, kept, folder)
  const relay = await startRelay(options, chosen.port, folder, state, guard.add, (line) => {
    if (options.verbose || (showsAll && !isWorkerdNoise(line))) write(line)
  })
  lifetime.defer(relay.stop)
  if (chosen.inPlaceOf !== undefined) write(`mcp-edge: ${await describeBusy(options.host, chosen.inPlaceOf, relay.port)}`)
  signal.throwIfAborted()
  const local = localOrigin(options.host, relay.port)
  const origin = options.publicUrl === undefined ? local : new URL(options.publicUrl).origin
  // What one run has to do with is not kept: once the port is free again, URLs that were handed out hold again.
  const lasting = chosen.inPlaceOf === undefined ? { ...kept, port: relay.port } : kept
  await folder.write(lasting)
  if (options.relayOnly) {
    const line = options.openClaim ? { relay: origin } : { relay: origin, owner_token: state.ownerKey }
    say(options, line, describeRelay(origin, dataDir, options.openClaim))
    await watch(signal, relay)
    return
  }
  const app = web === undefined ? [] : [`the web app at ${web.origin.origin}`]
  const named = url ?? (options.command.length > 0 ? options.command.join(' ') : undefined)
  const server = named !== undefined ? [named] : app.length > 0 ? [] : [SAMPLE]
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)])
  const known = await ensureShare(local, state, { name: 'npm start', lanes: options.lanes, isPinned: options.pin }, inTime)
  const share = await nameOrigin(known, origin, local, state.ownerKey, inTime)
  await folder.write({ ...lasting, share: chosen.inPlaceOf === undefined ? share : known })
  const agent = startAgent({ ...agentOptions, relay: local, token: share.agentToken, guard, write: log })
  lifetime.defer(agent.stop)
  const becomingReady = becomeReady(agent, signal)
  // A program that reads the line goes on at once, and needs all to be there.
  const isSilent = !options.json && (await isLate(becomingReady, SILENT_MS))
  if (!isSilent) await becomingReady
  const shareUrl = `${origin}${share.sharePath}`
  const urls = { share_url: shareUrl, url: shareUrl, sse_url: shareUrl.replace(/\/mcp$/, '/sse') }
  const opened = {
    origin,
    sharePath: share.sharePath,
    shareDomain: process.env['SHARE_DOMAIN'] ?? '',
    host: options.host,
    isProxied: options.publicUrl !== undefined,
  }
  const opensApp = web === undefined ? {} : { web_url: webUrl(opened) }
  const tokens = { client_token: share.clientToken, agent_token: share.agentToken, owner_token: state.ownerKey }
  const report = {
    shareUrl,
    server: [...app, ...server].join(', and '),
    webUrl: opensApp.web_url,
    hasServer: server.length > 0,
    dataDir,
    relay: local,
    share: share.share,
    expiresAt: share.expiresAt,
    serverFails: agent.serverFails(),
    isSilent,
    usualPort: chosen.inPlaceOf,
  }
  say(options, { relay: origin, share: share.share, ...urls, ...opensApp, ...tokens, expires_at: share.expiresAt }, describeShare(report))
  isReady = true
  await becomingReady
  await watch(signal, relay, agent)
}

/** @throws {Error} that says who is in the way, when no other port will do. */
async function takePort({ host, port: asked, publicUrl }: Options, { port: last }: State, { wasKilled }: StateFolder): Promise<ChosenPort> {
  const chosen = await choosePort({ host, asked, last, waitMs: wasKilled ? FORMER_RUN_MS : 0 })
  // A proxy that stands before the relay knows one port of it.
  const mayReplace = asked === undefined && publicUrl === undefined
  if (chosen.inPlaceOf !== undefined && !mayReplace) throw new Error(await describeBusy(host, chosen.inPlaceOf))
  return chosen
}

async function describeBusy(host: string, port: number, taken?: number): Promise<string> {
  return describeBusyPort({ host, port, holder: await findPortHolder(host, port) }, taken)
}

async function startRelay(
  options: Options,
  port: number,
  folder: StateFolder,
  state: State,
  onProcess: (pid: number) => void,
  output: (line: string) => void,
): Promise<RunningRelay> {
  const config = readWranglerToml(await readFile(join(ROOT, 'wrangler.toml'), 'utf8'))
  const variables = {
    ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    // The listening host stays allowed: this process and the agent reach the relay by it.
    ...(process.env['ALLOWED_HOSTS'] ? { ALLOWED_HOSTS: `${process.env['ALLOWED_HOSTS']},${options.host}` } : {}),
    ...(options.openClaim ? {} : { OWNER_KEY: state.ownerKey }),
    ...(options.publicUrl === undefined ? {} : { PUBLIC_URL: new URL(options.publicUrl).origin }),
    ...(isLoopbackHost(options.host) ? { LOOPBACK: '1' } : {}),
  }
  const configFile = join(folder.runtimeDir, 'config.capnp')
  await bundleWorker(join(ROOT, config.main), join(folder.runtimeDir, 'worker.js'))
  const text = toWorkerdConfig(config, {
    address: toAddress(options.host, port),
    bundle: 'worker.js',
    fromEnvironment: Object.keys(variables),
    allowsPrivateUpstreams: (process.env['ALLOW_PRIVATE_UPSTREAMS'] ?? '') !== '',
  })
  await writeFile(configFile, text, { mode: 0o600 })
  return startWorkerd({ configFile, storageDir: folder.storageDir, variables, onProcess, output })
}

/** @throws {Error} when the agent ends, or is not welcomed in time. */
async function becomeReady(agent: RunningAgent, signal: AbortSignal): Promise<void> {
  const limit = new AbortController()
  const bound = AbortSignal.any([signal, limit.signal])
  const first = await Promise.race([
    agent.ready.then(() => 'ready'),
    agent.ended.then((how) => `the agent ended (${how})`),
    delay(READY_MS, `the agent was not welcomed by the relay within ${READY_MS / 1000} s`, { signal: bound }),
  ]).finally(() => limit.abort())
  if (first !== 'ready') throw new Error(first)
}

/** Whether something takes longer than that. Rejects as it does. */
async function isLate(event: Promise<void>, ms: number): Promise<boolean> {
  const inTime = new AbortController()
  const late = delay(ms, true, { signal: inTime.signal }).catch(() => true)
  return Promise.race([event.then(() => false), late]).finally(() => inTime.abort())
}

/**
 * Waits for the signal.
 *
 * @throws {Error} when a part ends before it.
 */
async function watch(signal: AbortSignal, relay: RunningRelay, agent?: RunningAgent): Promise<void> {
  const never = new Promise<string>(() => {})
  const ending = await Promise.race([
    aborted(signal),
    relay.ended.then((how) => `workerd ended (${how})`),
    agent?.ended.then((how) => `the agent ended (${how})`) ?? never,
  ])
  if (ending !== undefined) throw new Error(ending)
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((done) => {
    if (signal.aborted) done(undefined)
    else signal.addEventListener('abort', () => done(undefined), { once: true })
  })
}

function say(options: Options, line: Record<string, string>, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(line)}\n` : text)
}

async function main(): Promise<number> {
  const stop = new AbortController()
  let stoppedMs = Infinity
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // What still runs then is ended by the guard.
      if (performance.now() - stoppedMs > SAME_SIGNAL_MS) process.exit(EXIT.FORCED)
      if (stop.signal.aborted) return
      stoppedMs = performance.now()
      process.stderr.write('Ending: calls that run have 10 s to be answered. Ctrl-C again ends at once.\n')
      stop.abort()
    })
  }
  onParentGone(() => stop.abort())
  try {
    const options = readOptions(process.argv.slice(2), process.env)
    if (options.help) process.stdout.write(`${usage()}\n`)
    else await run(options, stop.signal)
    return 0
  } catch (error) {
    if (stop.signal.aborted) return 0
    process.stderr.write(`mcp-edge: ${describeError(error)}\n`)
    if (error instanceof UsageError) process.stderr.write('npm start -- --help lists the options.\n')
    return error instanceof UsageError || (error instanceof AgentExit && error.exit === EXIT.USAGE) ? 2 : 1
  }
}

/** npm passes SIGTERM to its shell only, which ends without telling this process: so the end of the parent means stop. */
function onParentGone(stop: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) stop()
  }, PARENT_CHECK_MS).unref()
}

/** One line. What went wrong with a `fetch` stands in the error's cause. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

process.exitCode = await main()
