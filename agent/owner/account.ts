/** Where an owner is logged in: relays and owner tokens, in one file of the user's own (mode 600). */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { isLoopback } from '../config/token.ts'
import { AgentExit, EXIT } from '../exit.ts'
import type { Terminal } from './terminal.ts'
import { isObject } from '../../protocol/json/json-object.ts'

/** Which relay to speak to, and as whom. */
export interface Account {
  /** Origin of the relay. */
  readonly relay: string
  readonly token: string
}

export interface Accounts {
  /** Relay of the last login; the one that is meant when none is named. */
  readonly current?: string
  /** Owner tokens by the origin of their relay. */
  readonly tokens: Readonly<Record<string, string>>
}

type Machine = Pick<Terminal, 'variables' | 'platform' | 'home'>

/** `$XDG_CONFIG_HOME` or `~/.config`; on Windows `%APPDATA%`. Pure. */
export function accountFile({ variables, platform, home }: Machine): string {
  const named = platform === 'win32' ? variables['APPDATA'] : variables['XDG_CONFIG_HOME']
  const usual = platform === 'win32' ? join(home, 'AppData', 'Roaming') : join(home, '.config')
  return join(named !== undefined && isAbsolute(named) ? named : usual, 'mcp-edge', 'owner.json')
}

/** @throws {AgentExit} when there is a file that cannot be read as one of ours. */
export function readAccounts(file: string): Accounts {
  const text = readIfThere(file)
  if (text === undefined) return { tokens: {} }
  const value = parse(text)
  const tokens = value?.['tokens']
  const current = value?.['current']
  if (!isObject(tokens) || !Object.values(tokens).every((token) => typeof token === 'string'))
    throw new AgentExit(EXIT.USAGE, 'ACCOUNTS_UNREADABLE', `${file} is not what login has written. Remove it, and log in again.`)
  return { tokens: tokens as Record<string, string>, ...(typeof current === 'string' ? { current } : {}) }
}

/**
 * Whole or not at all; nobody else may read it, whatever the file was before.
 *
 * @throws {AgentExit} when it cannot be written.
 */
export function writeAccounts(file: string, accounts: Accounts): void {
  const beside = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(beside, `${JSON.stringify(accounts, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
    chmodSync(beside, 0o600)
    renameSync(beside, file)
  } catch (error) {
    if (existsSync(beside)) rmSync(beside)
    throw new AgentExit(
      EXIT.USAGE,
      'ACCOUNTS_UNWRITABLE',
      `${file} cannot be written (${codeOf(error)}). Make its folder writable for yourself, or name another one with XDG_CONFIG_HOME.`,
      { cause: error },
    )
  }
}

/** Whether others on this machine can read the file. Windows keeps rights elsewhere. */
export function isReadByOthers(file: string, platform: NodeJS.Platform): boolean {
  const mode = platform === 'win32' ? undefined : statSync(file, { throwIfNoEntry: false })?.mode
  return mode !== undefined && (mode & 0o077) !== 0
}

/**
 * The relay that is meant, and the token for it: `MCP_EDGE_OWNER_TOKEN`, or the one that login has stored. A token from a variable
 * goes only to a relay that was named with it.
 *
 * @throws {AgentExit} that says how to log in.
 */
export function signedIn(named: string | undefined, terminal: Terminal): Account {
  const { variables, program, note, platform } = terminal
  const given = variables['MCP_EDGE_OWNER_TOKEN']?.trim() ?? ''
  const relay = named ?? variables['MCP_EDGE_RELAY']
  if (given !== '') {
    if (relay !== undefined && relay !== '') return { relay: relayOrigin(relay), token: given }
    throw new AgentExit(EXIT.USAGE, 'RELAY_MISSING', 'MCP_EDGE_OWNER_TOKEN is set: say for which relay, with MCP_EDGE_RELAY or --relay.')
  }
  const file = accountFile(terminal)
  const accounts = readAccounts(file)
  const origin = relay === undefined || relay === '' ? accounts.current : relayOrigin(relay)
  const token = origin === undefined ? undefined : accounts.tokens[origin]
  if (origin === undefined || token === undefined)
    throw new AgentExit(
      EXIT.AUTH,
      'NOT_LOGGED_IN',
      `You are not logged in${origin === undefined ? '' : ` at ${origin}`}. Run: ${program} login ${origin ?? '<URL of the relay>'}`,
    )
  if (isReadByOthers(file, platform)) note(`mcp-edge-agent: others on this machine can read ${file}. Run: chmod 600 ${file}\n`)
  return { relay: origin, token }
}

/**
 * The origin of a relay's URL; a bare host is one of `https`, or of `http` on this machine. Pure.
 *
 * @throws {AgentExit} when the text is no such URL.
 */
export function relayOrigin(text: string): string {
  const [, scheme] = /^([a-z]+):\/\//i.exec(text) ?? []
  const bare = `http://${text}`
  const full = scheme !== undefined ? text : URL.canParse(bare) && isLoopback(new URL(bare)) ? bare : `https://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new AgentExit(EXIT.USAGE, 'RELAY_MALFORMED', `${text} is no URL of a relay, such as https://relay.example.com`)
  return url.origin
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new AgentExit(EXIT.USAGE, 'ACCOUNTS_UNREADABLE', `${file} cannot be read (${code}). Make it readable for yourself, or remove it.`)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
