/** What neither era knows: it comes through the bridge as it was sent, in both directions. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeAsk } from '../../../../worker/bridge/input/asks.ts'
import {
  discoverResult,
  initializeResult,
  readDiscoverResult,
  readInitializeResult,
  type ServerFacts,
} from '../../../../worker/bridge/discover.ts'
import { serverRequest } from '../../../../worker/bridge/input/input-rounds.ts'
import { legacyResultEdits, toModernRequest } from '../../../../worker/bridge/legacy-to-modern.ts'
import { modernResultEdits, toLegacyRequest } from '../../../../worker/bridge/modern-to-legacy.ts'
import { isEnvelopeKey, META } from '../../../../worker/bridge/names.ts'
import { numberText, stringText, valueText } from '../../protocol/json-arbitrary.ts'
import { bytesOf, editedBy, textOf } from './bytes.ts'

/** Members that no era knows, as JSON texts by key, in the order in which they are sent. */
type Members = readonly (readonly [key: string, text: string])[]

const ERA_KEYS: ReadonlySet<string> = new Set([
  '_meta',
  'task',
  'inputResponses',
  'requestState',
  'resultType',
  'ttlMs',
  'cacheScope',
  'tools',
])

const vendorKey = fc.oneof(
  fc.constantFrom(
    'io.modelcontextprotocol/ui',
    'io.modelcontextprotocol/some-ext',
    'com.example/x',
    'x',
    'traceparent',
    '__proto__',
    'name',
  ),
  fc.string({ maxLength: 12 }),
)

function members(isKnown: (key: string) => boolean): fc.Arbitrary<Members> {
  return fc
    .uniqueArray(fc.tuple(vendorKey, fc.oneof(valueText, numberText, stringText)), {
      selector: ([key]) => key,
      maxLength: 5,
    })
    .map((all) => all.filter(([key]) => !isKnown(key)))
}

const params = members((key) => ERA_KEYS.has(key))
const meta = members((key) => isEnvelopeKey(key) || key === 'progressToken')
const METHODS = ['tools/call', 'tools/list', 'prompts/get', 'resources/read', 'completion/complete', 'vendor/method']

function objectOf(all: Members, more: readonly string[] = []): string {
  return `{${[...all.map(([key, text]) => `${JSON.stringify(key)}:${text}`), ...more].join(',')}}`
}

/** Whether each member stands in an object's text, byte for byte. */
function expectAll(text: string, all: Members): void {
  for (const [key, value] of all) expect(text).toContain(`${JSON.stringify(key)}:${value}`)
}

describe('a request of a client', () => {
  test.each([
    ['of 2026-07-28', toLegacyRequest],
    [
      'of the handshake era',
      (body: Uint8Array, method: string) => toModernRequest(body, method, { [META.protocolVersion]: '"2026-07-28"' }),
    ],
  ] as const)('%s keeps the members of params and _meta that the other era does not know', (_, translate) => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), params, meta, (method, ownParams, ownMeta) => {
        const sent = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${objectOf(ownParams, [`"_meta":${objectOf(ownMeta)}`])}}`
        const got = textOf(translate(bytesOf(sent), method))
        expectAll(got, [...ownParams, ...ownMeta])
      }),
    )
  })

  test('keeps input, state and task where its method has none', () => {
    const sent = '{"id":1,"method":"vendor/x","params":{"task":1,"inputResponses":2,"requestState":3}}'
    expect(textOf(toLegacyRequest(bytesOf(sent), 'vendor/x'))).toBe(sent)
    expect(textOf(toLegacyRequest(bytesOf(sent), 'tools/call'))).toBe('{"id":1,"method":"vendor/x","params":{}}')
    expect(textOf(toLegacyRequest(bytesOf(sent), 'prompts/get'))).toBe('{"id":1,"method":"vendor/x","params":{"task":1}}')
  })
})

describe('a result of a server', () => {
  test.each([
    ['of the handshake era', (bytes: Uint8Array, method: string) => modernResultEdits(bytes, { method })],
    ['of 2026-07-28', (bytes: Uint8Array, method: string) => legacyResultEdits(bytes, { method })],
  ] as const)('%s keeps the members of the result and its _meta that the other era does not know', (_, edits) => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), params, meta, (method, own, ownMeta) => {
        const sent = `{"jsonrpc":"2.0","id":1,"result":${objectOf(own, [`"_meta":${objectOf(ownMeta)}`])}}`
        expectAll(
          editedBy(sent, (bytes) => edits(bytes, method)),
          [...own, ...ownMeta],
        )
      }),
    )
  })
})

describe("a server's introduction", () => {
  const RESULT_KEYS = ['capabilities', 'serverInfo', 'instructions', 'protocolVersion', 'supportedVersions']
  const own = members((key) => ERA_KEYS.has(key) || RESULT_KEYS.includes(key))

  test.each([
    ['of the handshake era', readInitializeResult, discoverResult],
    ['of 2026-07-28', readDiscoverResult, (server: ServerFacts) => initializeResult(server, '2025-11-25')],
  ] as const)('%s keeps the members of its result and _meta that the other era does not know', (_, read, write) => {
    fc.assert(
      fc.property(own, meta, (ownResult, ownMeta) => {
        const result = objectOf(ownResult, ['"capabilities":{}', `"_meta":${objectOf(ownMeta)}`])
        const server = read(bytesOf(`{"jsonrpc":"2.0","id":0,"result":${result}}`))
        if (server === undefined) throw new Error('not read')
        expectAll(write(server), [...ownResult, ...ownMeta])
      }),
    )
  })
})

describe('what a server asks', () => {
  const ASKS = ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const
  const own = members(
    (key) => ERA_KEYS.has(key) || ['mode', 'elicitationId', 'method', 'params', 'tools', 'toolChoice', 'includeContext'].includes(key),
  )

  test('of the handshake era keeps the members of its params and _meta', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ASKS), own, meta, (method, ownParams, ownMeta) => {
        const sent = `{"jsonrpc":"2.0","id":7,"method":"${method}","params":${objectOf(ownParams, [`"_meta":${objectOf(ownMeta, ['"progressToken":1'])}`])}}`
        const verdict = judgeAsk(bytesOf(sent), '7', method, new Set(['elicitation', 'sampling', 'roots']))
        if (verdict.kind !== 'ask') throw new Error(`the ask is not put: ${verdict.kind}`)
        expectAll(verdict.request, [...ownParams, ...ownMeta])
        expect(JSON.parse(verdict.request).params._meta?.progressToken).toBeUndefined()
      }),
    )
  })

  test('of 2026-07-28 keeps the members of its params and _meta', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ASKS), own, meta, (method, ownParams, ownMeta) => {
        const text = objectOf(ownParams, [`"_meta":${objectOf(ownMeta)}`])
        expectAll(serverRequest({ key: 'k', method, params: text, isUrl: false, needed: [] }, '1', 'e', '2025-11-25'), [
          ...ownParams,
          ...ownMeta,
        ])
      }),
    )
  })
})
