/** Looks for the command of a server, before anything is dialled. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { AgentExit, EXIT } from '../exit.ts'
import type { AgentSettings } from './settings.ts'

/**
 * Not on Windows, where the system looks in more places.
 *
 * @throws {AgentExit} when the command cannot be found, or may not be run.
 */
export function requireCommand(
  { command, args, cwd }: Pick<AgentSettings, 'args' | 'cwd'> & { readonly command: string },
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
