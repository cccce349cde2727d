import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { agentCommand, parse, prepare, VERSION, type Prepared } from '../../../../agent/config/options.ts'
import { verifies } from '../../../requirements/verifies.ts'

function prepared(...args: readonly string[]): Prepared {
  const command = agentCommand()
  parse(command, args)
  return prepare(command, '/')
}

afterEach(() => void vi.unstubAllEnvs())

test('parse() leaves everything behind the command to the server', () => {
  const { settings } = prepared('--token', 't', '--', 'server', '--token', 'other', '--help')
  expect(settings).toMatchObject({ token: 't', command: 'server', args: ['--token', 'other', '--help'], cwd: '/' })
})

test('agentCommand() takes variables for options, which the command line overrides', () => {
  vi.stubEnv('MCP_EDGE_TOKEN', 'from-variable')
  vi.stubEnv('MCP_EDGE_MAX_CHILDREN', '7')
  expect(prepared('--', 'x').settings).toMatchObject({ token: 'from-variable', maxChildren: 7 })
  expect(prepared('--token', 't', '--max-children', '8', '--', 'x').settings).toMatchObject({ token: 't', maxChildren: 8 })
})

test('a file of a token that is given on the command line comes before the variable of the token', () => {
  vi.stubEnv('MCP_EDGE_TOKEN', 'from-variable')
  expect(() => prepared('--token-file', '/nowhere', '--', 'x')).toThrow(/--token-file \/nowhere/)
  vi.stubEnv('MCP_EDGE_TOKEN_FILE', '/nowhere')
  expect(prepared('--', 'x').settings.token).toBe('from-variable')
})

test.each([
  ['1', true],
  ['yes', true],
  ['0', false],
  ['false', false],
  ['', false],
])('agentCommand() takes the variable %j of a switch for %j', (value, on) => {
  vi.stubEnv('MCP_EDGE_JSON', value)
  expect(prepared('--token', 't', '--', 'x').settings.json).toBe(on)
})

test('agentCommand() takes --env several times, and one entry a line from its variable', () => {
  expect(prepared('--token', 't', '--env', 'A=1', '--env', 'B=2', '--', 'x').childEnv).toMatchObject({ A: '1', B: '2' })
  vi.stubEnv('MCP_EDGE_ENV', 'C=3\nD=4\n')
  expect(prepared('--token', 't', '--', 'x').settings.env).toEqual(['C=3', 'D=4'])
})

test('agentCommand() masks what the server says, unless told not to', () => {
  verifies('promise.9.masked')
  const masks = (...args: string[]): boolean => prepared('--token', 't', ...args, '--', 'x').settings.masks
  expect([masks(), masks('--no-mask')]).toEqual([true, false])
  vi.stubEnv('MCP_EDGE_NO_MASK', '1')
  expect(masks()).toBe(false)
  vi.stubEnv('MCP_EDGE_NO_MASK', '0')
  expect(masks()).toBe(true)
})

test('prepare() masks the token and what the user named', () => {
  const { mask } = prepared('--token', 'the-token', '--env', 'PASSWORD=correct-horse', '--', 'x')
  expect(mask.apply('the-token correct-horse')).toBe('[secret] [secret]')
})

test.each<[string, readonly string[], RegExp]>([
  ['an unknown option', ['--bogus', '--', 'x'], /^unknown option '--bogus'/],
  ['a choice that is none', ['--isolate', 'none', '--', 'x'], /--isolate/],
  ['a variable of the agent for the server', ['--token', 't', '--env', 'MCP_EDGE_TOKEN', '--', 'x'], /--env MCP_EDGE_TOKEN/],
  ['a folder that is not there', ['--token', 't', '--cwd', '/nowhere/at/all', '--', 'x'], /--cwd \/nowhere\/at\/all/],
])('%s is an AgentExit that names the option', (_, args, message) => {
  expect(() => prepared(...args)).toThrow(
    expect.objectContaining({ name: 'AgentExit', exit: 1, code: 'USAGE', message: expect.stringMatching(message) as string }),
  )
})

test('parse() throws the CommanderError of --version, which is no failure', () => {
  const command = agentCommand().configureOutput({ writeOut: () => {} })
  expect(() => parse(command, ['--version'])).toThrow(expect.objectContaining({ exitCode: 0 }))
  const manifest = JSON.parse(readFileSync(new URL('../../../../agent/package.json', import.meta.url), 'utf8')) as { version: string }
  expect(VERSION).toBe(manifest.version)
})
