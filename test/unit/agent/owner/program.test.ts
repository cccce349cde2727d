/** The owner's commands as their users type them, against an API that a test scripts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accountFile, readAccounts, writeAccounts } from '../../../../agent/owner/account.ts'
import { isOwnerCommand, nearOwnerCommand, nearOwnerWord, ownerCommand, runOwner } from '../../../../agent/owner/program.ts'
import { ERRORS } from '../../../../protocol/error-table.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { problem, type Replies, shareBody, TestApi, tokenBody } from './test-api.ts'
import { type TestTerminal, testTerminal } from './test-terminal.ts'

const SECRETS = { share_url: 'https://relay.example/s/c/k/secret/mcp', client_token: 'client-secret', agent_token: 'agent-secret' }
const SHARE = shareBody('c')
const AT = `shares/${String(SHARE['share'])}`

interface Ran extends TestTerminal {
  readonly asked: TestApi['asked']
}

/** Runs one command as an owner who is known by a variable. */
async function ran(args: readonly string[], replies: Replies = {}): Promise<Ran> {
  await using relay = await TestApi.start({ 'GET shares': { body: { shares: [SHARE] } }, ...replies })
  const terminal = testTerminal({ variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin } })
  await runOwner(args, terminal)
  return Object.assign(terminal, { asked: relay.asked })
}

describe('nearOwnerWord()', () => {
  test.each([
    ['shares', 'share'],
    ['tokens list docs', 'token'],
    ['--json log docs', 'logs'],
    ['Share list', 'share'],
    ['aproval docs', 'approvals'],
    ['sesions', 'sessions'],
    ['share list', undefined],
    ['npx server', undefined],
    ['node server.js', undefined],
    ['docker run', undefined],
    ['-- shares', undefined],
    ['--token shares', undefined],
    ['', undefined],
  ])('%s is like %s', (line, word) => {
    expect(nearOwnerWord(line.split(' ').filter((each) => each !== ''))).toBe(word)
  })
})

test.each([
  ['shar list', 'share list'],
  ['shares lst', 'share list'],
  ['tokens create docs', 'token create'],
  ['--json aprovals alow docs x', 'approvals allow'],
  ['shares', 'share'],
  ['shares docs', 'share'],
  ['log docs', 'logs'],
  ['npx list', undefined],
])('nearOwnerCommand() finds for %s the command %s', (line, command) => {
  expect(nearOwnerCommand(line.split(' '), testTerminal())).toBe(command)
})

describe('isOwnerCommand()', () => {
  test.each([
    ['share list', true],
    ['login https://x', true],
    ['--json owner list', true],
    ['--relay https://x token list', true],
    ['--relay=https://x share list', true],
    ['people add docs Ann', true],
    ['sessions list docs', true],
    ['logs docs --follow', true],
    ['--token t share', true],
    ['-- share list', false],
    ['--token t -- share', false],
    ['--name share -- server', false],
    ['server share list', false],
    ['--token share server', false],
    ['--help', false],
    ['', false],
  ])('takes %j for one: %j', (line, isOwners) => {
    expect(isOwnerCommand(line.split(' '))).toBe(isOwners)
  })
})

