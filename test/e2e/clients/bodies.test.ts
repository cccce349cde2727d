/** Bodies of the same era are bytes: what one side wrote is what the other reads, number for number and key for key. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawResult } from '../../fixtures/raw-result.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, startRelay } from '../../harness/selfhost.ts'
import { toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

/** Arguments that a parse and re-serialise would change. */
const ODD_ARGUMENTS =
  '{"zeta":9007199254740993,"alpha":1.0 ,"e":1e2,"E":1E+2,"neg":-0,"tiny":1e-7,"escaped":"\\u6f22\\ud83d\\ude42\\/",' +
  '"raw":"漢字 🙂 é /","2":"two","1":"one","same":1,"same":2,"lineSeparator":"\u2028"}'

async function connect(isolate: 'session' | 'share'): Promise<RawClient> {
  const share = await createServedShare(stack, relay, { command: fixture('raw-bodies'), args: ['--isolate', isolate] })
  return RawClient.connect(share)
}

/** The line that the server read for the call with this mark. */
async function lineReceived(client: RawClient, mark: string): Promise<string> {
  const answer = await client.callTool('received', { mark })
  return Buffer.from(toolText(answer.last['result']), 'base64').toString('utf8')
}

describe('with a child of its own', () => {
  let client: RawClient
  beforeAll(async () => {
    client = await connect('session')
  })

  test('a request reaches the server byte for byte', async () => {
    verifies('promise.1.bodies-untouched', 'link.messages-kept')
    const body = `{ "params":{"arguments":${ODD_ARGUMENTS},"name":"mark"},"id":9007199254740993 ,"method":"tools/call","x":1.0,"jsonrpc":"2.0"}`
    const answer = await client.exchange(body)
    expect(toolText(answer.last['result'])).toBe('marked')
    expect(await lineReceived(client, '"x":1.0')).toBe(body)
  })

  test('line ends inside a body never cut the line of the server', async () => {
    verifies('stdio.one-line')
    const body = '{"jsonrpc":"2.0",\n\t"id":1,\r\n"method":"tools/call","params":{"name":"mark","arguments":{"pretty":"yes\\n"}}}'
    expect(toolText((await client.exchange(body)).last['result'])).toBe('marked')
    const line = await lineReceived(client, '"pretty"')
    expect(line.replaceAll(/[\r\n\t ]/g, '')).toBe(body.replaceAll(/[\r\n\t ]/g, ''))
  })

  test.each(['application/json', 'text/event-stream'])('a result reaches the client byte for byte as %s', async (accept) => {
    verifies('promise.1.bodies-untouched')
    const answer = await client.exchange('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"raw"}}', { accept })
    expect(answer.bodies.at(-1)?.toString('utf8')).toBe(`{"result": ${rawResult} ,"id":7,"jsonrpc":"2.0"}`)
  })
})

describe('with a shared child', () => {
  let client: RawClient
  beforeAll(async () => {
    client = await connect('share')
  })

  test('only the id and the progress token of a request change', async () => {
    verifies('promise.1.ids-assigned', 'promise.1.bodies-untouched')
    const body = (id: string, token: string): string =>
      `{ "params":{"arguments":${ODD_ARGUMENTS},"_meta":{"a":1.0,"progressToken":${token}},"name":"mark"},"id":${id} ,"shared":1.0,"method":"tools/call","jsonrpc":"2.0"}`
    await client.exchange(body('9007199254740993', '"\\u00e9 token"'))
    const line = await lineReceived(client, '"shared":1.0')
    const [, token = '', id = ''] = /"progressToken":([^}]+)\},"name":"mark"\},"id":(\S+) ,/.exec(line) ?? []
    expect(line).toBe(body(id, token))
    expect(Number(id)).toBeLessThan(2 ** 31)
  })

  test('only the id of a result changes', async () => {
    verifies('promise.1.ids-assigned', 'promise.1.bodies-untouched')
    const answer = await client.exchange('{"jsonrpc":"2.0","id":"\\u00e9 id","method":"tools/call","params":{"name":"raw"}}')
    expect(answer.bodies.at(-1)?.toString('utf8')).toBe(`{"result": ${rawResult} ,"id":"\\u00e9 id","jsonrpc":"2.0"}`)
  })
})
