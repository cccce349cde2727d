/** `prepareConfig()`, with what it makes of each server (agent/config/configured-servers.ts). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { agentCommand, parse } from '../../../../agent/config/options.ts'
import { prepareConfig } from '../../../../agent/config/prepare-config.ts'
import type { PreparedServer } from '../../../../agent/config/prepared-server.ts'
import { tokenVariable } from '../../../../agent/config/configured-servers.ts'
import { verifies } from '../../../requirements/verifies.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-config-'))
mkdirSync(join(folder, 'docs'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

function token(share: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ aud: 'mcp-edge/agent', share, iss: 'https://relay.example.com' })}.${'x'.repeat(43)}`
}

function prepared(config: object, ...args: readonly string[]): readonly PreparedServer[] {
  writeFileSync(join(folder, 'mcp-edge.json'), JSON.stringify(config))
  const command = agentCommand()
  parse(command, ['--config', 'mcp-edge.json', ...args])
  return prepareConfig(command, folder)
}

const A = { token: token('a'), command: 'x' }
const B = { token: token('b'), command: 'y' }

test('prepareConfig() makes settings of each server, found from where the file is', () => {
  verifies('promise.config.forms')
  writeFileSync(join(folder, 'b.token'), token('b'))
  const [a, b] = prepared({
    servers: {
      a: {
        ...A,
        args: ['1'],
        env: { K: 'v' },
        cwd: 'docs',
        maxChildren: 3,
        maxCalls: 4,
        spread: true,
        serves: ['git_*'],
        spare: 1,
        readOnly: true,
        deny: ['d'],
        mask: false,
      },
      b: { tokenFile: 'b.token', url: 'http://localhost:1/sse', headers: { H: 'v v v v v v' } },
    },
  })
  expect(a).toMatchObject({ server: 'a', childEnv: { K: 'v' } })
  expect(a?.settings).toMatchObject({
    command: 'x',
    args: ['1'],
    cwd: join(folder, 'docs'),
    maxChildren: 3,
    maxCalls: 4,
    spreads: true,
    patterns: ['git_*'],
    hasSpare: true,
    masks: false,
    policy: { access: 'read' },
  })
  expect(b?.settings).toMatchObject({ token: token('b'), http: { transport: 'sse', headers: [['H', 'v v v v v v']] }, maxChildren: 32 })
  expect(b?.mask.apply('v v v v v v')).toBe('[secret]')
})

test('prepareConfig() puts the command line over variables, and those over the file', () => {
  verifies('promise.config.precedence')
  const config = { servers: { a: { ...A, maxChildren: 3, era: 'modern', isolate: 'share', env: { K: 'file', L: 'file' } }, b: B } }
  vi.stubEnv('MCP_EDGE_MAX_CHILDREN', '7')
  vi.stubEnv('MCP_EDGE_ERA', 'both')
  vi.stubEnv('MCP_EDGE_READ_ONLY', '1')
  const [a] = prepared(config, '--max-children', '8', '--env', 'K=line')
  expect(a?.settings).toMatchObject({ maxChildren: 8, era: 'both', isolation: 'share', policy: { access: 'read' } })
  expect(a?.childEnv).toMatchObject({ K: 'line', L: 'file' })
})

test('prepareConfig() takes the token of a server from its variable, and that of the only one from where it is given', () => {
  verifies('promise.config.precedence')
  expect(tokenVariable('my-docs.1')).toBe('MCP_EDGE_TOKEN_MY_DOCS_1')
  vi.stubEnv('MCP_EDGE_TOKEN_A', token('c'))
  expect(prepared({ servers: { a: A, b: B } }).map(({ settings }) => settings.token)).toEqual([token('c'), token('b')])
  vi.stubEnv('MCP_EDGE_TOKEN', token('d'))
  expect(prepared({ servers: { a: A, b: B } })[1]?.settings.token).toBe(token('b'))
  expect(prepared({ servers: { a: A } })[0]?.settings.token).toBe(token('d'))
})

test('prepareConfig() serves what has no token of its own under one share, each by its name', () => {
  verifies('promise.config.one-share')
  const servers = { a: { command: 'x' }, 'My Docs': { command: 'x' }, b: B }
  const all = prepared({ token: token('s'), relay: 'https://other.example', servers })
  expect(all.map(({ settings, parts }) => [settings.server, settings.token, parts?.map(({ name }) => name)])).toEqual([
    ['a', token('s'), undefined],
    ['my-docs', token('s'), undefined],
    [undefined, token('b'), undefined],
    [undefined, token('s'), ['a', 'my-docs']],
  ])
  expect(new Set(all.map(({ settings }) => settings.relay))).toEqual(new Set(['https://other.example']))
  // The same command in the same folder: two agents all the same.
  expect(all[0]?.settings.name).not.toBe(all[1]?.settings.name)
  expect(all[0]?.warnings).toEqual([expect.stringContaining('My Docs is served as my-docs')])
})

test('prepareConfig() takes the token of that share from the command line, over variables, over the file', () => {
  verifies('promise.config.precedence')
  const config = { token: token('file'), servers: { a: { command: 'x' }, b: { command: 'y' } } }
  const tokens = (...args: readonly string[]): string[] =>
    prepared({ ...config, merge: false }, ...args).map(({ settings }) => settings.token)
  expect(tokens()).toEqual([token('file'), token('file')])
  vi.stubEnv('MCP_EDGE_TOKEN', token('variable'))
  expect(tokens()).toEqual([token('variable'), token('variable')])
  expect(tokens('--token', token('line'))).toEqual([token('line'), token('line')])
  vi.stubEnv('MCP_EDGE_TOKEN', '')
  expect(tokens()).toEqual([token('file'), token('file')])
  writeFileSync(join(folder, 's.token'), token('s'))
  expect(prepared({ tokenFile: 's.token', servers: { a: { command: 'x' } } })[0]?.settings).toMatchObject({
    server: 'a',
    token: token('s'),
  })
})

test('prepareConfig() serves one server to several shares, each for itself', () => {
  verifies('promise.config.copies')
  const all = prepared({ servers: { a: { command: 'x', tokens: [token('p'), token('q')] } } })
  expect(all.map(({ settings }) => settings.token)).toEqual([token('p'), token('q')])
  expect(new Set(all.map(({ key }) => key)).size).toBe(2)
  const [before] = prepared({ servers: { a: { command: 'x', token: token('p') } } })
  // One more share touches none that is there.
  expect([before?.key, before?.settings]).toEqual([all[0]?.key, all[0]?.settings])
})

test('prepareConfig() takes a web app: of a server with its token, else of the share', () => {
  verifies('promise.config.web')
  const web = { http: 'http://localhost:3000', headers: { 'X-A': 'secret-value' }, keepHost: true, readOnly: true }
  const [own] = prepared({ servers: { a: { ...web, token: token('a') } } }, '--header', 'X-B: other-value')
  expect(own?.settings).toMatchObject({ command: undefined, web: { keepsHost: true } })
  expect(own?.settings.web?.headers).toEqual([
    ['x-a', 'secret-value'],
    ['x-b', 'other-value'],
  ])
  expect(own?.mask.apply('secret-value')).toBe('[secret]')
  const of = (servers: object): unknown[] =>
    prepared({ token: token('s'), merge: false, servers }).map(({ settings }) => [
      settings.server,
      settings.command ?? settings.http?.url.href,
      settings.web?.origin.href,
      settings.policy.access,
    ])
  const app = [undefined, undefined, 'http://localhost:3000/', 'read']
  expect(of({ a: web, b: { command: 'y' } })).toEqual([['b', 'y', undefined, 'admin'], app])
  expect(of({ a: { ...web, command: 'x' } })).toEqual([['a', 'x', undefined, 'read'], app])
})

test('prepareConfig() makes one server of those of a share, whose own bounds stay their own', () => {
  verifies('promise.merged.lists')
  const servers = {
    a: { command: 'x', allow: ['read_*'], tellPrincipal: true, maxChildren: 3 },
    B: { command: 'y', prefix: false, http: 'http://localhost:3000', readOnly: true },
    c: { command: 'z', merge: false },
    d: { command: 'w', isolate: 'share' },
    e: { http: undefined, url: 'http://localhost:1/mcp' },
    f: { url: 'http://localhost:2/mcp', passAuth: true },
  }
  const all = prepared({ token: token('s'), relay: 'https://r.example', servers })
  const root = all.at(-1)
  expect(root?.parts?.map(({ name, isBare, prepared: { settings } }) => [name, isBare, settings.server])).toEqual([
    ['a', false, 'a'],
    ['b', true, 'b'],
    ['e', false, 'e'],
  ])
  expect(root?.settings).toMatchObject({ era: 'legacy', relay: 'https://r.example', maxChildren: 32, tellsPrincipal: false, env: [] })
  expect(root?.settings.web?.origin.href).toBe('http://localhost:3000/')
  // Of the web app alone.
  expect(root?.settings.policy).toMatchObject({ access: 'read' })
  expect(root?.parts?.[0]?.prepared.settings.policy.tools).toMatchObject({ allow: ['read_*'] })
  expect(all[0]?.warnings).toContainEqual(expect.stringMatching(/^d has one process for all/))
  // A policy cannot know at the share's address that a name without a prefix is this server's.
  expect(all[0]?.warnings).toContainEqual(
    expect.stringMatching(/^B has prefix: false: a policy's patterns with b__ bound it at its own address/),
  )
  expect(all.flatMap(({ warnings }) => warnings).filter((warning) => /prefix/.test(warning))).toHaveLength(1)
  const [other] = prepared({ token: token('s'), relay: 'https://r.example', servers: { ...servers, a: { command: 'other' } } }).slice(-1)
  expect([other?.key, other?.settings]).toEqual([root?.key, root?.settings])
})

test('prepareConfig() leaves out of the merged server whose clients sign in at itself, and says so', () => {
  verifies('promise.http.pass-auth')
  const servers = { a: { url: 'http://localhost:1/mcp', passAuth: true }, b: { command: 'x' } }
  const all = prepared({ token: token('s'), servers })
  expect(all.map(({ name, settings, parts }) => [name, settings.http?.passesAuth, parts?.map((part) => part.name)])).toEqual([
    ['a', true, undefined],
    ['b', undefined, undefined],
    ['share', undefined, ['b']],
  ])
  expect(all.flatMap(({ warnings }) => warnings)).toEqual([expect.stringContaining('a signs its clients in by itself (passAuth)')])
  expect(() => prepared({ servers: { a: { command: 'x', token: token('s'), passAuth: true } } })).toThrow(/--pass-auth is for a server/)
})

test('prepareConfig() makes none of them where the file says so', () => {
  const servers = { a: { command: 'x' }, b: { command: 'y' } }
  expect(prepared({ token: token('s'), merge: false, servers })).toHaveLength(2)
  expect(prepared({ token: token('s'), servers: { a: { command: 'x', merge: false } } })).toHaveLength(1)
})

test.each<[string, object, readonly string[], RegExp]>([
  [
    'two servers without a prefix',
    { a: { command: 'x', prefix: false }, b: { command: 'y', prefix: '' } },
    ['--token', token('s')],
    /a and b both have prefix: false/,
  ],
  [
    'two web apps of one share',
    { a: { http: 'http://x' }, b: { http: 'http://y' } },
    ['--token', token('s')],
    /a and b both have a web app/,
  ],
  ['tokens in two ways', { a: { ...A, tokens: [token('b')] } }, [], /server a has more than one of token/],
  ['the same share twice', { a: { command: 'x', tokens: [token('b'), token('b')] } }, [], /tokens of the same share/],
  ['a type of no server', { a: { token: token('a'), http: 'http://x', type: 'http' } }, [], /type http, and a web app alone/],
  ['one name for several', { a: A, b: B }, ['--name', 'n'], /leave out --name/],
  ['no token', { a: { command: 'x' }, b: B }, [], /server a has no token.*MCP_EDGE_TOKEN_A/],
  ['neither command nor url', { a: { token: A.token } }, [], /server a has neither a command nor a url: give one/],
  ['both', { a: { ...A, url: 'http://x/' } }, [], /server a has a command and a url: give one/],
  ['a type that is another', { a: { ...A, type: 'http' } }, [], /server a has the type http/],
  ['one share twice', { a: A, b: { ...B, token: A.token } }, [], /a and b have tokens of the same share/],
  ['what its option refuses', { a: { ...A, idleStop: 'soon' } }, [], /^a: --idle-stop soon/],
  ['a command beside the file', { a: A }, ['--', 'x'], /leave out the command/],
  ['one token for several', { a: A, b: B }, ['--token', 't'], /leave out --token/],
])('prepareConfig() refuses %s', (_what, servers, args, message) => {
  expect(() => prepared({ servers }, ...args)).toThrow(message)
})

test('prepareConfig() says all that is wrong at once, a line each', () => {
  verifies('promise.config.check')
  const config = {
    servers: {
      two: { ...A, url: 'http://localhost:1/mcp' },
      none: { command: 'x' },
      good: { token: token('c'), command: 'z' },
      far: { ...B, cwd: 'nowhere' },
    },
  }
  const lines = faultsOf(config)
  expect(lines).toHaveLength(3)
  for (const part of ['The server two has a command and a url', 'The server none has no token', 'far: --cwd'])
    expect(
      lines.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1)
})

test('prepareConfig() says with them what is wrong with the form of the file, with links, tokens and how many servers there are', () => {
  verifies('promise.config.check')
  const many = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`s${at}`, { command: 'x' }]))
  const config = {
    token: token('s'),
    servers: {
      ...many,
      era: { command: 'x', era: 'new', idleStop: 'soon', maxCalls: 1 },
      bad: { command: 'x', token: 'no token', pollTimeout: '2m', pollRetryDelay: '1h', argument: ['x', 'y'], cwd: 'nowhere' },
      app: { http: 'http://a/path' },
      b: { ...B, token: token('a') },
      a: A,
      file: { command: 'x', tokenFile: 'none.token', reconnectDelay: 'soon' },
    },
  }
  const lines = faultsOf(config)
  const parts = [
    'servers.era.era',
    'era: --idle-stop soon',
    'has 18 servers without a token of their own, and one share has 16 at most',
    'bad: This is no agent token',
    'bad: --poll-timeout 2m',
    'bad: --poll-retry-delay 1h',
    'bad: --cwd',
    'share: --http http://a/path',
    'b and a have tokens of the same share',
    'file: --token-file',
    'file: --reconnect-delay soon',
  ]
  for (const part of parts)
    expect(
      lines.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1)
  expect(lines.filter((line) => line.startsWith('bad: --allow, --deny or --argument'))).toHaveLength(2)
  expect(lines).toHaveLength(parts.length + 2)
})

test('prepareConfig() looks at all else of servers whose token is missing', () => {
  verifies('promise.config.check')
  const servers = { a: { command: 'x', idleStop: 'soon' }, b: { http: 'http://a/path' }, c: { url: 'ftp://x', headers: { Host: 'x' } } }
  const parts = [
    'a has no token',
    'b has no token',
    'c has no token',
    'a: --idle-stop',
    'share: --http',
    'c: --url must',
    'c: The header Host',
  ]
  const lines = faultsOf({ servers })
  for (const part of parts)
    expect(
      lines.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1)
  expect(lines).toHaveLength(parts.length)
  expect(faultsOf({ token: 5, servers: { a: servers.a } })).toEqual([
    expect.stringMatching(/token must be/),
    'a: --idle-stop soon must be a time such as 90s, 30m or 1h, or 0, of at most 24 days.',
  ])
})

test('prepareConfig() says once what is wrong with the token of a share, however many servers it is for', () => {
  verifies('promise.config.check')
  const servers = { a: { command: 'x', idleStop: 'soon' }, b: { command: 'y' } }
  expect(faultsOf({ token: 'no token', servers })).toEqual([
    expect.stringMatching(/^share: This is no agent token/),
    expect.stringMatching(/^a: --idle-stop/),
  ])
  expect(faultsOf({ tokenFile: 'none', servers })[0]).toMatch(/^share: --token-file .*none cannot be read: ENOENT/)
})

/** What is said to be wrong, line by line. */
function faultsOf(config: object): readonly string[] {
  try {
    prepared(config)
    return []
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : []
  }
}

