import { expect, test } from 'vitest'
import { defaultName, readAgentSettings, type RawOptions } from '../../../../agent/config/settings.ts'
import { verifies } from '../../../requirements/verifies.ts'

const RAW: RawOptions = {
  token: 'tok',
  isolate: 'session',
  era: 'auto',
  maxChildren: '32',
  idleStop: '30m',
  spare: '0',
  env: [],
  allow: [],
  deny: [],
  argument: [],
  header: [],
  serves: [],
  reconnectDelay: '1s',
  maxRetries: '0',
  keepalive: '30s',
  logLevel: 'info',
}
const AROUND = {
  cwd: '/here',
  hostname: 'host',
  readFile: (path: string) => {
    if (path === '/token') return ' from-file\n'
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  },
  isDirectory: (path: string) => path === '/here',
}

test('readAgentSettings() turns options into numbers with units', () => {
  expect(readAgentSettings(RAW, ['npx', '-y', 'x'], AROUND)).toMatchObject({
    token: 'tok',
    join: 'primary',
    isolation: 'session',
    maxChildren: 32,
    idleStopMs: 1_800_000,
    hasSpare: false,
    tellsStderr: false,
    tellsPrincipal: false,
    masks: true,
    reconnectDelayMs: 1000,
    maxRetries: 0,
    keepaliveMs: 30_000,
    transport: { kind: 'auto', pollTimeoutMs: 30_000, pollRetryMs: 1000, webSocketRetryMs: 300_000 },
    logLevel: 'info',
    json: false,
    cwd: '/here',
    command: 'npx',
    args: ['-y', 'x'],
  })
})

test('readAgentSettings() reads the token file, and prefers the token itself', () => {
  const { token: _, ...without } = RAW
  expect(readAgentSettings({ ...without, tokenFile: '/token' }, ['x'], AROUND).token).toBe('from-file')
  expect(readAgentSettings({ ...RAW, tokenFile: '/token' }, ['x'], AROUND).token).toBe('tok')
})

test('readAgentSettings() makes --verbose a log level, --replica and --replace a way to join', () => {
  expect(readAgentSettings({ ...RAW, verbose: true, replica: true }, ['x'], AROUND)).toMatchObject({ logLevel: 'debug', join: 'replica' })
  expect(readAgentSettings({ ...RAW, replace: true }, ['x'], AROUND).join).toBe('replace')
})

test('readAgentSettings() takes an address in place of a command, with what is told to it', () => {
  const settings = readAgentSettings({ ...RAW, url: 'http://localhost:1/mcp', header: ['A: b'], spare: '1' }, [], AROUND)
  expect(settings).toMatchObject({
    command: undefined,
    hasSpare: false,
    era: 'auto',
    http: { transport: 'streamable', headers: [['A', 'b']] },
  })
  expect(settings.http?.url.href).toBe('http://localhost:1/mcp')
  expect(readAgentSettings({ ...RAW, url: 'http://localhost:1/sse', sse: true }, [], AROUND)).toMatchObject({
    era: 'legacy',
    http: { transport: 'sse' },
  })
})

test('readAgentSettings() tells the server who calls where that is wanted', () => {
  verifies('promise.1.tells-principal')
  expect(readAgentSettings({ ...RAW, tellPrincipal: true }, ['x'], AROUND).tellsPrincipal).toBe(true)
})

test('readAgentSettings() masks what a server says, but for --no-mask', () => {
  verifies('promise.9.masked')
  expect(readAgentSettings(RAW, ['x'], AROUND).masks).toBe(true)
  expect(readAgentSettings({ ...RAW, mask: false }, ['x'], AROUND).masks).toBe(false)
})

test('readAgentSettings() lets a client be told the stderr of a process of its own, and of none that serves all', () => {
  verifies('promise.9.stderr')
  expect(readAgentSettings({ ...RAW, tellStderr: true }, ['x'], AROUND).tellsStderr).toBe(true)
  expect(readAgentSettings({ ...RAW, tellStderr: true, isolate: 'share' }, ['x'], AROUND).tellsStderr).toBe(false)
})

