/** Many clients with the same ids and the same progress tokens: no answer, progress or request may reach another. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { type Command, createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { type Answer, RawClient } from '../../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function shareOf(command: Command, ...args: string[]): Promise<Share> {
  return createServedShare(stack, relay, { command, args })
}

async function sessions(share: Share, count: number): Promise<RawClient[]> {
  const clients = Array.from({ length: count }, () => new RawClient(share.shareUrl))
  await Promise.all(clients.map((client) => client.initialize({ capabilities: { elicitation: {} } })))
  return clients
}

function progressTags(answer: Answer): unknown[] {
  const progress = answer.messages.filter(({ method }) => method === 'notifications/progress')
  return progress.map(({ params }) => [asObject(params)['progressToken'], asObject(params)['message']])
}

/** Calls with ids from 0, progress tokens equal to them and tags of the client's own; each answer must carry all three back. */
async function callAndCheck(client: RawClient, owner: string, calls: number): Promise<void> {
  const ids = Array.from({ length: calls }, (_, id) => id)
  const answers = await Promise.all(
    ids.map((id) => {
      const params = { name: 'progress', arguments: { steps: 3, tag: `${owner}.${id}` }, _meta: { progressToken: id } }
      return client.exchange(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }))
    }),
  )
  for (const [id, answer] of answers.entries()) {
    expect(answer.last['id']).toBe(id)
    expect(toolText(answer.last['result'])).toBe(`sent 3 for ${owner}.${id}`)
    expect(progressTags(answer)).toEqual([1, 2, 3].map(() => [id, `${owner}.${id}`]))
  }
}

test('16 clients with a child each, all ids from 0, interleaved', async () => {
  verifies('promise.1.same-ids')
  const clients = await sessions(await shareOf(fixture('echo')), 16)
  await Promise.all(clients.map((client, index) => callAndCheck(client, `client ${index}`, 12)))
})

describe('--isolate share', () => {
  test('200 clients on one child, all ids from 0, interleaved', async () => {
    verifies('promise.1.same-ids')
    const clients = await sessions(await shareOf(fixture('echo'), '--isolate', 'share'), 200)
    await Promise.all(clients.map((client, index) => callAndCheck(client, `client ${index}`, 4)))
  }, 120_000)

  test('a child that keeps ids in 32 bits serves ids that do not fit, and they come back as they were written', async () => {
    verifies('promise.1.ids-assigned')
    const share = await shareOf(fixture('echo', '--ids-32bit'), '--isolate', 'share')
    const clients = await sessions(share, 4)
    const ids = ['0', '1', '"1"', '"a long text id"', '9007199254740993', '4294967297', '-1', '1.5', '"\\u00e9"']
    await Promise.all(
      clients.flatMap((client, index) =>
        ids.map(async (id) => {
          const text = `client ${index} ${id}`
          const params = JSON.stringify({ name: 'echo', arguments: { text } })
          const answer = await client.exchange(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`)
          expect(toolText(answer.last['result'])).toBe(text)
          expect(answer.bodies.at(-1)?.toString()).toContain(`"id":${id}`)
        }),
      ),
    )
  })

  test('a cancellation reaches the call of its own client only', async () => {
    verifies('cancel.own-requests')
    const [one, other] = await sessions(await shareOf(fixture('echo'), '--isolate', 'share'), 2)
    if (!one || !other) throw new Error('no sessions')
    const wait = (client: RawClient, key: string): Promise<Answer> =>
      client.exchange(JSON.stringify({ jsonrpc: '2.0', id: 'same', method: 'tools/call', params: { name: 'wait', arguments: { key } } }))
    const calls = [wait(one, 'one'), wait(other, 'other')]
    for (const key of ['one', 'other']) await one.callTool('waiting', { key })
    await one.notify('notifications/cancelled', { requestId: 'same' })
    expect(JSON.parse(toolText((await one.callTool('cancelled')).last['result']))).toHaveLength(1)
    await other.callTool('open', { key: 'other' })
    const [cancelled, answered] = await Promise.all(calls)
    expect(cancelled?.last).not.toHaveProperty('result')
    expect(toolText(answered?.last['result'])).toBe('opened other')
  })

  test('the child learns of no capability that asks a client', async () => {
    verifies('lifecycle.capabilities.server-asks')
    const share = await shareOf(fixture('echo'), '--isolate', 'share')
    const client = new RawClient(share.shareUrl)
    await client.initialize({ capabilities: { sampling: {}, elicitation: {}, roots: {} } })
    const seen = asObject(JSON.parse(toolText((await client.callTool('client-info')).last['result'])))
    for (const capability of ['sampling', 'elicitation', 'roots']) {
      expect(seen['capabilities']).not.toHaveProperty(capability)
    }
  })

  test('all sessions have one process, and with --isolate session each has its own', async () => {
    const pids = async (share: Share): Promise<number> => {
      const clients = await sessions(share, 3)
      const answers = await Promise.all(clients.map((client) => client.callTool('pid')))
      return new Set(answers.map((answer) => toolText(answer.last['result']))).size
    }
    expect(await pids(await shareOf(fixture('echo'), '--isolate', 'share'))).toBe(1)
    expect(await pids(await shareOf(fixture('echo'), '--isolate', 'session'))).toBe(3)
  })
})

test('requests of the server go to the one client whose call caused them', async () => {
  verifies('promise.1.asks-certain')
  const clients = await sessions(await shareOf(fixture('echo')), 4)
  await Promise.all(
    clients.map(async (client, index) => {
      const asked: unknown[] = []
      const answer = await client.callTool(
        'elicit',
        { message: `for ${index}` },
        {
          onMessage: (message) => {
            if (message['method'] !== 'elicitation/create') return
            asked.push(asObject(message['params'])['message'])
            void client.respond(message['id'], { action: 'accept', content: { name: `user ${index}` } })
          },
        },
      )
      expect(asked).toEqual([`for ${index}`])
      expect(toolText(answer.last['result'])).toContain(`user ${index}`)
    }),
  )
})
