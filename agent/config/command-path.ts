/** Looks for the command of a server, before anything is dialled. */
import { accessSync, closeSync, constants, openSync, readSync, type Stats, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { AgentExit, EXIT } from '../exit.ts'
import type { AgentSettings } from './settings.ts'

/** Bytes of a program in which its first line ends: systems read no more of it. */
const FIRST_LINE_BYTES = 256

/**
 * Not on Windows, where the system looks in more places.
 *
 * @throws {AgentExit} when the command cannot be found, may not be run, or is a script for a program that is not there.
 */
export function requireCommand(
  { command, args, cwd }: Pick<AgentSettings, 'args' | 'cwd'> & { readonly command: string },
  env: Readonly<Record<string, string>>,
  platform: NodeJS.Platform,
): void {
  if (platform === 'win32') return
  const found = placesOf(command, cwd, env).filter(isRunnable)
  if (found.length === 0) throw notFound(`The command ${command} ${whyNotRun(command, cwd)}${hint(command, args)}`)
  // A system that cannot run one of these goes on to the next.
  const missing = found.map((path) => missingInterpreter(path, cwd, env))
  if (missing.every((one) => one !== undefined))
    throw notFound(`The command ${command} is a script for ${missing[0]}: its first line names it.`)
}

function notFound(message: string): AgentExit {
  return new AgentExit(EXIT.CHILD, 'COMMAND_NOT_FOUND', message)
}

function placesOf(command: string, cwd: string, env: Readonly<Record<string, string>>): string[] {
  return command.includes('/')
    ? [resolve(cwd, command)]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder === '' ? cwd : folder, command))
}

function whyNotRun(command: string, cwd: string): string {
  if (!command.includes('/')) return 'was not found in PATH, or may not be run.'
  const stats = statsOf(resolve(cwd, command))
  if (stats === undefined) return 'was not found.'
  if (stats.isDirectory()) return 'is a folder, and no program.'
  return 'may not be run: make it executable (chmod +x), or put the program that runs it before it, as in -- python3 server.py.'
}

/** Undefined also for what cannot be looked at: a name that is too long, links that lead nowhere, folders of somebody else. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** What was most likely meant. */
function hint(command: string, args: readonly string[]): string {
  if (/^https?:/i.test(command)) return ` A server that speaks HTTP is given with --url ${command}`
  if (command.startsWith('-')) return ` Options stand before the two dashes, as in ${command} … -- ${args.at(-1) ?? 'server'}`
  // A whole command in quotation marks, which no shell will take apart.
  if (args.length > 0 || !/\S\s+\S/.test(command)) return ''
  return ` It came as one word: leave the quotation marks out, as in -- ${command.trim()}`
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The program that a script wants to be run by, where it is not there. Without it the system says that the script was not found. */
function missingInterpreter(path: string, cwd: string, env: Readonly<Record<string, string>>): string | undefined {
  const line = /^#!([^\n]*)\n/.exec(beginningOf(path))?.[1]
  const [interpreter, ...words] = line?.trimStart().split(/[ \t]+/) ?? []
  if (interpreter === undefined || !isAbsolute(interpreter)) return undefined
  if (line?.endsWith('\r') === true) return `${interpreter} with a line end of Windows, for which no system finds a program`
  if (!isRunnable(interpreter)) return `${interpreter}, which was not found`
  const named = interpreter.endsWith('/env') ? namedByEnv(words) : undefined
  if (named === undefined || placesOf(named, cwd, env).some(isRunnable)) return undefined
  return `${named}, which was not found in PATH`
}

/** The program that env runs; undefined where that takes more to tell, as with quotation marks, or another PATH. */
function namedByEnv(words: readonly string[]): string | undefined {
  const [first = '', ...others] = words[0] === '-S' ? words.slice(1) : words
  const isSetting = /^(?!PATH=)\w+=[\w./:,+-]*$/
  const named = [first, ...others].find((word) => !isSetting.test(word))
  return named !== undefined && /^[\w./+][\w./+-]*$/.test(named) ? named : undefined
}

/** Empty where it cannot be read, which a program need not be. */
function beginningOf(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(FIRST_LINE_BYTES)
      return bytes.toString('latin1', 0, readSync(file, bytes))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