describe('share', () => {
  describe('with --upstream', () => {
    const UPSTREAM = { url: 'https://mcp.example.com/mcp', headers: ['authorization'] }
    let folder: string
    beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'mcp-edge-upstream-'))))
    afterEach(() => rmSync(folder, { recursive: true }))

    test('create and update tell the server’s URL and the headers of a file, and show no agent’s command', async () => {
      verifies('promise.upstream.commands')
      const file = join(folder, 'headers')
      writeFileSync(file, '# of the server\nAuthorization: Bearer a:b\n\n')
      const { agent_token: _, ...secrets } = SECRETS
      const options = ['--upstream', UPSTREAM.url, '--upstream-header-file', file]
      const made = await ran(['share', 'create', ...options], {
        'POST shares': { status: 201, body: { ...SHARE, ...secrets, upstream: UPSTREAM } },
      })
      const upstream = { url: UPSTREAM.url, headers: { Authorization: 'Bearer a:b' } }
      expect(JSON.parse(made.asked[0]?.body ?? '')).toEqual({ upstream })
      expect(made.written).toContain('It points at https://mcp.example.com/mcp, and needs no agent.')
      expect(made.written).toContain('The URL is shown this once.')
      expect(made.written).not.toContain('MCP_EDGE_TOKEN')
      const changed = await ran(['share', 'update', 'docs', ...options], { [`PATCH ${AT}`]: { body: { ...SHARE, upstream: UPSTREAM } } })
      expect(JSON.parse(changed.asked.at(-1)?.body ?? '')).toEqual({ upstream })
      expect(changed.written).toMatch(/points at +https:\/\/mcp\.example\.com\/mcp/)
    })

    test.each([
      [['--upstream-header-file', 'x'], /--upstream-header-file goes with --upstream/],
      [['--upstream', 'https://a.example', '--upstream-header-file', 'not/there'], /cannot be read/],
    ])('%j is refused', async (options, message) => {
      verifies('promise.upstream.commands')
      await expect(ran(['share', 'create', ...options])).rejects.toThrow(message)
    })

    test('a line of the file that is none is refused by its number, and not shown', async () => {
      verifies('promise.upstream.commands')
      const file = join(folder, 'headers')
      writeFileSync(file, 'X-Key: 1\ncanary\n')
      const failed = ran(['share', 'create', '--upstream', 'https://a.example', '--upstream-header-file', file])
      await expect(failed).rejects.toThrow(/number 2 is not/)
      await expect(failed).rejects.not.toThrow(/canary/)
    })
  })

  test('create shows the agent’s command and the owner’s link, and asks for what was said', async () => {
    const made = { status: 201, body: { ...SHARE, ...SECRETS } }
    const line = ['share', 'create', '--name', 'docs', '--expires', '3d', '--sliding', '--lanes', '4', '--location', 'weur']
    const { written, asked } = await ran(line, { 'POST shares': made })
    expect(asked[0]?.body).toBe('{"name":"docs","expires_in":259200,"sliding":true,"lanes":4,"location":"weur"}')
    expect(written).toContain('export MCP_EDGE_TOKEN=agent-secret\n  mcp-edge-agent -- npx')
    expect(written).toContain(`claude mcp add --transport http docs ${SECRETS.share_url}\n`)
    expect(written).toContain('may do everything')
    expect(written).toContain('mcp-edge-agent token create docs --read-only')
  })

  test('list and show fit 80 columns', async () => {
    const shares = [
      { ...SHARE, name: 'n'.repeat(100) },
      shareBody('d', { paused: true }),
      shareBody('e', { expires_at: '2026-01-01T00:00:00Z' }),
    ]
    const list = await ran(['share', 'list'], { 'GET shares': { body: { shares } } })
    expect(list.written.split('\n').map((row) => row.split(/ {2,}/).at(-1))).toEqual(['STATE', 'active', 'paused', 'ended', ''])
    const agent = { name: 'm'.repeat(64), product: 'mcp-edge-agent/0.1.0', isolation: 'session', connected_at: '2026-11-29T14:00:00Z' }
    const show = await ran(['share', 'show', 'docs'], { [`GET ${AT}`]: { body: { ...SHARE, agents: [agent], sessions: 3 } } })
    expect(show.written).toMatch(/^sessions +3$/m)
    expect(
      Math.max(...[list, show].flatMap(({ written }) => written.split('\n')).map((row) => (row.startsWith('URL') ? 0 : row.length))),
    ).toBe(80)
  })

  test('show has the servers of a share that have names, and behind which of them each agent is', async () => {
    verifies('servers.orders')
    const agent = { name: 'm', server: 'git', product: 'p', isolation: 'session', connected_at: '2026-11-29T14:00:00Z' }
    const servers = [
      { name: 'git', url: 'https://relay.example/s/a/git/mcp', connected: true },
      { name: 'files', url: 'https://relay.example/s/a/files/mcp', connected: false },
    ]
    const { written } = await ran(['share', 'show', 'docs'], {
      [`GET ${AT}`]: { body: { ...SHARE, servers, agents: [agent], sessions: 0 } },
    })
    expect(written).toMatch(/^SERVER +AGENT +URL\ngit +connected +https:\/\/relay\.example\/s\/a\/git\/mcp\nfiles +away /m)
    expect(written).toContain('taken out by share remove-server')
    expect(written).toMatch(/^m \(git\) /m)
  })

  test('remove-server names the server, and whose it was', async () => {
    verifies('servers.removed')
    const { written, asked } = await ran(['share', 'remove-server', 'docs', 'git'], { [`DELETE ${AT}/servers/git`]: { status: 204 } })
    expect(asked.at(-1)?.call).toBe(`DELETE ${AT}/servers/git`)
    expect(written).toContain('Server git of docs is forgotten')
    await expect(
      ran(['share', 'remove-server', 'docs', 'x'], { [`DELETE ${AT}/servers/x`]: problem(404, 'SERVER_NOT_FOUND') }),
    ).rejects.toMatchObject({ exit: 7, code: 'SERVER_NOT_FOUND' })
  })

  test('show has the last words of a server that ended by itself', async () => {
    const ended = { at: '2026-11-29T14:00:00Z', exit_code: 1, words: 'no such file\n\u001b[2Jx' }
    const agent = { name: 'm', product: 'p', isolation: 'session', connected_at: '2026-11-29T14:00:00Z', last_words: ended }
    const { written } = await ran(['share', 'show', 'docs'], { [`GET ${AT}`]: { body: { ...SHARE, agents: [agent], sessions: 0 } } })
    expect(written).toMatch(/\nA server process of m ended .* \(exit code 1\)\. Its last words:\n\n {2}no such file\n {2}\\u\{1b\}\[2Jx\n$/)
  })

  test.each<[string[], object]>([
    [['update', 'docs', '--name', 'new', '--expires', '1d'], { name: 'new', expires_in: 86_400 }],
    [['update', 'docs', '--deny', 'x', '--deny', 'y'], { policy: { access: 'admin', tools: { deny: ['x', 'y'] } } }],
    [['extend', 'docs', '--expires', '2w'], { expires_in: 1_209_600 }],
    [['update', 'docs', '--sliding', '--expires', '1d'], { sliding: true, expires_in: 86_400 }],
    [['update', 'docs', '--no-sliding'], { sliding: false }],
    [['pause', 'docs'], { paused: true }],
    [['resume', 'docs'], { paused: false }],
  ])('%j is sent as one change', async (line, body) => {
    const { asked, written } = await ran(['share', ...line], { [`PATCH ${AT}`]: { body: SHARE } })
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual(body)
    expect(written).toMatch(/^links may +do everything$/m)
  })

  test('extend does not shorten, and update changes nothing when told nothing', async () => {
    await expect(ran(['share', 'extend', 'docs', '--expires', '1d'])).rejects.toMatchObject({
      exit: 1,
      message: expect.stringContaining('shorten it with share update') as string,
    })
    await expect(ran(['share', 'update', 'docs'])).rejects.toMatchObject({ exit: 1, message: expect.stringMatching(/^Say what/) as string })
  })

  test('rotate shows what is new also when some lanes have not heard, and ends with 9 then', async () => {
    const body = { ...SHARE, ...SECRETS, unreached_lanes: [1] }
    await using relay = await TestApi.start({
      'GET shares': { body: { shares: [SHARE] } },
      [`POST ${AT}/rotate`]: { status: 201, body },
    })
    const terminal = testTerminal({ variables: { MCP_EDGE_OWNER_TOKEN: 't' } })
    const running = runOwner(['--relay', relay.origin, 'share', 'rotate', 'docs', '--agents'], terminal)
    await expect(running).rejects.toMatchObject({ exit: 9, code: 'LANES_UNREACHED' })
    expect(terminal.written).toContain(SECRETS.share_url)
    expect(terminal.written).toContain('agent-secret')
    expect(relay.asked.at(-1)?.body).toBe('{"agents":true}')
  })
})