test('prepareConfig() keeps links as the file says, and as the command line says before it', () => {
  verifies('promise.config.links')
  writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n')
  const link = { transport: 'poll', pollTimeout: '10s', pollRetryDelay: '2s', websocketRetry: '1m', ca: 'ca.pem' }
  const config = {
    token: token('s'),
    ...link,
    maxRetries: 4,
    servers: { a: { command: 'x' }, b: { ...B, transport: 'websocket', reconnectDelay: '5s', keepalive: '9s' } },
  }
  const polls = { kind: 'poll', pollTimeoutMs: 10_000, pollRetryMs: 2000, webSocketRetryMs: 60_000 }
  const [a, b, root] = prepared(config)
  expect(a?.settings).toMatchObject({ transport: polls, maxRetries: 4, reconnectDelayMs: 1000 })
  expect(b?.settings).toMatchObject({
    transport: { ...polls, kind: 'websocket' },
    maxRetries: 4,
    reconnectDelayMs: 5000,
    keepaliveMs: 9000,
  })
  expect(root?.settings).toMatchObject({ transport: polls, maxRetries: 4 })
  expect(root?.settings).not.toHaveProperty('server')
  for (const one of [a, b, root]) expect(one?.settings.tls?.ca?.at(-1)).toContain('BEGIN CERTIFICATE')
  // Other programs say there how the server speaks.
  const others = { c: { token: token('c'), url: 'http://localhost:1/x', transport: 'sse' }, d: { ...B, transport: 'stdio' } }
  const [c, d] = prepared({ servers: others })
  expect([c?.settings.http?.transport, c?.settings.transport.kind, d?.settings.transport.kind]).toEqual(['sse', 'auto', 'auto'])
  vi.stubEnv('MCP_EDGE_TRANSPORT', 'auto')
  const given = prepared(config, '--poll-timeout', '5s').map(({ settings }) => settings.transport)
  expect(given).toEqual(Array.from({ length: 3 }, () => ({ ...polls, kind: 'auto', pollTimeoutMs: 5000 })))
})
