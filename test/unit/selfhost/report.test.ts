import { expect, test } from 'vitest'
import { describeAgentLine, describeBusyPort, describeRelay, describeShare, isNoise, isWorkerdNoise } from '../../../selfhost/report.ts'
import { verifies } from '../../requirements/verifies.ts'

const URL = 'http://127.0.0.1:1/s/x/k/y/mcp'
const REPORT = {
  shareUrl: URL,
  hasServer: true,
  server: 's',
  dataDir: '/data',
  relay: 'http://127.0.0.1:1',
  share: 'xyz',
  expiresAt: '2027-01-02T03:04:05.000Z',
  serverFails: false,
  isSilent: false,
}

test('describeShare() has the share URL in a box that fits, what is shared, and where the data lies', () => {
  const text = describeShare({ ...REPORT, server: 'npx server' })
  const [top = '', ...lines] = text.split('\n')
  expect(lines.slice(0, 3).map((line) => line.length)).toEqual([top.length, top.length, top.length])
  expect(lines[1]?.trim().split(/\s+/)).toContain(URL)
  expect(text).toMatch(/^Sharing: {2}npx server$/m)
  expect(text).toMatch(/^Data: {5}\/data /m)
  expect(text).toMatch(/^Expires: {2}2027-01-02, /m)
})

test('describeShare() has requests to try: the inspector, and an initialize whose headers are shown', () => {
  expect(describeShare(REPORT)).toMatch(/inspector --cli http:\/\/127\.0\.0\.1:1\/s\/x\/k\/y\/mcp --method tools\/list\n.*\n.*curl -si /)
  const [, body = ''] = / -d '(.*)'/.exec(describeShare(REPORT)) ?? []
  expect(JSON.parse(body)).toMatchObject({ method: 'initialize', params: { protocolVersion: '2025-11-25' } })
})

test('describeShare() says how its owner hands out another link, and sees who calls', () => {
  verifies('promise.8.start-orders')
  const text = describeShare(REPORT)
  expect(text).toMatch(
    /^Yours: {4}log in once.*node_modules\/\.bin\/node agent\/cli\.ts login http:\/\/127\.0\.0\.1:1\n.*ownerKey in \/data\/state\.json/m,
  )
  expect(text).toContain('node_modules/.bin/node agent/cli.ts token create xyz --read-only --name Ann\n')
  expect(text).toContain('node_modules/.bin/node agent/cli.ts logs xyz --follow\n')
})

test('describeShare() has the URL of a web app, alone or before the server', () => {
  const webUrl = 'http://x-app.localhost:1/?mcp_edge_key=y'
  const both = describeShare({ ...REPORT, webUrl })
  expect(both.indexOf(webUrl)).toBeGreaterThan(0)
  expect(both.indexOf(URL)).toBeGreaterThan(both.indexOf(webUrl))
  const alone = describeShare({ ...REPORT, webUrl, hasServer: false })
  expect(alone).toContain(webUrl)
  expect(alone).not.toContain(URL)
  expect(alone).not.toContain('inspector')
})

test('describeShare() says of a server that is silent that it is', () => {
  expect(describeShare({ ...REPORT, isSilent: true })).toMatch(/^Note: {5}the server has not answered yet/m)
  expect(describeShare(REPORT)).not.toContain('has said nothing')
})

test('describeShare() promises the same URL, and with a port that was taken for one run the usual port', () => {
  expect(describeShare(REPORT)).toContain('the next start has the same share URL, whatever')
  expect(describeShare({ ...REPORT, usualPort: 8787 })).toContain('the same share URL, on port 8787 if that is free, whatever')
})

test('describeRelay() says how to claim an open relay, and how to make a share on one that has an owner', () => {
  expect(describeRelay('http://r', '/data', true)).toContain('Claim:    node_modules/.bin/node agent/cli.ts login http://r ')
  const owned = describeRelay('http://r', '/data', false)
  expect(owned).toContain('curl -X POST http://r/api/shares')
  expect(owned).toContain('/data/state.json')
  expect(owned).toMatch(/login http:\/\/r {3}and then node_modules\/\.bin\/node agent\/cli\.ts share create --name files\n/)
  expect(owned).not.toContain('claim')
  expect(owned).toContain('MCP_EDGE_TOKEN=<agent_token of the share> node_modules/.bin/node agent/cli.ts -- command')
})

const holder = { program: 'python3', pid: 12, isRelay: false }

test('describeBusyPort() names the program, what was taken for this run, and how to choose', () => {
  const text = describeBusyPort({ host: '127.0.0.1', port: 8787, holder }, 4000)
  expect(text).toBe(
    'port 8787 is in use by python3 (process 12). This run listens on port 4000 instead, which its URLs have; the next start tries 8787 again. Choose one that stays with --port.',
  )
})

test('describeBusyPort() says what to do where nothing was taken, and hides nothing where the program is not known', () => {
  const unknown = { isRelay: false }
  expect(describeBusyPort({ host: '::1', port: 1, holder: unknown })).toBe(
    'port 1 is in use by another program: end that program, or choose another with --port.',
  )
})

test('describeBusyPort() says of a relay how a server is shared through it', () => {
  expect(describeBusyPort({ host: '0.0.0.0', port: 8787, holder: { ...holder, isRelay: true } }, 4000)).toMatch(
    /An mcp-edge relay listens there.*--relay http:\/\/127\.0\.0\.1:8787 -- command/,
  )
})

test.each([
  ['{"time":"t","level":"info","event":"ready","agent":"a","n":1}', '[agent] info ready agent=a n=1'],
  ['{"time":"t","level":"info","event":"child.stderr","line":"hello there"}', '[server] hello there'],
  ['no JSON', 'no JSON'],
])('describeAgentLine() of %s is %s', (line, text) => {
  expect(describeAgentLine(line)).toBe(text)
})

test('describeShare() says that the server fails, where it was seen to', () => {
  verifies('promise.8.failing-start')
  const text = describeShare({ ...REPORT, serverFails: true })
  expect(text).toMatch(/^Sharing: {2}s\nProblem: {2}.*every call fails/m)
})

test.each([
  ['{"level":"info","event":"ready"}', [true, false]],
  ['{"level":"debug","event":"era"}', [true, false]],
  ['{"level":"warn","event":"link.lost"}', [false, false]],
  ['{"level":"info","event":"child.stderr","line":"x"}', [false, false]],
  ['no JSON', [false, false]],
])('isNoise() of %s before and after the share is up is %j', (line, expected) => {
  expect([isNoise(line, false), isNoise(line, true)]).toEqual(expected)
})

test.each([
  ['workerd/api/per-isolate-bootstrap.c++:457: warning: NOSENTRY per-isolate bootstrap compile cache failed; check = 5', true],
  ['workerd/server/server.c++:10: warning: the disk is nearly full', false],
  ['claim code: NOSENTRY', false],
  ['{"event":"link.open"}', false],
])('isWorkerdNoise() of %s is %s', (line, isNoiseOfIt) => {
  expect(isWorkerdNoise(line)).toBe(isNoiseOfIt)
})
