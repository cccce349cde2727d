import { expect, test } from 'vitest'
import { givenUrl, readOptions, unusedVariables, usage, UsageError } from '../../../selfhost/options.ts'
import { verifies } from '../../requirements/verifies.ts'

test('readOptions() has safe defaults', () => {
  verifies('sse.loopback', 'http.loopback')
  expect(readOptions([])).toEqual({
    port: undefined,
    host: '127.0.0.1',
    data: undefined,
    publicUrl: undefined,
    lanes: undefined,
    pin: false,
    json: false,
    openClaim: false,
    relayOnly: false,
    help: false,
    verbose: false,
    agent: [],
    command: [],
  })
})

test('givenUrl() is the last one that is given, or that of the variable, without what may be a key', () => {
  expect(givenUrl(['--url', 'http://a/mcp', '--url=http://b/mcp?key=1'], { MCP_EDGE_URL: 'http://c/' })).toBe('http://b/mcp')
  expect(givenUrl(['--url', 'http://a/mcp'], {})).toBe('http://a/mcp')
  expect(givenUrl([], { MCP_EDGE_URL: 'http://c/mcp' })).toBe('http://c/mcp')
  expect(givenUrl([], { MCP_EDGE_URL: '' })).toBeUndefined()
})

test('readOptions() leaves everything after -- to the server', () => {
  expect(readOptions(['--json', '--', 'npx', '--json', '--', '--port', 'x'])).toMatchObject({
    json: true,
    port: undefined,
    command: ['npx', '--json', '--', '--port', 'x'],
  })
})

test('readOptions() runs just the relay when it is to be claimed', () => {
  expect(readOptions(['--open-claim'])).toMatchObject({ openClaim: true, relayOnly: true })
})

test.each(['0', '8787', '65535'])('readOptions() takes --port %s', (port) => {
  expect(readOptions(['--port', port]).port).toBe(Number(port))
})

test.each(['1', '8', '64'])('readOptions() takes --lanes %s', (lanes) => {
  expect(readOptions(['--lanes', lanes]).lanes).toBe(Number(lanes))
})

test.each([
  ['--lanes', '0'],
  ['--lanes', '3'],
  ['--lanes', '128'],
  ['--lanes', ''],
  ['--lanes', '8x'],
  ['--lanes', '8', '--relay-only'],
  ['--port', '65536'],
  ['--port', '-1'],
  ['--port', '80x'],
  ['--port', ''],
  ['--prot', '1'],
  ['--relay-only', 'npx'],
  ['--relay-only', '--env', 'A=1'],
  ['--token', 't', '--', 'npx'],
  ['--public-url', 'mcp.example.com'],
  ['--relay-only', '--', 'npx'],
  ['--json=yes'],
])('readOptions() refuses %s %s', (...args) => {
  expect(() => readOptions(args)).toThrow(UsageError)
})

test('readOptions() hands on what the agent takes, with its values', () => {
  const args = ['--env', 'KEY=1', '--port', '0', '--max-children=3', '--replica', '--era', 'legacy', '--verbose', '--', 'npx', '--env', 'x']
  expect(readOptions(args)).toMatchObject({
    port: 0,
    verbose: true,
    agent: ['--env', 'KEY=1', '--max-children=3', '--replica', '--era', 'legacy', '--verbose'],
    command: ['npx', '--env', 'x'],
  })
})

test('readOptions() understands a command without the dashes before it', () => {
  expect(readOptions(['--json', 'npx', '-y', 'server', '--', '--port'])).toMatchObject({
    json: true,
    command: ['npx', '-y', 'server', '--', '--port'],
  })
})

test('usage() has the options of npm start and those of the agent, but for the ones that it sets itself', () => {
  expect(usage()).toMatch(/--public-url.*--relay-only.*--isolate.*--env <key\[=value\]>/s)
  expect(usage()).not.toMatch(/--token|--relay <|--gateway|--local-stdio/)
})

test.each([
  [['--gateway', 'https://gateway.example.com']],
  [['--gateway=https://gateway.example.com', '--', 'npx']],
  [['--relay', 'https://relay.example.com']],
  [['--token', 't', '--', 'npx']],
  [['--config', 'mcp-edge.yaml']],
  [['--check']],
])('readOptions() refuses %j, which is for the agent alone, and says so', (args) => {
  verifies('seeds.start-options')
  const name = args[0]?.split('=')[0]
  expect(() => readOptions(args)).toThrow(`${name} is for the agent alone: npm start runs a relay and a share of its own.`)
  expect(() => readOptions([], { npm_lifecycle_event: 'start', npm_config_gateway: 'https://x' })).toThrow(
    '--gateway is for the agent alone',
  )
})

test('unusedVariables() names those that are given for a run of the agent alone', () => {
  verifies('seeds.start-options')
  expect(unusedVariables({ REVERSE_PROXY_GATEWAY: 'https://x', MCP_EDGE_TOKEN: 't', MCP_EDGE_RELAY: '', MCP_EDGE_ERA: 'legacy' })).toMatch(
    /^MCP_EDGE_TOKEN, REVERSE_PROXY_GATEWAY: not looked at/,
  )
  expect(unusedVariables({ MCP_EDGE_MAX_CHILDREN: '3' })).toBeUndefined()
})

test('readOptions() takes the command of --local-stdio in the place of one after --', () => {
  verifies('seeds.start-options')
  for (const given of [['--local-stdio', 'uvx "my server" x'], ['--local-stdio=uvx "my server" x']])
    expect(readOptions(['--json', ...given, '--era', 'legacy'])).toMatchObject({
      json: true,
      agent: ['--era', 'legacy'],
      command: ['uvx', 'my server', 'x'],
    })
  expect(() => readOptions(['--local-stdio', 'uvx', '--', 'npx'])).toThrow(/not both/)
  expect(() => readOptions(['--local-stdio', 'uvx "x'])).toThrow(/--local-stdio must be/)
})

const npm = { npm_lifecycle_event: 'start' }

test.each([
  ['port', { npm_config_port: 'true' }],
  ['relay-only', { npm_config_relay_only: 'true' }],
  ['env', { npm_config_env: 'A=B' }],
])('readOptions() refuses --%s that npm took for its own, and says how it is meant', (name, env) => {
  expect(() => readOptions(['9000'], { ...npm, ...env })).toThrow(UsageError)
  expect(() => readOptions(['9000'], { ...npm, ...env })).toThrow(`npm start -- --${name} …`)
})

test('readOptions() takes --json of npm for its own, and nothing of npm when npm has not started it', () => {
  expect(readOptions([], { ...npm, npm_config_json: 'true' })).toEqual(readOptions(['--json']))
  expect(readOptions([], { npm_config_json: 'true', npm_config_port: '9000' })).toEqual(readOptions([]))
})

test.each(['--data', '--host', '--public-url', '--port', '--lanes'])('readOptions() refuses an empty %s', (option) => {
  expect(() => readOptions([option, ''])).toThrow(`${option} is empty`)
})
