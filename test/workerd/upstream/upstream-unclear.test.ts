/** Messages of an upstream that readers read differently: where something is bounded they do not pass, in whatever form they come. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, EventReader, TestClient } from '../harness/relay.ts'
import { shownWhen } from '../harness/scenes/pinned-share.ts'
import { createUpstreamShare, eventStream, FakeUpstream } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

const LIST = '{"jsonrpc":"2.0","id":8,"method":"tools/list"}'
const EVIL = '{"tools":[{"name":"evil","inputSchema":{}}]}'
const NONE = '{"tools":[]}'

/** A client of a share that hides or holds back a tool of this name. */
async function bounded(by: 'a policy' | 'pins'): Promise<{ readonly upstream: FakeUpstream; readonly client: TestClient }> {
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare(by === 'pins' ? { pinning: 'on' } : {})
  const client = new TestClient(share)
  if (by === 'a policy') {
    const policy = { access: 'admin', tools: { deny: ['evil'] }, resources: { deny: ['file:///secret'] } }
    expect((await askAsOwner('PATCH', `/api/shares/${share.id}`, { policy })).status).toBe(200)
  }
  await client.initialize()
  if (by === 'pins') await shownWhen(share, ({ unpinned }) => unpinned !== undefined)
  return { upstream, client }
}

describe.each(['a policy', 'pins'] as const)('a list that is bounded by %s', (by) => {
  test.each([
    `{"jsonrpc":"2.0","id":8,"Result":${EVIL}}`,
    `{"jsonrpc":"2.0","id":8,"re\\u017fult":${EVIL}}`,
    `{"jsonrpc":"2.0","id":8,"result":${NONE},"Result":${EVIL}}`,
    `{"jsonrpc":"2.0","id":8,"result":${EVIL},"result":${NONE}}`,
    `{"jsonrpc":"2.0","id":8,"error":{"code":1,"message":"m"},"RESULT":${EVIL}}`,
    `{"jsonrpc":"2.0","id":9,"id":8,"result":${EVIL}}`,
    `{"jsonrpc":"2.0","Id":8,"result":${EVIL}}`,
    `{"jsonrpc":"2.0","id":8,"Method":"x","method":"notifications/message","params":{},"Result":${EVIL}}`,
  ])('does not pass as %s', async (said) => {
    verifies('promise.upstream.judged')
    const { upstream, client } = await bounded(by)
    for (const [type, text, accept] of [
      ['application/json', said, 'application/json'],
      ['application/json', said, 'text/event-stream'],
      ['text/event-stream', `id: 1\ndata: ${said}\n\n`, 'application/json'],
      ['text/event-stream', `id: 1\ndata: ${said}\n\n`, 'application/json, text/event-stream'],
    ] as const) {
      upstream.answer = ({ body }) => (body === LIST ? new Response(text, { headers: { 'content-type': type } }) : undefined)
      const answer = await (await client.post(LIST, { accept })).text()
      expect(answer).toContain('UPSTREAM_BROKEN')
      expect(answer).not.toContain('evil')
    }
    upstream.answer = ({ body }) =>
      body === LIST ? new Response(said, { status: 400, headers: { 'content-type': 'application/json' } }) : undefined
    expect(await (await client.post(LIST)).text()).not.toContain('evil')
  })

  test('nobody is told what it is that has no member of a message', async () => {
    verifies('promise.upstream.judged')
    const { upstream, client } = await bounded(by)
    upstream.answer = ({ body }) => (body === LIST ? Response.json({ jsonrpc: '2.0', id: 8, data: JSON.parse(EVIL) }) : undefined)
    expect(await (await client.post(LIST)).text()).toContain('UPSTREAM_BROKEN')
  })
})

test('a change of a resource is not told where its URI stands twice, or under another spelling', async () => {
  verifies('promise.upstream.judged')
  const { upstream, client } = await bounded('a policy')
  const stream = eventStream()
  upstream.answer = ({ method }) => (method === 'GET' ? stream.response() : undefined)
  const events = new EventReader(await client.listen())
  for (const params of [
    '{"uri":"file:///secret","uri":"file:///open"}',
    '{"URI":"file:///secret"}',
    '{"uri":"file:///open","Uri":"file:///secret"}',
    '{"uri":"file:///last"}',
  ])
    stream.write(`data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":${params}}\n\n`)
  expect(await events.next()).toContain('file:///last')
  await events.cancel()
})
