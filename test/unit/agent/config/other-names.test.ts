import { afterEach, describe, expect, test, vi } from 'vitest'
import { levelNamed, splitWords } from '../../../../agent/config/other-names.ts'
import { agentCommand, parse, prepare, type Prepared } from '../../../../agent/config/options.ts'
import { verifies } from '../../../requirements/verifies.ts'

function prepared(...args: readonly string[]): Prepared {
  const command = agentCommand()
  parse(command, args)
  return prepare(command, '/')
}

afterEach(() => void vi.unstubAllEnvs())

describe('takeOtherNames()', () => {
  test('takes the variables of ContextForge’s reverse proxy where ours say nothing', () => {
    verifies('seeds.variables')
    vi.stubEnv('REVERSE_PROXY_GATEWAY', 'https://gateway.example/reverse-proxy/ws')
    vi.stubEnv('REVERSE_PROXY_TOKEN', 'theirs')
    vi.stubEnv('REVERSE_PROXY_RECONNECT_DELAY', '2.5')
    vi.stubEnv('REVERSE_PROXY_MAX_RETRIES', '7')
    vi.stubEnv('REVERSE_PROXY_LOG_LEVEL', 'WARNING')
    const all = {
      relay: 'https://gateway.example/reverse-proxy/ws',
      token: 'theirs',
      reconnectDelayMs: 2500,
      maxRetries: 7,
      logLevel: 'warn',
    }
    expect(prepared('--', 'x').settings).toMatchObject(all)
    vi.stubEnv('MCP_EDGE_TOKEN', 'ours')
    vi.stubEnv('MCP_EDGE_LOG_LEVEL', 'error')
    expect(prepared('--max-retries', '3', '--', 'x').settings).toMatchObject({ ...all, token: 'ours', maxRetries: 3, logLevel: 'error' })
  })

  test('says what is wrong with one, and takes an empty one for none', () => {
    verifies('seeds.variables')
    vi.stubEnv('REVERSE_PROXY_TOKEN', 't')
    vi.stubEnv('REVERSE_PROXY_MAX_RETRIES', '')
    expect(prepared('--', 'x').settings.maxRetries).toBe(0)
    vi.stubEnv('REVERSE_PROXY_MAX_RETRIES', 'many')
    expect(() => prepared('--', 'x')).toThrow(/--max-retries many/)
  })

  test('does not take a token for the one of a file that was named, nor hand it to the server', () => {
    verifies('seeds.variables')
    vi.stubEnv('REVERSE_PROXY_TOKEN', 'theirs')
    expect(() => prepared('--token-file', '/nowhere', '--', 'x')).toThrow(/--token-file/)
    expect(prepared('--', 'x').childEnv).not.toHaveProperty('REVERSE_PROXY_TOKEN')
    expect(() => prepared('--env', 'REVERSE_PROXY_TOKEN', '--', 'x')).toThrow(/not for its servers/)
    expect(prepared('--', 'x').mask.apply('theirs')).toBe('[secret]')
  })
})

describe('--local-stdio and --gateway', () => {
  test('are the command and --relay, and no help shows them', () => {
    verifies('seeds.options')
    const line = [
      '--local-stdio',
      `uvx mcp-server-filesystem --directory "/path to/files"`,
      '--gateway',
      'https://gateway.example',
      '--token',
      't',
    ]
    expect(prepared(...line, '--reconnect-delay', '2', '--keepalive', '30', '--log-level', 'DEBUG').settings).toMatchObject({
      command: 'uvx',
      args: ['mcp-server-filesystem', '--directory', '/path to/files'],
      relay: 'https://gateway.example',
      reconnectDelayMs: 2000,
      keepaliveMs: 30_000,
      logLevel: 'debug',
    })
    expect(prepared(...line, '--relay', 'https://relay.example').settings.relay).toBe('https://relay.example')
    expect(agentCommand().helpInformation()).not.toMatch(/local-stdio|gateway/)
  })

  test.each([
    ['both ways', ['--local-stdio', 'a', '--', 'b'], /not both/],
    ['an open quotation mark', ['--local-stdio', `a "b`], /quotation mark/],
    ['nothing', ['--local-stdio', ' '], /is empty/],
    ['a web address too', ['--local-stdio', 'a', '--url', 'http://localhost:1/mcp'], /--url/],
  ])('refuse a command that is given %s', (_, args, message) => {
    verifies('seeds.options')
    expect(() => prepared('--token', 't', ...args)).toThrow(message)
  })
})

test.each([
  ['a b', ['a', 'b']],
  ['  a\t b\n', ['a', 'b']],
  [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
  [`a"b"'c'`, ['abc']],
  [`a '' ""`, ['a', '', '']],
  [String.raw`a\ b \"c`, ['a b', '"c']],
  [String.raw`"a \"b\" \n"`, [String.raw`a "b" \n`]],
  [String.raw`'a\'`, [String.raw`a` + '\\']],
  [String.raw`C:\Users\me\x.exe`, [String.raw`C:\Users\me\x.exe`]],
  ['a $HOME `b` $(c) ; d | e > f', ['a', '$HOME', '`b`', '$(c)', ';', 'd', '|', 'e', '>', 'f']],
  ['', []],
  [`a 'b`, undefined],
])('splitWords() parts %j as a shell does, and runs nothing', (line, words) => {
  verifies('seeds.options')
  expect(splitWords(line)).toEqual(words)
})

test('levelNamed() knows the levels of Python, in whatever letters', () => {
  verifies('seeds.options')
  expect(['DEBUG', 'Info', 'WARNING', 'ERROR', 'CRITICAL', 'trace'].map(levelNamed)).toEqual([
    'debug',
    'info',
    'warn',
    'error',
    'error',
    'trace',
  ])
})