describe('token', () => {
  const tokensAt = `${AT}/tokens`

  test.each<[string[], object, RegExp]>([
    [[], { kind: 'key' }, /may only read, until[^]*k\/secret\/mcp\n/],
    [
      ['--kind', 'client', '--name', 'Ann', '--allow', 'a'],
      { kind: 'client', name: 'Ann', policy: { tools: { allow: ['a'] } } },
      /"Bearer the-token"/,
    ],
    [['--kind', 'agent', '--expires', '1h'], { kind: 'agent', expires_in: 3600 }, /MCP_EDGE_TOKEN=the-token/],
  ])('create %j asks for %j and shows it once, with how it is used', async (line, body, shown) => {
    const secret = 'kind' in body && body.kind === 'key' ? { share_url: SECRETS.share_url } : { token: 'the-token' }
    const made = { status: 201, body: { ...tokenBody('1', { ...body, ...(line.includes('agent') ? { policy: null } : {}) }), ...secret } }
    const { asked, written } = await ran(['token', 'create', 'docs', ...line], { [`POST ${tokensAt}`]: made })
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual(body)
    expect(written).toMatch(shown)
    expect(written).toContain(`token revoke docs 1${'0'.repeat(23)}`)
  })

  test('create remarks that a link ends with its share', async () => {
    const made = { status: 201, body: { ...tokenBody('1', { expires_at: '2026-12-06T14:00:00.000Z' }), share_url: 'u' } }
    const { noted } = await ran(['token', 'create', 'docs', '--expires', '30d'], { [`POST ${tokensAt}`]: made })
    expect(noted).toMatch(/the link ends with its share.*share extend/)
  })

  test('update keeps of a policy what it is not told to change', async () => {
    const tokens = [tokenBody('1', { policy: { access: 'read', tools: { allow: ['a*'] } } })]
    const { asked } = await ran(['token', 'update', 'docs', 'Ann', '--deny', 'ab'], {
      [`GET ${tokensAt}`]: { body: { tokens } },
      [`PATCH ${tokensAt}/1${'0'.repeat(23)}`]: { body: tokenBody('1') },
    })
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({ policy: { access: 'read', tools: { allow: ['a*'], deny: ['ab'] } } })
  })

  test('list fits 80 columns and revoke ends one', async () => {
    const tokens = [tokenBody('1', { name: 'n'.repeat(100) }), tokenBody('2', { name: 'Bob', kind: 'agent', policy: null })]
    const replies = { [`GET ${tokensAt}`]: { body: { tokens } }, [`DELETE ${tokensAt}/2${'0'.repeat(23)}`]: { status: 204 } }
    const { written } = await ran(['token', 'list', 'docs'], replies)
    expect(written.split('\n').map((row) => row.length)).toEqual([68, 80, 80, 0])
    expect((await ran(['token', 'revoke', 'docs', 'Bob'], replies)).written).toMatch(/^Link Bob .* is revoked\.\n$/)
  })

  test('narrow needs nobody, takes the link from its input, and shows what it has made', async () => {
    const payload = Buffer.from(JSON.stringify({ aud: 'mcp-edge/client', jti: 'a'.repeat(24), iss: 'https://r', share: 'c' })).toString(
      'base64url',
    )
    const link = `e30.${payload}.${'A'.repeat(43)}`
    const terminal = testTerminal({ answers: [link] })
    await runOwner(['token', 'narrow', '--read-only', '--deny', 'pay', '--name', 'Bob', '--expires', '2026-12-04'], terminal)
    expect(terminal.written).toMatch(
      /^Link Bob \([0-9a-f]{24}\) made of yours: may of what yours may: only read; no tools pay, until 2026-12-04 23:59/,
    )
    await runOwner(['token', 'narrow', link, '--name', 'Bob', '--json'], Object.assign(terminal, { written: '' }))
    expect(JSON.parse(terminal.written)).toMatchObject({ parent: 'a'.repeat(24), url: 'https://r/s/c/mcp', policy: null, expires_at: null })
    await expect(runOwner(['token', 'narrow', link], terminal)).rejects.toMatchObject({
      exit: 1,
      message: expect.stringMatching(/^Say what/) as string,
    })
    await expect(runOwner(['token', 'narrow', 'x', '--read-only'], terminal)).rejects.toMatchObject({ exit: 1, code: 'LINK_MALFORMED' })
  })

  test('list names the link that one was made of', async () => {
    const tokens = [tokenBody('1'), tokenBody('2', { name: 'Bob', parent: `1${'0'.repeat(23)}` })]
    expect((await ran(['token', 'list', 'docs'], { [`GET ${tokensAt}`]: { body: { tokens } } })).written).toMatch(/Bob +of Ann +read/)
  })

  test('a policy is not for agents', async () => {
    await expect(ran(['token', 'create', 'docs', '--kind', 'agent', '--read-only'])).rejects.toMatchObject({ exit: 1, code: 'USAGE' })
  })
})

