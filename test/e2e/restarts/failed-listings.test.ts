/** A server that has gone, a process that cannot be started again or an address that nobody answers: what a client is told whose call had to wait for the list of tools. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject } from '../../harness/json.ts'
import { startHttpServer } from '../../harness/http-server.ts'
import { RawClient, readAnswer } from '../../harness/raw-client.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay, StateFolder, untilPinned } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => void (relay = stack.use(await startRelay())))
afterAll(() => stack.disposeAsync())

/** A tool that the server had, and one that it never had. */
const NAMES = ['look', 'never was']

function dataIn(message: JsonObject): JsonObject {
  return asObject(asObject(message['error'])['data'])
}

/** What a client of 2026-07-28 is answered to its call. */
async function calledModern({ url, clientToken }: Share, name: string): Promise<JsonObject> {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name }
  const client = new RawClient(url, clientToken)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, _meta: meta } })
  return (await readAnswer(await client.post(body, { headers }))).last
}

test.each([['legacy'], ['modern']] as const)(
  'a server of the %s era that is gone for good is told of as that, in either revision',
  async (era) => {
    verifies('promise.7.list-failure')
    const folder = stack.use(await StateFolder.create()).path
    const share = await createServedShare(stack, relay, { command: fixture('life/goes-for-good', folder, era) })
    await untilPinned(share)
    const client = await RawClient.connect(share)
    expect((await client.callTool('look')).last).toHaveProperty('result')
    expect(await calledModern(share, 'look')).toHaveProperty('result')
    writeFileSync(join(folder, 'gone'), '')
    // The first may meet the process while it ends.
    await client.callTool('look')
    await calledModern(share, 'look')
    for (const name of NAMES) {
      const told = { code: expect.stringMatching(/^CHILD_/) as unknown, executed: 'no', retryable: false }
      expect(dataIn((await client.callTool(name)).last)).toMatchObject(told)
      expect(dataIn(await calledModern(share, name))).toMatchObject(told)
    }
  },
)

test('a server behind --url that is away is told of as that, and may be called again later', async () => {
  verifies('promise.7.list-failure')
  const server = await startHttpServer('sdk2-stateless')
  const share = await createServedShare(stack, relay, { args: ['--url', server.url] })
  await untilPinned(share)
  const client = await RawClient.connect(share)
  await server[Symbol.asyncDispose]()
  for (const name of NAMES) {
    const told = { code: 'SERVER_UNREACHABLE', executed: 'no', retryable: true }
    expect(dataIn((await client.callTool(name)).last)).toMatchObject(told)
    expect(dataIn(await calledModern(share, name))).toMatchObject(told)
  }
})
