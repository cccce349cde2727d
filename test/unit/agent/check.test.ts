import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { check } from '../../../agent/check.ts'
import { agentCommand, parse } from '../../../agent/config/options.ts'
import { verifies } from '../../requirements/verifies.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-check-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

function token(share: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ aud: 'mcp-edge/agent', share, iss: 'https://relay.example.com' })}.${'x'.repeat(43)}`
}

function checked(...args: readonly string[]): string {
  const command = agentCommand()
  parse(command, ['--check', ...args])
  return check(command, { cwd: folder, platform: process.platform })
}

function checkedFile(servers: object): string {
  writeFileSync(join(folder, 'mcp-edge.json'), JSON.stringify({ servers }))
  return checked('--config', 'mcp-edge.json')
}

/** What is said to be wrong, line by line. */
function faultsOf(look: () => string): readonly string[] {
  try {
    return [look()]
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : []
  }
}

test('check() names every command that is not there, and what would be served where all are', () => {
  verifies('promise.config.check')
  const good = { token: token('a'), command: process.execPath }
  expect(checkedFile({ good })).toContain('good: share a at relay.example.com')
  const missing = { b: { token: token('b'), command: 'no-such-one' }, c: { token: token('c'), command: 'no-such-other' } }
  expect(() => checkedFile({ good, ...missing })).toThrow(/no-such-one.*\n.*no-such-other/s)
})

test('check() says where clients sign in at the server itself, and what does not go with that', () => {
  verifies('promise.http.pass-auth', 'promise.config.check')
  const url = 'http://localhost:1/mcp'
  const said = checkedFile({ a: { token: token('a'), url, passAuth: true }, b: { token: token('b'), url } })
  expect(said.split('\n').filter((line) => line.includes('(clients sign in there)'))).toEqual([expect.stringMatching(/^a: /)])
  const wrong = { url, passAuth: true, isolate: 'share', headers: { Authorization: 'Bearer x' } }
  const faults = faultsOf(() =>
    checkedFile({ a: { token: token('a'), ...wrong }, b: { token: token('b'), command: process.execPath, passAuth: true } }),
  )
  expect(faults.filter((fault) => fault.includes('--pass-auth'))).toEqual([
    expect.stringContaining('--isolate share'),
    expect.stringContaining('leave the header Authorization out'),
    expect.stringContaining('--url'),
  ])
  expect(faults.join()).not.toContain('Bearer x')
})

test('check() names a command that is not there beside all else that is wrong with a file', () => {
  verifies('promise.config.check')
  const faults = faultsOf(() =>
    checkedFile({
      a: { token: token('a'), command: 'no-such-one', spare: 3 },
      b: { token: token('b'), command: 'no-such-other', cwd: 'nowhere' },
      c: { command: process.execPath },
    }),
  )
  for (const part of ['servers.a.spare', 'no-such-one', 'no-such-other', 'b: --cwd', 'The server c has no token'])
    expect(
      faults.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1)
  expect(faults).toHaveLength(5)
})

test('check() names all that is wrong with a command line at once', () => {
  verifies('promise.config.check')
  expect(checked('--token', token('a'), '--', process.execPath)).toContain('share a at relay.example.com')
  const wrong = [
    '--isolate',
    'all',
    '--era',
    'new',
    '--max-children',
    '0',
    '--cwd',
    'nowhere',
    '--keepalive',
    'x',
    '--env',
    '=',
    '--spare',
    '4',
  ]
  const faults = faultsOf(() => checked(...wrong, '--token', 'no token', '--argument', 'x', '--', 'no-such-one'))
  const named = ['--isolate all', '--era new', '--max-children 0', '--cwd', '--keepalive x', '--env takes', '--spare 4', 'no agent token']
  for (const part of [...named, '--argument', 'no-such-one'])
    expect(
      faults.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1)
  expect(faults).toHaveLength(named.length + 2)
})
