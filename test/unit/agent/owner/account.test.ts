import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accountFile, isReadByOthers, readAccounts, relayOrigin, signedIn, writeAccounts } from '../../../../agent/owner/account.ts'
import { testTerminal } from './test-terminal.ts'

let home = ''
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'mcp-edge-account-'))))
afterEach(() => rmSync(home, { recursive: true, force: true }))

test('accountFile() is in the user’s configuration folder', () => {
  const at = (platform: NodeJS.Platform, variables = {}) => accountFile({ platform, variables, home: '/home/me' })
  expect(at('linux')).toBe('/home/me/.config/mcp-edge/owner.json')
  expect(at('linux', { XDG_CONFIG_HOME: '/etc/me' })).toBe('/etc/me/mcp-edge/owner.json')
  expect(at('linux', { XDG_CONFIG_HOME: 'relative' })).toBe('/home/me/.config/mcp-edge/owner.json')
  expect(at('win32', { APPDATA: '/roaming' })).toBe('/roaming/mcp-edge/owner.json')
  expect(at('win32')).toBe('/home/me/AppData/Roaming/mcp-edge/owner.json')
})

test('writeAccounts() leaves one file that nobody else can read, also where there was one that others could', () => {
  const file = join(home, 'new', 'folder', 'owner.json')
  writeAccounts(file, { tokens: {} })
  chmodSync(file, 0o644)
  expect(isReadByOthers(file, 'linux')).toBe(true)
  expect(isReadByOthers(file, 'win32')).toBe(false)
  const accounts = { current: 'https://a', tokens: { 'https://a': 'secret' } }
  writeAccounts(file, accounts)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
  expect(readdirSync(dirname(file))).toEqual(['owner.json'])
  expect(readAccounts(file)).toEqual(accounts)
})

test.each(['', '[]', '{"tokens":[]}', '{"tokens":{"a":1}}', '{'])('readAccounts() says that %j is no file of ours', (text) => {
  const file = join(home, 'owner.json')
  writeFileSync(file, text)
  expect(() => readAccounts(file)).toThrow(expect.objectContaining({ exit: 1, code: 'ACCOUNTS_UNREADABLE' }))
  expect(readFileSync(file, 'utf8')).toBe(text)
})

describe('signedIn()', () => {
  const stored = { current: 'https://a.example', tokens: { 'https://a.example': 'token-a', 'https://b.example': 'token-b' } }

  test('is the relay of the last login, or another one that is named', () => {
    const terminal = testTerminal({ home })
    writeAccounts(accountFile(terminal), stored)
    expect(signedIn(undefined, terminal)).toEqual({ relay: 'https://a.example', token: 'token-a' })
    expect(signedIn('b.example', terminal)).toEqual({ relay: 'https://b.example', token: 'token-b' })
    expect(signedIn(undefined, testTerminal({ home, variables: { MCP_EDGE_RELAY: 'https://b.example/' } })).token).toBe('token-b')
    expect(terminal.noted).toBe('')
  })

  test('takes MCP_EDGE_OWNER_TOKEN, and sends it to no relay that was not named', () => {
    const variables = { MCP_EDGE_OWNER_TOKEN: ' ci ' }
    const terminal = testTerminal({ home, variables })
    writeAccounts(accountFile(terminal), stored)
    expect(signedIn('https://c.example', terminal)).toEqual({ relay: 'https://c.example', token: 'ci' })
    expect(() => signedIn(undefined, terminal)).toThrow(expect.objectContaining({ exit: 1, code: 'RELAY_MISSING' }))
  })

  test('says how to log in, when nobody is or not there', () => {
    const terminal = testTerminal({ home })
    expect(() => signedIn(undefined, terminal)).toThrow(/Run: mcp-edge-agent login <URL/)
    writeAccounts(accountFile(terminal), stored)
    expect(() => signedIn('https://c.example', terminal)).toThrow(
      expect.objectContaining({ exit: 3, code: 'NOT_LOGGED_IN', message: expect.stringMatching(/login https:\/\/c\.example$/) as string }),
    )
  })

  test('remarks that others can read the file', () => {
    const terminal = testTerminal({ home })
    const file = accountFile(terminal)
    writeAccounts(file, stored)
    chmodSync(file, 0o604)
    signedIn(undefined, terminal)
    expect(terminal.noted).toContain(`chmod 600 ${file}`)
  })
})

test.each([
  ['relay.example.com', 'https://relay.example.com'],
  ['HTTPS://Relay.Example.com/s/x/mcp', 'https://relay.example.com'],
  ['http://10.0.0.1:8787', 'http://10.0.0.1:8787'],
  ['localhost:8787', 'http://localhost:8787'],
  ['127.0.0.1', 'http://127.0.0.1'],
  ['relay.example.com:8443', 'https://relay.example.com:8443'],
])('relayOrigin() takes %s for %s', (text, origin) => {
  expect(relayOrigin(text)).toBe(origin)
})

test.each(['', 'ftp://x', 'https://', 'a b', 'ws://relay'])('relayOrigin() refuses %j', (text) => {
  expect(() => relayOrigin(text)).toThrow(expect.objectContaining({ code: 'RELAY_MALFORMED' }))
})
