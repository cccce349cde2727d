/** What each kind of client request asks of its Share: one round trip when warm. docs/scale.md has the same table. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { createShare, EventReader, stubOf, TestClient } from '../harness/relay.ts'
import { connected, initialize, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}'
const LIST = '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}'
const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
const METHODS = ['admit', 'call', 'send', 'park', 'parked', 'keepCall', 'keptCall', 'subscribe', 'chunk', 'end'] as const

/** What was asked of any Share, in order; `open` is a stream's upgrade. */
let asked: string[]

function note(holder: object, name: string, nameOf: (first: unknown) => string[]): void {
  const real = Object.getOwnPropertyDescriptor(holder, name)?.value as (...args: unknown[]) => unknown
  vi.spyOn(holder as Record<string, (...args: unknown[]) => unknown>, name).mockImplementation(function (
    this: unknown,
    ...args: unknown[]
  ) {
    asked.push(...nameOf(args[0]))
    return Reflect.apply(real, this, args)
  })
}

beforeEach(() => {
  asked = []
  for (const name of METHODS) note(Share.prototype, name, () => [name])
  note(Share.prototype, 'fetch', (request) => ((request as Request).url.includes('/stream?') ? ['open'] : []))
  // Told when the answer has gone out: where it arrives it would be counted with what comes next.
  note(ShareClient.prototype, 'noteListing', () => ['noteListing'])
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** What is asked of the Share in the course of this. */
async function during(act: () => Promise<unknown>): Promise<string[]> {
  asked = []
  await act()
  return asked
}

test('initialize asks once; what is kept of its answer is told the Share when the client has it', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const asks = await during(() => initialize(agent, new TestClient(share)))
  expect(asks.filter((name) => name !== 'noteListing')).toEqual(['call'])
})

test('a call asks once', async () => {
  verifies('promise.7.one')
  const { agent, client } = await connected()
  const asks = await during(async () => {
    const response = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    await (await response).text()
  })
  expect(asks).toEqual(['call'])
})

test('a call whose answer follows other messages opens its stream besides', async () => {
  const { agent, client } = await connected()
  const asks = await during(async () => {
    const response = client.postForEvents(CALL)
    const { header } = await agent.expect('call')
    agent.notify(header.ch, PROGRESS, { ra: header.ra, sure: true })
    agent.answer(header, '7', '{}')
    await (await response).text()
  })
  expect(asks).toEqual(['call', 'open'])
})

test('a list asks once; one that is as it was before is not told the Share again', async () => {
  const { agent, client } = await connected()
  const list = async (): Promise<void> => {
    const response = client.post(LIST)
    agent.answer((await agent.expect('call')).header, '7', '{"tools":[]}')
    await (await response).text()
  }
  await during(list)
  await vi.waitFor(() => expect(asked).toContain('noteListing'))
  expect(await during(list)).toEqual(['call'])
})

test('a notification asks once', async () => {
  verifies('promise.7.one')
  const { agent, client } = await connected()
  const asks = await during(async () => {
    const sent = client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')
    agent.send({ type: 'receipts', keys: [(await agent.expect('notify')).header.key] })
    await sent
  })
  expect(asks).toEqual(['send'])
})

test('a batch asks once whether it is let in, and once for each message', async () => {
  const { agent, client } = await connected()
  const asks = await during(async () => {
    const response = await client.post(`[${CALL},${CALL.replace('"id":7', '"id":8')}]`, { 'mcp-protocol-version': '2025-03-26' })
    for (const id of ['7', '8']) agent.answer((await agent.expect('call')).header, id, '{}')
    await response.text()
  })
  expect(asks).toEqual(['admit', 'call', 'call'])
})

test('a call asks twice after the policy of its link has changed, and once from then on', async () => {
  verifies('promise.7.one')
  const { share, agent, client } = await connected()
  const call = async (): Promise<void> => {
    const response = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    await (await response).text()
  }
  const trust = { version: 9, expiresAtMs: 4e12, isPaused: false, policy: '{"access":"admin"}' }
  await stubOf(share).admin({ op: 'share_changed', trust })
  expect(await during(call)).toEqual(['call', 'call'])
  expect(await during(call)).toEqual(['call'])
})

test('a cancellation asks once', async () => {
  const { agent, client } = await connected()
  const response = client.post(CALL)
  const call = await agent.expect('call')
  const asks = await during(async () => {
    const sent = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
    agent.send({ type: 'receipts', keys: [(await agent.expect('notify')).header.key] })
    await sent
  })
  agent.fail(call.header, 'CANCELLED', 'unknown')
  await (await response).text()
  expect(asks).toEqual(['send'])
})

test('GET asks once', async () => {
  verifies('promise.7.one')
  const { client } = await connected()
  let events: EventReader | undefined
  expect(await during(async () => void (events = new EventReader(await client.listen())))).toEqual(['open'])
  await events?.cancel()
})

test('GET with Last-Event-ID asks once', async () => {
  verifies('promise.7.one')
  const { agent, client } = await connected()
  const response = client.postForEvents(CALL)
  const { header } = await agent.expect('call')
  agent.notify(header.ch, PROGRESS, { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  const id = (await events.nextEvent())?.id ?? ''
  await events.cancel()
  let again: Response | undefined
  const asks = await during(async () => void (again = await client.resume(id)))
  await again?.body?.cancel()
  expect(asks).toEqual(['open'])
})

test('DELETE asks once', async () => {
  verifies('promise.7.one')
  const { client } = await connected()
  expect(await during(() => client.leave())).toEqual(['end'])
})

/** Answers a modern child's calls until one of this method has been answered; tells which came. */
async function answerUntil(agent: ScriptedAgent, method: string): Promise<string[]> {
  const methods: string[] = []
  for (;;) {
    const { header } = await agent.next()
    if (header.type !== 'call') continue
    methods.push(header.method)
    const isTools = header.method === 'tools/list'
    agent.answer(header, header.method === method ? '1' : '0', `{"resultType":"complete",${isTools ? '"tools":[]' : '"content":[]'}}`)
    if (header.method === method) return methods
  }
}

test('a call without session asks once, and three times after the tools have changed, one of them for the tools', async () => {
  verifies('promise.7.stale-is-told')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const call = async (): Promise<void> => {
    const response = callTool(share, 'a')
    await answerUntil(agent, 'tools/call')
    expect((await response).status).toBe(200)
  }
  expect(await during(call)).toEqual(['call', 'call', 'call'])
  expect(await during(call)).toEqual(['call'])
  agent.notify('m-x.1', '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  expect(await during(call)).toEqual(['call', 'call', 'call'])
  expect(await during(call)).toEqual(['call'])
})

test('a request without session that names no tool asks once, warm or not', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  for (let round = 0; round < 2; round++) {
    const asks = await during(async () => {
      const response = postModern(share, 'prompts/list')
      await answerUntil(agent, 'prompts/list')
      await (await response).text()
    })
    expect(asks.filter((name) => name !== 'noteListing')).toEqual(['call'])
  }
})

test('a request that is translated asks once when warm, and twice when the two sides have changed', async () => {
  verifies('promise.7.one', 'promise.7.two-after-change')
  const child = await HandshakeChild.connect()
  const { share } = child
  const list = async (): Promise<void> => {
    const response = postModern(share, 'prompts/list')
    child.answer(await child.expect('call'), { prompts: [] })
    await (await response).text()
  }
  const calls = async (): Promise<string[]> => (await during(list)).filter((name) => name !== 'noteListing')
  expect(await calls()).toEqual(['call', 'call'])
  expect(await calls()).toEqual(['call'])
  await child.agent.leave()
  child.agent = await ScriptedAgent.connect(share, { instance: 'two' })
  expect(await calls()).toEqual(['call', 'call'])
  expect(await calls()).toEqual(['call'])
})

test('a translated call of a tool asks once when warm, and three times after a change, one of them for the tools', async () => {
  const child = await HandshakeChild.connect()
  const call = async (request: Parameters<typeof callTool>[2] = {}): Promise<void> => {
    const response = callTool(child.share, 'a', request)
    child.answer(await child.expect('call'), { content: [] })
    await (await response).text()
  }
  expect(await during(call)).toEqual(['call', 'call', 'call'])
  expect(await during(call)).toEqual(['call'])
  // Other capabilities are another child, which may show other tools.
  expect(await during(() => call({ capabilities: {} }))).toEqual(['call', 'call', 'call'])
  child.agent.notify('m-x.1', '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  expect(await during(call)).toEqual(['call', 'call', 'call'])
})

test('a call over a link that is back asks once', async () => {
  const { share, agent, client, ch } = await connected()
  await agent.leave()
  const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
  const asks = await during(async () => {
    const response = client.post(CALL)
    for (let frame = await back.next(); ; frame = await back.next())
      if (frame.header.type === 'call') {
        back.answer(frame.header, '7', '{}')
        break
      }
    await (await response).text()
  })
  expect(asks).toEqual(['call'])
})
