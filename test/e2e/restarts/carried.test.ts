/** What no revision knows comes out as it went in, through real parts: members of capabilities, params, `_meta` and results, in all pairings of client and server, and lists of any length. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { asObject, type JsonObject } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { createShare, fixture, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'

const META = 'io.modelcontextprotocol/'
const ERAS = ['legacy', 'modern'] as const
type Era = (typeof ERAS)[number]

const stack = new AsyncDisposableStack()
let relay: Relay
const shares = new Map<Era, Share>()

beforeAll(async () => {
  relay = stack.use(await startRelay())
  for (const era of ERAS) {
    // A list that changes with each run would be held back until its owner has accepted it.
    const share = await createShare(relay, { pinning: 'off' })
    stack.use(await startAgent(share, { command: fixture('gives-back', era), args: ['--max-children', '200'] }))
    shares.set(era, share)
  }
}, 120_000)
afterAll(() => stack.disposeAsync())

/** Names that nobody has given a meaning, and some that others have: none that a reader could take for a key of routing. */
const key = fc.oneof(
  fc.constantFrom('com.example/x', `${META}ui`, `${META}unheard-of`, 'traceparent', 'constructor', 'ttl', 'execution'),
  fc.string({ maxLength: 10 }).map((text) => `x${text}`),
)
/** JSON that survives being read and written by JavaScript, -0 apart. */
const valueOf = (maxDepth: number): fc.Arbitrary<unknown> =>
  fc.jsonValue({ maxDepth }).map((json): unknown => JSON.parse(JSON.stringify(json)))

function objectsOf<T>(value: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<JsonObject> {
  return fc
    .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength })
    .map((entries) => asObject(Object.fromEntries(entries)))
}

const members = objectsOf(
  valueOf(3).filter((one) => one !== null),
  5,
)
const objects = objectsOf(members, 3)
/** Of a list with thousands of entries, of which no more than 200,000 values may be made. */
const few = objectsOf(valueOf(1), 3)

/** A client of an era on a share: its next request. */
type Asker = (method: string, params: JsonObject, meta?: JsonObject) => Promise<JsonObject>

/** What a client answers to what its server asks: nobody but the two knows what it means. */
const ANSWER = { result: 'yes', 'com.example/x': 1 }

async function clientOf(era: Era, { url, clientToken }: Share, capabilities: JsonObject): Promise<Asker> {
  const client = new RawClient(url, clientToken)
  if (era === 'legacy') {
    await client.initialize({ capabilities })
    const onMessage = ({ method, id }: JsonObject): void => {
      if (method === 'com.example/ask') void client.respond(id, ANSWER)
    }
    return async (method, params, meta = {}) => (await client.request(method, { ...params, _meta: meta }, { onMessage })).last
  }
  const ask: Asker = async (method, params, meta = {}) => {
    const own = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: capabilities }
    const named = typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...named }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: { ...meta, ...own } } })
    const { last } = await client.exchange(body, { headers })
    const { resultType, inputRequests, requestState } = asObject(last['result'] ?? {})
    if (resultType !== 'input_required') return last
    const inputResponses = Object.fromEntries(Object.keys(asObject(inputRequests)).map((asked) => [asked, ANSWER]))
    return ask(method, { ...params, inputResponses, ...(requestState === undefined ? {} : { requestState }) }, meta)
  }
  return ask
}

function shareOf(era: Era): Share {
  const share = shares.get(era)
  if (share === undefined) throw new Error('the shares were not made')
  return share
}

const PAIRINGS = ERAS.flatMap((client) => ERAS.map((server) => ({ client, server })))

describe.each(PAIRINGS)('a $client client and a $server server', ({ client, server }) => {
  test('find all that the other has said, in params, _meta and results', async () => {
    verifies('promise.1.unknown-members')
    const ask = await clientOf(client, shareOf(server), {})
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('tools/call', 'x.example/give'),
        members,
        members,
        members,
        members,
        async (method, params, meta, result, resultMeta) => {
          const args = { ...params, name: 'give', arguments: { result: { ...result, _meta: resultMeta } } }
          const { result: got } = await ask(method, args, meta)
          expect(got).toMatchObject({ ...result, content: [] })
          expect(asObject(asObject(got)['_meta'] ?? {})).toMatchObject(resultMeta)
          const { told } = asObject(asObject(got)['structuredContent'])
          expect(asObject(told)['params']).toEqual(args)
          expect(asObject(told)['meta']).toMatchObject(meta)
        },
      ),
      { numRuns: 40 },
    )
  }, 120_000)

  test('find all that the client declares', async () => {
    verifies('promise.1.unknown-members')
    await fc.assert(
      fc.asyncProperty(members, objects, objects, async (capabilities, extensions, experimental) => {
        const declared = { ...capabilities, extensions, experimental }
        const ask = await clientOf(client, shareOf(server), declared)
        const { result } = await ask('tools/call', { name: 'give', arguments: {} })
        expect(asObject(asObject(asObject(result)['structuredContent'])['told'])['capabilities']).toEqual(declared)
      }),
      { numRuns: 12 },
    )
  }, 120_000)

  test('find results and requests of an extension that the client has declared', async () => {
    verifies('promise.1.extension-kinds')
    const ask = await clientOf(client, shareOf(server), { extensions: { 'com.example/x': {} } })
    const kind = { resultType: 'com.example/partial', x: 1 }
    expect((await ask('tools/call', { name: 'give', arguments: { result: kind } }))['result']).toMatchObject(kind)
    const { result } = await ask('tools/call', { name: 'give', arguments: { asks: true } })
    expect(asObject(result)['structuredContent']).toEqual({ answer: ANSWER })
  }, 60_000)

  test('find each tool of a list as it was listed, however long that is', async () => {
    verifies('promise.1.unknown-members')
    const ask = await clientOf(client, shareOf(server), {})
    const tool = fc.tuple(few, few).map(([own, meta]) => {
      const { execution: _, ...others } = own
      return { ...others, _meta: meta, inputSchema: { type: 'object' } }
    })
    await fc.assert(
      fc.asyncProperty(fc.array(tool, { minLength: 1, maxLength: 5 }), fc.constantFrom(0, 1, 7, 300, 3000), async (some, length) => {
        const listed = Array.from({ length }, (_, at) => ({ ...some[at % some.length], name: `tool-${at}` }))
        await ask('tools/call', { name: 'give', arguments: { tools: listed } })
        const { result } = await ask('tools/list', {})
        expect(asObject(result)['tools']).toEqual(listed)
      }),
      { numRuns: 12 },
    )
  }, 120_000)
})