describe('owner', () => {
  const ann = { id: 'f'.repeat(24), name: 'Ann', created_at: '2026-11-29T14:00:00Z', expires_at: '2027-11-29T14:00:00Z' }

  test('create shows the token and how it is used; list and revoke know the owner by name', async () => {
    const replies = {
      'POST owners': { status: 201, body: { ...ann, owner_token: 'owner-secret' } },
      'GET owners': { body: { owners: [ann] } },
      [`DELETE owners/${ann.id}`]: { status: 204 },
    }
    const made = await ran(['owner', 'create', 'Ann', '--expires', '90d'], replies)
    expect(made.asked[0]?.body).toBe('{"name":"Ann","expires_in":7776000}')
    expect(made.written).toMatch(/\n {2}owner-secret\n[^]*login http:/)
    expect((await ran(['owner', 'list'], replies)).written).toMatch(/^OWNER +NAME +ENDS\nf{24} {2}Ann/)
    expect((await ran(['owner', 'revoke', 'Ann'], replies)).written).toContain('is removed')
  })
})

describe('login', () => {
  let home = ''
  beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'mcp-edge-login-'))))
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  test('stores an owner token that the relay takes, and shows it nowhere', async () => {
    await using relay = await TestApi.start({ 'GET shares': { body: { shares: [] } } })
    const terminal = testTerminal({ home, answers: ['the-owner-token'] })
    // The first look is without a token; this API would let anybody in.
    await runOwner(['login', relay.origin], terminal)
    expect(relay.asked.map(({ authorization }) => authorization)).toEqual([undefined, 'Bearer the-owner-token'])
    expect(readAccounts(accountFile(terminal))).toEqual({ current: relay.origin, tokens: { [relay.origin]: 'the-owner-token' } })
    expect(terminal.written + terminal.noted).not.toContain('the-owner-token')
  })

  test('stores nothing that the relay refuses, and no empty token', async () => {
    await using relay = await TestApi.start({ 'GET shares': problem(401, 'OWNER_KEY_NEEDED', ERRORS.OWNER_KEY_NEEDED.message) })
    const terminal = testTerminal({ home, answers: ['wrong'] })
    await expect(runOwner(['login', relay.origin], terminal)).rejects.toMatchObject({ exit: 3, code: 'OWNER_KEY_NEEDED' })
    await expect(runOwner(['login', relay.origin], terminal)).rejects.toMatchObject({ exit: 1, code: 'OWNER_TOKEN_MISSING' })
    expect(readAccounts(accountFile(terminal))).toEqual({ tokens: {} })
  })

  test('claims nothing where the answer could not be kept', async () => {
    await using relay = await TestApi.start({ 'GET shares': problem(503, 'RELAY_UNCLAIMED'), 'POST claim': { body: { owner_token: 'x' } } })
    writeFileSync(join(home, 'no-folder'), '')
    const terminal = testTerminal({ home, variables: { XDG_CONFIG_HOME: join(home, 'no-folder') }, answers: ['code'] })
    await expect(runOwner(['login', relay.origin], terminal)).rejects.toMatchObject({ exit: 1, code: 'ACCOUNTS_UNWRITABLE' })
    expect(relay.asked).toEqual([])
  })

  test('logout forgets the token of one relay, shows it once more, and keeps those of others', async () => {
    const terminal = testTerminal({ home })
    const file = accountFile(terminal)
    writeAccounts(file, { current: 'https://a', tokens: { 'https://a': 'x', 'https://b': 'y' } })
    await runOwner(['logout'], terminal)
    expect(readAccounts(file)).toEqual({ tokens: { 'https://b': 'y' } })
    await runOwner(['logout', '--json'], terminal)
    expect(terminal.written).toMatch(/Logged out of https:\/\/a\..*\n\n  x\n\{"relay":null,"logged_out":false\}\n$/)
  })
})

