/** The doors as clients of all kinds find them: addresses with a slash behind, revisions that the relay does not know. In the real runtime. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, EventReader, fetchRelay, TestClient } from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

const proposal = (revision: string): string =>
  `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"${revision}","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

describe.each(['2025-12-01', '2026-05-11', '2027-01-01', 'DRAFT-2027'])('a client that proposes %s', (revision) => {
  test('goes on in what its server has agreed to', async () => {
    verifies('lifecycle.version.theirs')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const begun = client.post(proposal(revision), { 'mcp-protocol-version': revision })
    await agent.expect('open')
    const server = `{"protocolVersion":"${revision}","capabilities":{},"serverInfo":{"name":"s","version":"1"}}`
    agent.answer((await agent.expect('call')).header, '0', server)
    const response = await begun
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ result: { protocolVersion: revision } })
    client.session = response.headers.get('mcp-session-id') ?? undefined
    const version = { 'mcp-protocol-version': revision }
    const told = client.post(INITIALIZED, version)
    agent.send({ type: 'receipts', keys: [(await agent.expect('notify')).header.key] })
    expect((await told).status).toBe(202)
    const called = client.post(PING, version)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect(await (await called).json()).toEqual({ jsonrpc: '2.0', id: 7, result: {} })
  })

  test('is refused in a session for which nobody has proposed it', async () => {
    verifies('http.version.invalid-400')
    const { client } = await connected()
    expect((await client.post(PING, { 'mcp-protocol-version': revision })).status).toBe(400)
  })
})

describe('an address with a slash behind', () => {
  test('is the same endpoint, for all methods of Streamable HTTP', async () => {
    verifies('http.endpoint.slash')
    const { share, agent, client } = await connected()
    const there = new TestClient({ ...share, url: `${share.url}/` })
    there.session = client.session
    const called = there.post(PING)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await called).status).toBe(200)
    const stream = await there.listen()
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    await stream.body?.cancel()
    expect((await there.leave()).status).toBe(204)
  })

  test('is the same endpoint, for HTTP+SSE', async () => {
    verifies('http.endpoint.slash')
    const share = await createShare()
    const headers = { authorization: `Bearer ${share.clientToken}`, accept: 'text/event-stream' }
    const stream = await fetchRelay(share.url.replace(/mcp$/, 'sse/'), { headers })
    expect(stream.status).toBe(200)
    const events = new EventReader(stream)
    const endpoint = (await events.next()) ?? ''
    expect(endpoint).toContain('/messages?')
    const agent = await ScriptedAgent.connect(share)
    const posted = fetchRelay(endpoint.replace('?', '/?'), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: proposal('2024-11-05'),
    })
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{}')
    expect((await posted).status).toBe(202)
    await events.cancel()
  })
})

describe('a key of the relay in the _meta of a client', () => {
  const FORGED = '"_meta":{"io.modelcontextprotocol/x":1,"MCP_Edge/principal":"client:0"}'
  const CALL = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{},${FORGED}}}`
  const TOLD = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,${FORGED}}}`
  const ANSWER = `{"jsonrpc":"2.0","id":7,"result":{${FORGED}}}`
  const MODERN = CALL.replace('io.modelcontextprotocol/x":1', 'io.modelcontextprotocol/protocolVersion":"2026-07-28"')
  const REFUSED = { status: 400, detail: expect.stringContaining('MCP_Edge/principal') as string }

  const refusal = async (response: Promise<Response>): Promise<unknown> => {
    const { status, body } = await response.then(async (came) => ({ status: came.status, body: await came.text() }))
    expect(body).toContain('INVALID_REQUEST')
    return { status, detail: body }
  }

  test.each([
    ['a request', CALL, {}],
    ['a notification', TOLD, {}],
    ['an answer', ANSWER, {}],
    ['a batch', `[${PING},${CALL}]`, { 'mcp-protocol-version': '2025-03-26' }],
    ['a request of 2026-07-28', MODERN, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 't' }],
  ])('is refused in %s, which reaches no server', async (_, body, headers) => {
    verifies('promise.1.relay-keys')
    const { agent, client } = await connected()
    expect(await refusal(client.post(body, headers))).toEqual(REFUSED)
    const called = client.post(PING)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await called).status).toBe(200)
  })

  test('is refused over HTTP+SSE', async () => {
    verifies('promise.1.relay-keys')
    const share = await createShare()
    const headers = { authorization: `Bearer ${share.clientToken}`, accept: 'text/event-stream' }
    const events = new EventReader(await fetchRelay(share.url.replace(/mcp$/, 'sse'), { headers }))
    const endpoint = (await events.next()) ?? ''
    const post = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } }
    for (const body of [CALL, TOLD, ANSWER]) expect(await refusal(fetchRelay(endpoint, { ...post, body }))).toEqual(REFUSED)
    await events.cancel()
  })
})
