import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfigFile } from '../../../../agent/config/config-file.ts'
import { configJsonSchema } from '../../../schema/config-json-schema.ts'
import { Faults } from '../../../../agent/config/faults.ts'
import { CONFIG_CHARS, CONFIG_SERVERS } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const PLACES = { own: { KEY: 'k1', EMPTY: '' }, home: '/home/me', folder: '/home/me/mine' }
function read(text: string, path = 'mcp-edge.yaml'): ReturnType<typeof readConfigFile> {
  const faults = new Faults()
  const file = readConfigFile(path, text, PLACES, faults)
  faults.throwAny()
  return file
}

test('readConfigFile() takes the file of Claude Desktop and Cursor as it is', () => {
  verifies('promise.config.forms')
  const { servers, warnings } = read(
    JSON.stringify({
      globalShortcut: '',
      mcpServers: {
        files: { command: 'npx', args: ['-y', 'x', '${userHome}/docs'], env: { DEBUG: 1, KEEP: null }, autoApprove: [] },
        remote: { url: 'http://localhost:1/mcp', headers: { Authorization: 'Bearer ${env:KEY}' } },
        off: { command: 'no', disabled: true },
      },
    }),
    'claude_desktop_config.json',
  )
  expect([...servers]).toEqual([
    ['files', { command: 'npx', args: ['-y', 'x', '/home/me/docs'], env: { DEBUG: 1, KEEP: null }, autoApprove: [] }],
    ['remote', { url: 'http://localhost:1/mcp', headers: { Authorization: 'Bearer k1' } }],
  ])
  expect(warnings).toEqual(['files.autoApprove means nothing to the agent'])
})

test('readConfigFile() takes the file of VS Code, comments and commas in it', () => {
  verifies('promise.config.forms')
  const text = '{\n  // mine\n  "inputs": [],\n  "servers": {\n    "a": { "type": "http", "url": "https://x/mcp", },\n  },\n}\n'
  expect([...read(text, 'mcp.json').servers]).toEqual([['a', { type: 'http', url: 'https://x/mcp' }]])
})

test('readConfigFile() takes YAML, with a relay for all', () => {
  verifies('promise.config.forms')
  const { servers } = read(
    'relay: https://r\nservers:\n  a: { command: x, readOnly: true }\n  b: { command: "${workspaceFolder}/y", relay: https://s }\n',
  )
  expect([...servers.values()]).toEqual([
    { command: 'x', readOnly: true, relay: 'https://r' },
    { command: '/home/me/mine/y', relay: 'https://s' },
  ])
})

test('readConfigFile() takes names as programs have them, and a token of one share for all', () => {
  verifies('promise.config.forms')
  const { servers, share } = read('token: "${env:KEY}"\nrelay: "${SITE:-https://r}"\nservers: { "My Größe_2": { command: x } }\n')
  expect([...servers.keys()]).toEqual(['My Größe_2'])
  expect(share).toEqual({ token: 'k1', relay: 'https://r' })
})

test.each([
  ['another form', '[]', /servers or mcpServers/],
  ['neither', '{}', /neither/],
  ['both', '{"servers":{},"mcpServers":{}}', /both/],
  ['none enabled', 'servers: { a: { command: secret-word, disabled: true } }', /disabled/],
  ['no YAML', 'servers:\n  a: {command: "secret-word\n', /line \d/],
  ['a key twice', 'servers:\n  a: {command: x}\n  a: {command: secret-word}\n', /line 3/],
  ['another type', 'servers: { a: { command: [secret-word] } }', /servers\.a\.command/],
  ['an era that is none', 'servers: { a: { command: x, era: secret-word } }', /servers\.a\.era/],
  ['a name with a line break', 'servers: { "a\\nb": { command: x } }', /a name/],
  ['what nobody is asked', 'servers: { a: { command: x, env: { K: "${input:secret-word}" } } }', /env:NAME/],
  ['a variable that is not set', 'servers: { a: { command: "${env:NOT_SET}" } }', /NOT_SET/],
  ['too long a file', ' '.repeat(CONFIG_CHARS + 1), /KiB/],
  ['too many servers', `servers: {${Array.from({ length: CONFIG_SERVERS + 1 }, (_, n) => `s${n}: {command: x}`).join(',')}}`, /64/],
  [
    'aliases without end',
    `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n`,
    /aliases/,
  ],
])('readConfigFile() refuses %s, and says where', (_what, text, message) => {
  expect(() => read(text)).toThrow(message)
  if (!text.includes('input:')) expect(() => read(text)).not.toThrow(/secret-word/)
})

test('the JSON Schema for editors is that of the schema which validates', () => {
  verifies('promise.config.schema')
  const written: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../../../agent/mcp-edge.schema.json'), 'utf8'))
  expect(written).toEqual(JSON.parse(JSON.stringify(configJsonSchema())))
})

test('readConfigFile() says all that is wrong at once, a line each', () => {
  verifies('promise.config.check')
  expect(() => read('servers: { a: { command: 1, spare: 7 }, b: { args: x } }')).toThrow(/a\.command .*\n.*a\.spare .*\n.*b\.args /s)
  const references = 'servers: { a: { command: "${NONE}", cwd: "${input:x}" }, b: { command: "${NEITHER}" } }'
  expect(() => read(references)).toThrow(/NONE\} in a.*\n.*input:x\} in a.*\n.*NEITHER\} in b/s)
})

test('readConfigFile() reads what is right beside what is wrong, and says of which servers nothing more can be said', () => {
  verifies('promise.config.check')
  const faults = new Faults()
  const many = Array.from({ length: CONFIG_SERVERS }, (_, n) => `s${n}: {command: x}`).join(', ')
  const text = `token: 5\nservers: { a: { command: x, spare: 7, cwd: "\${NONE}" }, b: { command: 1 }, c: 3, ${many} }\n`
  const { servers, unclear, isShareUnclear } = readConfigFile('mcp-edge.yaml', text, PLACES, faults)
  expect(servers.get('a')).toEqual({ command: 'x' })
  expect(servers.size).toBe(CONFIG_SERVERS + 3)
  expect([...unclear]).toEqual(['b', 'c'])
  expect(isShareUnclear).toBe(true)
  for (const said of [/^.*: token must/m, /servers\.a\.spare/, /NONE/, /servers\.b\.command/, /servers\.c must/, /at most 64 servers/])
    expect(() => faults.throwAny()).toThrow(said)
})

test('readConfigFile() takes how links are kept, at the top for all servers and in one for itself', () => {
  verifies('promise.config.links')
  const link = 'transport: poll\npollTimeout: 10s\nmaxRetries: 3\nca: ./ca.pem\n'
  const { servers, share } = read(`${link}servers: { a: { command: x }, b: { command: x, transport: websocket, keepalive: 10s } }\n`)
  expect(share).toEqual({ transport: 'poll', pollTimeout: '10s', maxRetries: 3, ca: './ca.pem' })
  expect(servers.get('a')).toEqual({ command: 'x', ...share })
  expect(servers.get('b')).toEqual({ command: 'x', ...share, transport: 'websocket', keepalive: '10s' })
  expect(() => read('servers: { a: { command: x, transport: pigeon } }')).toThrow(/a\.transport/)
})