test('--json prints what the API has answered, on one line, wherever it stands', async () => {
  const before = await ran(['--json', 'share', 'list'])
  const behind = await ran(['share', 'list', '--json'])
  expect(JSON.parse(before.written)).toEqual({ shares: [SHARE] })
  expect(behind.written).toBe(before.written)
  expect(behind.written.split('\n')).toHaveLength(2)
})

test.each<[string[], RegExp]>([
  [
    ['share'],
    /^Say what to do with share: create, list, show, update, extend, pause, resume, rotate, remove-server, revoke, catalog, server-json\.$/,
  ],
  [['token', 'make'], /^token has no command make\. It has: create, list, update, revoke, narrow\.$/],
  [['share', 'lst'], /^share has no command lst\. It has: .* Did you mean share list\?$/],
  [['share', 'show'], /^missing required argument 'share'\. See: mcp-edge-agent share show --help$/],
  [['share', 'list', 'more'], /^too many arguments for 'list'.* See: mcp-edge-agent share list --help$/],
  [['--token', 't', 'share', 'list'], /^unknown option '--token'.* See: mcp-edge-agent share list --help$/],
  [['login'], /See: mcp-edge-agent login --help$/],
  [['share', 'create', '--expires', 'soon'], /^--expires soon is no time/],
])('%j is wrong in one line that says what to do', async (args, message) => {
  await expect(
    runOwner(args, testTerminal({ variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: 'http://127.0.0.1:9' } })),
  ).rejects.toMatchObject({
    exit: 1,
    code: 'USAGE',
    message: expect.stringMatching(message) as string,
  })
})

test('every command has a description, and help that a terminal of 80 columns shows', () => {
  const terminal = testTerminal()
  const all = ownerCommand(terminal).commands.flatMap((command) => [command, ...command.commands])
  expect(all.filter((command) => command.description() === '')).toEqual([])
  for (const command of all)
    for (const line of command.helpInformation().split('\n')) expect(line.length, `${command.name()}: ${line}`).toBeLessThanOrEqual(80)
})
