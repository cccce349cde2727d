#!/usr/bin/env node
/** The program: arguments, variables and signals in; log on stderr and exit code out. An owner's commands go their own way. */
import { resolve as resolvePath } from 'node:path'
import { type Command, CommanderError } from 'commander'
import { AgentExit, EXIT, type ExitCode } from './exit.ts'
import { startGuard } from './server/guard.ts'
import { check } from './check.ts'
import { createLog, type Log, serverLog } from './log.ts'
import { Mask } from './mask.ts'
import { requireNode } from './node-version.ts'
import { agentCommand, parse, prepare, type Prepared, VERSION } from './config/options.ts'
import { prepareConfig } from './config/prepare-config.ts'
import type { PreparedServer } from './config/prepared-server.ts'
import { watchFile } from './config/watch.ts'
import { isOwnerCommand, nearOwnerCommand, runOwner } from './owner/program.ts'
import { ownProgram, processTerminal } from './owner/terminal.ts'
import { run, type RunContext } from './run.ts'
import { Servers } from './servers.ts'
import { UncaughtFaults } from './uncaught.ts'
import type { RawOptions } from './config/settings.ts'

const PROGRAM = ownProgram(process.argv0, process.argv[1] ?? '', process.cwd(), process.env)
const writeError = (text: string): void => void process.stderr.write(text)

async function main(command: Command, args: readonly string[]): Promise<ExitCode> {
  requireNode(process.versions.node)
  // Whoever read our log may be gone; the share is still served.
  process.stderr.on('error', () => {})
  parse(command, args)
  const cwd = process.cwd()
  const { config, check: isCheck } = command.opts<RawOptions>()
  if (isCheck === true) {
    process.stdout.write(check(command, { cwd, platform: process.platform }))
    return EXIT.OK
  }
  const isOne = config === undefined || config === ''
  const prepared = isOne ? prepare(command, cwd) : undefined
  // The process list must not show a token given as an argument for longer than it takes to read it.
  process.title = 'mcp-edge-agent'
  return prepared === undefined
    ? await serveConfig(resolvePath(cwd, config ?? ''), () => prepareConfig(command, cwd))
    : await serveOne(prepared)
}

type Common = Pick<RunContext, 'guard' | 'leave' | 'kill' | 'platform' | 'version' | 'program'>

/** What the parts of one process have in common, and how it is doing itself. `log` says nothing of servers. */
function beginProcess(log: Log): { readonly common: Common; readonly faults: UncaughtFaults } {
  const leave = new AbortController()
  const kill = new AbortController()
  const killAll = (exit: ExitCode): void => {
    kill.abort()
    process.exit(exit)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (leave.signal.aborted) return killAll(EXIT.FORCED)
      log.info('leaving', { signal })
      leave.abort()
    })
  }
  const { platform } = process
  const guard = startGuard((reason) => log.warn('guard.failed', { reason, meaning: 'children may outlive a killed agent' }), platform)
  const faults = new UncaughtFaults(log, { leave: () => leave.abort(), kill: killAll })
  return { common: { guard, leave: leave.signal, kill: kill.signal, platform, version: VERSION, program: PROGRAM }, faults }
}

function logOf({ settings, mask }: Pick<Prepared, 'settings' | 'mask'>): Log {
  return createLog({ level: settings.logLevel, json: settings.json, mask, write: writeError, now: () => new Date() })
}

async function serveOne(prepared: Prepared): Promise<ExitCode> {
  const { settings, childEnv, mask, warnings } = prepared
  const log = logOf(prepared)
  for (const meaning of warnings) log.warn('options', { meaning })
  const { common, faults } = beginProcess(log)
  await run({ ...common, settings, childEnv, mask, log }).finally(common.guard.end)
  return faults.exit
}

/** The servers of a file, which is read again when it changes. */
async function serveConfig(path: string, prepareServers: () => readonly PreparedServer[]): Promise<ExitCode> {
  const prepared = prepareServers()
  const [first] = prepared
  if (first === undefined) return EXIT.OK
  const log = logOf({ settings: first.settings, mask: new Mask(prepared.map(({ settings }) => settings.token)) })
  const { common, faults } = beginProcess(log)
  const { leave, ...shared } = common
  const servers = new Servers({ ...shared, logFor: (one) => serverLog(logOf(one), one.server) })
  const reload = (): void => {
    try {
      servers.serve(prepareServers())
      log.info('config.read', { path })
    } catch (error) {
      log.error('config.invalid', { meaning: `${error instanceof Error ? error.message : String(error)} What was served before goes on.` })
    }
  }
  servers.serve(prepared)
  const unwatch = watchFile(path, reload, (reason) =>
    log.warn('config.unwatched', { reason, meaning: 'changes of the file need a restart' }),
  )
  leave.addEventListener('abort', () => {
    unwatch()
    servers.leave()
  })
  await servers.run().finally(() => {
    unwatch()
    shared.guard.end()
  })
  return faults.exit
}

async function order(args: readonly string[]): Promise<ExitCode> {
  requireNode(process.versions.node)
  // Whoever read our output may have had enough of it.
  process.stdout.on('error', () => {})
  process.title = 'mcp-edge-agent'
  try {
    await runOwner(args, processTerminal())
  } finally {
    await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()))
  }
  return EXIT.OK
}

/** Whoever has mistyped an owner's command has an agent's run fail, which says nothing of owners. */
function withHint(error: unknown, words: readonly string[]): unknown {
  const isOfCommand = error instanceof AgentExit && (error.exit === EXIT.USAGE || error.exit === EXIT.CHILD)
  const meant = isOfCommand ? nearOwnerCommand(words, processTerminal()) : undefined
  if (!isOfCommand || meant === undefined) return error
  const message = `${error.message.replace(/\.?$/, '.')} Did you mean the owner's command ${meant}? See: mcp-edge-agent ${meant} --help`
  return new AgentExit(error.exit, error.code, message, { cause: error })
}

/** One plain line, or with --json one JSON line. */
function report(error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.OK
  const { exit, code, message } =
    error instanceof AgentExit
      ? error
      : {
          exit: EXIT.INTERNAL,
          code: 'INTERNAL',
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }
  writeError(
    json
      ? `${JSON.stringify({ time: new Date().toISOString(), level: 'error', event: 'error', code, exit, message })}\n`
      : `mcp-edge-agent: ${message}\n`,
  )
  return exit
}

const command = agentCommand()
const args = process.argv.slice(2)
const isOrder = isOwnerCommand(args)
try {
  process.exit(await (isOrder ? order(args) : main(command, args)))
} catch (error) {
  process.exit(
    report(isOrder ? error : withHint(error, args), isOrder ? args.includes('--json') : command.opts<RawOptions>().json === true),
  )
}