test.each<[string, Partial<RawOptions>, string[], RegExp]>([
  ['no command', {}, [], /after --/],
  ['an empty command', {}, [''], /after --/],
  ['a command beside --url', { url: 'http://localhost/' }, ['x'], /either .* or --url/],
  ['variables for a server that is there', { url: 'http://localhost/', env: ['A=1'] }, [], /--env/],
  ['a folder for it', { url: 'http://localhost/', cwd: '/here' }, [], /--cwd/],
  ['headers without --url', { header: ['A: b'] }, ['x'], /--url/],
  ['a sign-in without a server that is there', { passAuth: true }, ['x'], /--pass-auth.*--url/],
  [
    'a sign-in with one session for all',
    { url: 'http://localhost/', passAuth: true, isolate: 'share' },
    [],
    /--pass-auth.*--isolate share/,
  ],
  [
    'a sign-in beside a credential for all',
    { url: 'http://localhost/', passAuth: true, header: ['authorization: Bearer x'] },
    [],
    /--pass-auth.*Authorization/,
  ],
  ['an unreadable file of headers', { url: 'http://localhost/', headerFile: '/none' }, [], /--header-file \/none.*ENOENT/],
  ['no token', { token: ' ' }, ['x'], /MCP_EDGE_TOKEN/],
  ['an unreadable token file', { token: undefined as never, tokenFile: '/none' }, ['x'], /--token-file \/none.*ENOENT/],
  ['replica and replace', { replica: true, replace: true }, ['x'], /one of the two/],
  ['a missing folder', { cwd: '/none' }, ['x'], /--cwd \/none/],
  ['a name with a space', { name: 'a b' }, ['x'], /--name a b/],
  ['a long name', { name: 'a'.repeat(65) }, ['x'], /--name/],
  ['another isolation', { isolate: 'all' }, ['x'], /--isolate all/],
  ['no children', { maxChildren: '0' }, ['x'], /--max-children 0/],
  ['too many children', { maxChildren: '1001' }, ['x'], /--max-children 1001/],
  ['a name with a space', { serves: ['a b'] }, ['x'], /--serves takes up to 32 patterns/],
  ['no calls', { maxCalls: '0' }, ['x'], /--max-calls 0/],
  ['half a child', { maxChildren: '1.5' }, ['x'], /--max-children 1.5/],
  ['negative retries', { maxRetries: '-1' }, ['x'], /--max-retries -1/],
  ['a zero keepalive', { keepalive: '0' }, ['x'], /--keepalive 0/],
  ['an unknown unit', { idleStop: '3d' }, ['x'], /--idle-stop 3d/],
  ['more than one spare', { spare: '2' }, ['x'], /--spare 2/],
  ['a log level of others', { logLevel: 'trace' }, ['x'], /--log-level trace/],
])('readAgentSettings() refuses %s and names the option', (_, raw, command, text) => {
  expect(() => readAgentSettings({ ...RAW, ...raw }, command, AROUND)).toThrow(
    expect.objectContaining({ exit: 1, code: 'USAGE', message: expect.stringMatching(text) as string }),
  )
})

test('defaultName() is stable per machine, folder and command, and a valid name', () => {
  const name = defaultName('my host.local', '/a', ['x', 'y'])
  expect(name).toMatch(/^my-host\.local-[0-9a-f]{8}$/)
  expect(defaultName('my host.local', '/a', ['x', 'y'])).toBe(name)
  for (const other of [
    defaultName('my host.local', '/b', ['x', 'y']),
    defaultName('my host.local', '/a', ['xy']),
    defaultName('other', '/a', ['x', 'y']),
  ])
    expect(other).not.toBe(name)
  expect(defaultName('ü'.repeat(300), '/', ['x'])).toMatch(/^[\w.-]{1,64}$/)
  expect(defaultName('', '/', ['x'])).toMatch(/^agent-/)
})

test('readAgentSettings() makes one policy of --read-only, --allow, --deny and --argument', () => {
  expect(readAgentSettings(RAW, ['x'], AROUND).policy).toEqual({ access: 'admin', arguments: [], hold: [] })
  const bounded = { ...RAW, readOnly: true, allow: ['read_*'], deny: ['read_secret'], argument: ['read_file(path^=/docs)'] }
  expect(readAgentSettings(bounded, ['x'], AROUND).policy).toMatchObject({
    access: 'read',
    tools: { allow: ['read_*'], deny: ['read_secret'] },
    arguments: [{ tool: 'read_file' }],
  })
  expect(readAgentSettings({ ...RAW, deny: ['x'] }, ['x'], AROUND).policy.tools).toEqual({ deny: ['x'] })
})

test('readAgentSettings() says what is wrong with a rule', () => {
  expect(() => readAgentSettings({ ...RAW, argument: ['read_file'] }, ['x'], AROUND)).toThrow(/--argument.*read_file/)
  expect(() => readAgentSettings({ ...RAW, allow: [''] }, ['x'], AROUND)).toThrow(/tools\.allow/)
})

test('readAgentSettings() reads certificates, and trusts those of Node beside them', () => {
  verifies('link.tls-options')
  const pem = (label: string): string => `-----BEGIN ${label}-----\nAA==\n-----END ${label}-----\n`
  const files: Readonly<Record<string, string>> = {
    ca: pem('CERTIFICATE'),
    cert: pem('CERTIFICATE'),
    key: pem('EC PRIVATE KEY'),
    bad: 'text',
  }
  const around = { ...AROUND, readFile: (path: string) => files[path] ?? AROUND.readFile(path) }
  const read = (options: Partial<RawOptions>) => readAgentSettings({ ...RAW, ...options }, ['x'], around).tls
  expect(read({})).toBeUndefined()
  expect(read({ cert: 'cert', key: 'key' })).toEqual({ cert: files['cert'], key: files['key'] })
  const { ca = [] } = read({ ca: 'ca' }) ?? {}
  expect(ca.at(-1)).toBe(files['ca'])
  expect(ca.length).toBeGreaterThan(10)
  expect(() => read({ cert: 'cert' })).toThrow('--cert and --key belong together')
  expect(() => read({ ca: 'bad' })).toThrow('--ca bad holds no certificate in PEM')
  expect(() => read({ cert: 'cert', key: 'cert' })).toThrow('--key cert holds no private key in PEM')
  expect(() => read({ ca: 'gone' })).toThrow('--ca gone cannot be read: ENOENT')
})

test('readAgentSettings() takes each pattern of names once, and makes another agent of a command with others', () => {
  verifies('promise.serves.joins')
  const plain = readAgentSettings(RAW, ['x'], AROUND)
  const git = readAgentSettings({ ...RAW, serves: ['git_*', 'git_*, a,'] }, ['x'], AROUND)
  expect([plain.patterns, git.patterns]).toEqual([undefined, ['git_*', 'a']])
  expect(git.name).not.toBe(plain.name)
  expect(readAgentSettings({ ...RAW, serves: ['a', 'git_*'] }, ['x'], AROUND).name).toBe(git.name)
})
