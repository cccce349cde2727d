/** Tasks of an upstream, which are everybody's there: no client of the relay gets at them. */
import { afterEach, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, TestClient } from '../harness/relay.ts'
import { createUpstreamShare, FakeUpstream } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

const ENVELOPE = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
const TASKS = '"tasks":{"list":{},"cancel":{}}'
const EXTENSION = '"io.modelcontextprotocol/tasks":{}'

test.each([
  '{"jsonrpc":"2.0","id":4,"method":"tasks/list"}',
  '{"jsonrpc":"2.0","id":4,"method":"tasks/get","params":{"taskId":"of-ann"}}',
  '{"jsonrpc":"2.0","id":4,"method":"tasks/result","params":{"taskId":"of-ann"}}',
  '{"jsonrpc":"2.0","id":4,"method":"tasks/cancel","params":{"taskId":"of-ann"}}',
  '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","task":{}}}',
  '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","Task":{"ttl":1}}}',
  `{"jsonrpc":"2.0","id":4,"method":"tasks/update","params":{"taskId":"of-ann",${ENVELOPE}}}`,
  `{"jsonrpc":"2.0","id":4,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["of-ann"]},${ENVELOPE}}}`,
  `{"jsonrpc":"2.0","id":4,"method":"subscriptions/listen","params":{"notifications":{"TaskIds":["of-ann"]},${ENVELOPE}}}`,
])('%s does not go there', async (body) => {
  verifies('promise.upstream.tasks')
  const upstream = FakeUpstream.start()
  const client = new TestClient(await createUpstreamShare())
  const { method } = JSON.parse(body) as { method: string }
  const headers = body.includes('_meta') ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method } : {}
  const answer = await client.post(body, headers)
  expect(await answer.json()).toMatchObject({ id: 4, error: { code: -32000, data: { code: 'UPSTREAM_TASKS', executed: 'no' } } })
  expect(upstream.fetched).toEqual([])
})

test.each(['application/json', 'text/event-stream'])('what the server says of itself does not name them, as %s', async (type) => {
  verifies('promise.upstream.tasks')
  const upstream = FakeUpstream.start()
  const client = new TestClient(await createUpstreamShare())
  const open = '{"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}'
  const discover = `{"jsonrpc":"2.0","id":4,"method":"server/discover","params":{${ENVELOPE}}}`
  for (const [body, headers] of [
    [open, {}],
    [discover, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }],
  ] as const)
    for (const [said, shown] of [
      [`{"extensions":{${EXTENSION},"a":{}},"tools":{ },${TASKS}}`, '{"extensions":{"a":{}},"tools":{ }}'],
      [`{${TASKS},"tools":{ }}`, '{"tools":{ }}'],
      ['{"tools": { }}', '{"tools": { }}'],
    ] as const) {
      const text = `{"jsonrpc":"2.0","id":4,"result":{"capabilities":${said}}}`
      const wire = type === 'application/json' ? text : `data: ${text}\n\n`
      upstream.answer = () => new Response(wire, { headers: { 'content-type': type } })
      expect(await (await client.post(body, headers)).text()).toContain(`{"jsonrpc":"2.0","id":4,"result":{"capabilities":${shown}}}`)
    }
})

const META = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities"'
const MODERN = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }
const opening = (declared: string): string =>
  `{"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":${declared}}}`
const calling = (declared: string): string =>
  `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","_meta":{${META}:${declared}}}}`

test.each([
  ['initialize', opening, {}],
  ['a call of 2026-07-28', calling, MODERN],
])('what %s declares of them is not told to the server, and no other byte changes', async (_, request, headers) => {
  verifies('promise.upstream.tasks')
  const upstream = FakeUpstream.start()
  const client = new TestClient(await createUpstreamShare())
  for (const [said, told] of [
    [`{ "roots":{ },${TASKS}}`, '{ "roots":{ }}'],
    [`{"Tasks":{},"extensions":{"a":{"n":1.0},${EXTENSION}}}`, '{"extensions":{"a":{"n":1.0}}}'],
    ['{ "roots": {"listChanged":true} }', '{ "roots": {"listChanged":true} }'],
  ] as const) {
    expect((await client.post(request(said), headers)).status).toBe(200)
    expect(upstream.last.body).toBe(request(told))
  }
  const twice = await client.post(request(`{"extensions":{"a":{}},"Extensions":{${EXTENSION}}}`), headers)
  expect(await twice.json()).toMatchObject({ id: 4, error: { data: { code: 'UPSTREAM_TASKS', executed: 'no' } } })
  expect(upstream.fetched).toHaveLength(3)
})

test('nor is it told by the list that a call is judged by', async () => {
  verifies('promise.upstream.tasks')
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare()
  expect((await askAsOwner('PATCH', `/api/shares/${share.id}`, { policy: { access: 'read' } })).status).toBe(200)
  const client = new TestClient(share)
  expect((await client.post(calling(`{"extensions":{${EXTENSION}}}`), MODERN)).status).toBe(200)
  expect(upstream.fetched.map(({ body }) => body.includes('tools/list'))).toEqual([true, false])
  for (const { body } of upstream.fetched) expect(body).not.toContain('modelcontextprotocol/tasks')
})
