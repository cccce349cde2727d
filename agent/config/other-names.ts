/** Options and variables of ContextForge's reverse proxy, for who has its command line or its container: taken where ours say nothing. No I/O. */
import { type Command, Option } from 'commander'
import { usageError } from '../exit.ts'
import type { Variables } from './environment.ts'

/** Its variables, and our options that they are. */
const VARIABLES: Readonly<Record<string, string>> = {
  REVERSE_PROXY_GATEWAY: 'relay',
  REVERSE_PROXY_TOKEN: 'token',
  REVERSE_PROXY_RECONNECT_DELAY: 'reconnectDelay',
  REVERSE_PROXY_MAX_RETRIES: 'maxRetries',
  REVERSE_PROXY_LOG_LEVEL: 'logLevel',
}

/** Python's levels that have other names here (Python, logging levels). */
const LEVELS: Readonly<Record<string, string>> = { warning: 'warn', critical: 'error', fatal: 'error' }

interface OtherOptions {
  readonly localStdio?: string
  readonly gateway?: string
}

/** Adds `--local-stdio` and `--gateway`, which no help shows. */
export function addOtherNames(command: Command): Command {
  return command
    .addOption(new Option('--local-stdio <command>', 'the MCP server, as one word').hideHelp())
    .addOption(new Option('--gateway <url>', 'as --relay').hideHelp())
}

/** A level of a log by its name here, in whatever letters; any other name as it is. */
export function levelNamed(name: string): string {
  const lower = name.trim().toLowerCase()
  return LEVELS[lower] ?? lower
}

/** After parsing: what was said by another name counts as if it had been said by ours, as long as ours was not. */
export function takeOtherNames(command: Command, own: Variables): void {
  const isGiven = (key: string): boolean => ['cli', 'env'].includes(command.getOptionValueSource(key) ?? '')
  const { gateway } = command.opts<OtherOptions>()
  if (gateway !== undefined && command.getOptionValueSource('relay') !== 'cli') command.setOptionValueWithSource('relay', gateway, 'cli')
  for (const [variable, key] of Object.entries(VARIABLES)) {
    const value = own[variable]?.trim() ?? ''
    // A file that was named for the token is what was meant.
    if (value === '' || isGiven(key) || (key === 'token' && isGiven('tokenFile'))) continue
    command.setOptionValueWithSource(key, key === 'logLevel' ? levelNamed(value) : value, 'env')
  }
}

/**
 * The words of the server's command: those behind the options, or of `--local-stdio`.
 *
 * @throws {AgentExit} when both are given, or a quotation mark has no other.
 */
export function commandWords(command: Command): readonly string[] {
  const { localStdio } = command.opts<OtherOptions>()
  if (localStdio === undefined) return command.args
  if (command.args.length > 0) throw usageError('Give the command either in --local-stdio or after --, not both.')
  const words = splitWords(localStdio)
  if (words === undefined)
    throw usageError('--local-stdio has a quotation mark without another. Give the command after -- instead, where none is needed.')
  if (words.length === 0)
    throw usageError('--local-stdio is empty. Give it the command of an MCP server, as in --local-stdio "uvx mcp-server-git".')
  return words
}

/**
 * The words of a command line as a shell parts them (POSIX 1003.1-2024, Shell, 2.2), of which nothing is looked up or run. A backslash stands for what is behind it where
 * that is a quotation mark, a backslash or space, so that paths of Windows stay. Undefined when a quotation mark has no other.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? ''
    const next = line[at + 1] ?? ''
    if (char === '\\' && quote !== "'" && (quote === '"' ? /["\\]/ : /["'\\\s]/).test(next)) {
      word = (word ?? '') + next
      at++
    } else if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (word !== undefined) words.push(word)
  return quote === '' ? words : undefined
}
