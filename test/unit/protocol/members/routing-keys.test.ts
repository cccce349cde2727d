import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scanClientMessage, scanMessage } from '../../../../protocol/json/json-scan.ts'
import { foldKey } from '../../../../protocol/members/routing-keys.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { spelled } from '../json-arbitrary.ts'

const encoder = new TextEncoder()
const scan = (text: string): ReturnType<typeof scanClientMessage> => scanClientMessage(encoder.encode(text))

/** Letters that some reader holds equal to an ASCII letter: other case, other width, other style, and those that only folding makes equal. */
function alike(letter: string): string[] {
  const code = letter.toLowerCase().charCodeAt(0) - 0x61
  if (code < 0 || code > 25) return [letter]
  const others: Readonly<Record<string, readonly string[]>> = { s: ['ſ'], k: ['\u212a'], i: ['ı', 'İ', '\u2170'] }
  const upper = String.fromCodePoint(0xff21 + code)
  const lower = String.fromCodePoint(0xff41 + code)
  return [
    letter.toLowerCase(),
    letter.toUpperCase(),
    upper,
    lower,
    String.fromCodePoint(0x1d400 + code),
    ...(others[letter.toLowerCase()] ?? []),
  ]
}

/** A key that is read as another one by readers that fold, and is not it; spelled with escapes or without. */
function imitation(key: string): fc.Arbitrary<string> {
  const letters = [...key].map((letter) => fc.constantFrom(...alike(letter)))
  return fc
    .tuple(...letters)
    .map((parts) => parts.join(''))
    .filter((other) => other !== key)
    .chain((other) => spelled(other))
}

const PLACES: readonly (readonly [method: string, level: string, key: string])[] = [
  ...['jsonrpc', 'id', 'method', 'params', 'result', 'error'].map((key) => ['tools/list', 'root', key] as const),
  ['tools/list', 'params', '_meta'],
  ['notifications/cancelled', 'params', 'requestId'],
  ['notifications/progress', 'params', 'progressToken'],
  ['notifications/progress', 'params', 'progress'],
  ['resources/read', 'params', 'uri'],
  ['resources/subscribe', 'params', 'uri'],
  ['resources/unsubscribe', 'params', 'uri'],
  ['tools/call', 'params', 'name'],
  ['prompts/get', 'params', 'name'],
  ['tasks/get', 'params', 'taskId'],
  ['tasks/cancel', 'params', 'taskId'],
  ['tools/call', '_meta', 'progressToken'],
  ...['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel', 'subscriptionId'].map(
    (name) => ['tools/call', '_meta', `io.modelcontextprotocol/${name}`] as const,
  ),
]

/** A message with one member more, at a level of it; in front of the others or behind them. */
function message(method: string, level: string, member: string, isFirst: boolean): string {
  const put = (at: string, members: string): string => {
    if (at !== level) return members
    if (members === '') return member
    return isFirst ? `${member},${members}` : `${members},${member}`
  }
  const params = put('params', `"arguments":{},"_meta":{${put('_meta', '"x":1')}}`)
  return `{${put('root', `"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params}}`)}}`
}

describe('scanClientMessage() and keys that look like one of routing', () => {
  test.each(PLACES)('of %s, in %s: refuses what folds to %s, alone or beside it', (method, level, key) => {
    verifies('promise.1.keys-unmistakable')
    fc.assert(
      fc.property(imitation(key), fc.boolean(), fc.boolean(), (other, isFirst, isBeside) => {
        const own = isBeside && level !== 'root' && key !== '_meta' ? `"${key}":"7",` : ''
        const refused = scan(message(method, level, `${own}${other}:7`, isFirst))
        expect(refused).toEqual({ ok: false, error: { reason: 'look_alike_key', key: JSON.parse(other) } })
      }),
      { numRuns: 60 },
    )
  })

  test.each(PLACES)('of %s, in %s: refuses %s twice and names it', (method, level, key) => {
    verifies('promise.1.keys-unmistakable')
    const twice = `"${key}":"7","${key}":"8"`
    expect(scan(message(method, level, twice, true))).toEqual({ ok: false, error: { reason: 'duplicate_key', key } })
  })

  test.each([
    '{"jsonrpc":"2.0","id":1,"ID":2,"result":{}}',
    '{"jsonrpc":"2.0","Id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"},"\\u0049D":2}',
    '{"jsonrpc":"2.0","id":1,"result":{},"Method":"notifications/cancelled"}',
    '{"jsonrpc":"2.0","Method":"notifications/cancelled","Params":{"requestId":1}}',
    '{"id":1,"METHOD":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","\u200bid":2}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","id\\u0000":2}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","ID\\u0000é":2}',
  ])('refuses %s', (text) => {
    expect(scan(text)).toMatchObject({ ok: false, error: { reason: 'look_alike_key' } })
  })

  test.each([
    message('notifications/cancelled', 'params', '"request_id":7', false),
    message('notifications/cancelled', 'params', '"requestId":1,"request-id":7', false),
    message('notifications/progress', 'params', '"progress_token":7', false),
    message('tasks/cancel', 'params', '"task_id":"t"', false),
    message('tools/call', 'params', '"meta":{"progressToken":7}', false).replace('"_meta":{},', ''),
    message('tools/call', 'params', '"META":{"progressToken":7}', true),
    message('tools/call', 'params', '"\uff3fmeta":{}', true),
    message('vendor/do', 'params', '"__meta":{}', true),
    message('tools/call', '_meta', '"progress_token":7', false),
  ])('refuses the name that a field has in the language of a reader: %s', (text) => {
    verifies('promise.1.keys-unmistakable')
    expect(scan(text)).toMatchObject({ ok: false, error: { reason: 'look_alike_key' } })
  })

  test('lets pass what only looks like a key of another method, of another level, or of a longer word', () => {
    for (const text of [
      message('tools/call', 'params', '"RequestId":1,"Uri":"u","TaskID":"t","ProgressToken":1', false),
      message('vendor/do', 'params', '"Name":"n","URI":"u"', false),
      message('tools/call', 'params', '"Id":1,"Method":"m","Result":1', false),
      message('vendor/do', 'params', '"meta":{},"Meta":{},"request_id":1', false),
      message('tools/call', 'params', '"request_id":1,"task_id":"t"', false),
      message('tools/call', '_meta', '"request_id":1', false),
      message('tools/call', '_meta', '"ID":1,"Name":"n","com.example/ClientInfo":{}', false),
      message('tools/call', 'root', '"ids":1,"identity":2,"methods":[]', false),
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"ID":1,"id":2,"Id":3,"Name":"x"}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"ID":1,"Error":2}}',
    ])
      expect(scan(text), text).toMatchObject({ ok: true })
  })

  test('agrees with scanMessage() on everything else', () => {
    for (const { 1: level, 2: key } of PLACES) {
      if (level === 'root') continue
      const bytes = encoder.encode(message('tools/call', level, `"${key}":"7"`, false).replaceAll('"_meta":{"x":1},', ''))
      const plain = scanMessage(bytes)
      if (plain.ok) expect(scanClientMessage(bytes)).toEqual(plain)
    }
  })
})

describe('scanClientMessage() and keys of the relay', () => {
  const RELAY_KEY = 'mcp-edge/principal'
  const refusal = (key: unknown): unknown => ({ ok: false, error: { reason: 'relay_key', key } })
  const answer = (member: string): string => `{"jsonrpc":"2.0","id":1,"result":{"x":1,"_meta":{"y":1,${member}}}}`

  test.each(['tools/call', 'initialize', 'vendor/do', 'notifications/progress'])(
    'refuses them in any spelling, in _meta of %s',
    (method) => {
      verifies('promise.1.relay-keys')
      fc.assert(
        fc.property(fc.oneof(imitation(RELAY_KEY), spelled(RELAY_KEY)), fc.boolean(), (key, isFirst) => {
          expect(scan(message(method, '_meta', `${key}:"7"`, isFirst))).toEqual(refusal(JSON.parse(key)))
          expect(scan(answer(`${key}:"7"`))).toEqual(refusal(JSON.parse(key)))
        }),
        { numRuns: 60 },
      )
    },
  )

  test.each([
    'mcp-edge/',
    'mcp-edge/restarted',
    'mcp_edge/x',
    'McpEdge/x',
    'mcp\u200b-edge/x',
    `mcp-edge/${'x'.repeat(100_000)}`,
    `${'\u200b'.repeat(600)}mcp-edge/x`,
  ])('refuses %.30s, and tells its beginning', (key) => {
    verifies('promise.1.relay-keys')
    expect(scan(message('tools/call', '_meta', `${JSON.stringify(key)}:"7"`, false))).toEqual(refusal(key.slice(0, 64)))
  })

  test('lets pass what begins otherwise, or stands elsewhere', () => {
    for (const text of [
      message('tools/call', '_meta', '"mcp-edge":1,"mcp-edges/x":1,"com.example/mcp-edge/x":1,"x-mcp-edge/y":1', false),
      message('tools/call', '_meta', `"${'x'.repeat(100_000)}":1,"other":{"${RELAY_KEY}":1}`, false),
      message('tools/call', 'params', `"${RELAY_KEY}":1`, false),
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"_meta":{"${RELAY_KEY}":1}}}}`,
      `{"jsonrpc":"2.0","id":1,"result":{"${RELAY_KEY}":1,"_meta":[{"${RELAY_KEY}":1}]}}`,
    ])
      expect(scan(text), text.slice(0, 200)).toMatchObject({ ok: true })
  })

  test('are no matter in what a server says', () => {
    const text = message('tools/call', '_meta', `"${RELAY_KEY}":1`, false)
    expect(scanMessage(encoder.encode(text))).toMatchObject({ ok: true })
  })
})

describe('foldKey()', () => {
  test('gives one form to all case and width variants of ASCII keys', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z/.]{1,24}$/), (key) => {
        expect(foldKey(key)).toBe(key)
        expect(foldKey(key.toUpperCase())).toBe(key)
        expect(foldKey(key.toUpperCase().toLowerCase())).toBe(key)
      }),
    )
  })

  test('keeps apart what no reader holds equal', () => {
    expect(new Set(['id', 'íd', 'i.d', 'ids', 'đi'].map(foldKey)).size).toBe(5)
  })
})
