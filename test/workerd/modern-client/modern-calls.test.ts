/** Requests without sessions (MCP 2026-07-28) in the real runtime: groups, cancellation, sleep. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { postModern, postText } from '../harness/handshake-child.ts'
import { createShare, EventReader, stubOf } from '../harness/relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

test('clients of one principal and one set of capabilities share a child; others get their own', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const channels: string[] = []
  for (const capabilities of [{}, {}, { sampling: {} }]) {
    const response = postModern(share, 'tools/list', {}, { capabilities })
    const first = await agent.next()
    const { header } = first.header.type === 'open' ? await agent.expect('call') : first
    if (header.type !== 'call') throw new Error(`a call was due, and ${header.type} came`)
    channels.push(header.ch)
    agent.answer(header, '1', '{"tools":[],"resultType":"complete"}')
    expect((await response).status).toBe(200)
  }
  expect(channels[0]).toBe(channels[1])
  expect(channels[2]).not.toBe(channels[0])
})

/** A listen that its server has acknowledged. */
async function listening() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const response = postModern(share, 'subscriptions/listen')
  await agent.expect('open')
  const { header } = await agent.expect('call')
  const acknowledged = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}'
  agent.notify(header.ch, acknowledged, { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  expect(await events.next()).toBe(acknowledged)
  return { share, agent, header, events }
}

test('a client that closes its stream cancels its call, and only its own', async () => {
  verifies('stdio.modern.cancel', 'cancel.modern.disconnect', 'cancel.own-requests')
  const { agent, header, events } = await listening()
  await events.cancel()
  const cancel = await agent.expect('notify')
  expect(cancel.header).toMatchObject({ method: 'notifications/cancelled', cancels: header.tag, ch: header.ch })
  const [from, to] = cancel.header.requestId ?? [0, 0]
  expect(bodyText(cancel).slice(from, to)).toBe('0')
})

test('a listen lets the Share sleep, and hears what comes after', async () => {
  verifies('promise.6.hibernates')
  const { share, agent, header, events } = await listening()
  await evictDurableObject(stubOf(share))
  const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
  agent.notify(header.ch, changed, { ra: header.ra, sure: true })
  expect(await events.next()).toBe(changed)
  await events.cancel()
})

test('a server of the handshake era is bridged: its client finds one of its own revision', async () => {
  verifies('modern.discover', 'modern.dual-era')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'legacy' })
  const response = postModern(share, 'server/discover')
  await agent.expect('open')
  const initialize = await agent.expect('call')
  expect(initialize.header.method).toBe('initialize')
  agent.answer(initialize.header, '0', BARE_SERVER)
  const answer = await response
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ id: 1, result: { resultType: 'complete', supportedVersions: ['2026-07-28'] } })
})

describe('a request with a stream', () => {
  const log = (data: string): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"}}`

  /** A call that has been told something, so that its answer is a stream. */
  async function streaming() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const response = postModern(share, 'prompts/list', {}, { logLevel: 'info' })
    const { header: open } = await agent.expect('open')
    const { header } = await agent.expect('call')
    agent.notify(header.ch, log('first'), { ra: header.ra, sure: true })
    return { share, agent, open, header, response: await response }
  }

  test('has its notifications, then its response, and ends; no event has an id, and no proxy may hold it back', async () => {
    verifies('modern.http.ends', 'modern.http.not-resumable', 'modern.http.unbuffered', 'modern.http.json-or-sse', 'modern.http.related')
    const { agent, header, response } = await streaming()
    agent.notify(header.ch, log('of nobody'))
    agent.answer(header, '1', '{"prompts":[],"resultType":"complete"}')
    expect([response.headers.get('content-type'), response.headers.get('x-accel-buffering')]).toEqual(['text/event-stream', 'no'])
    const text = await response.text()
    expect(text).not.toMatch(/^id:/m)
    expect(text.match(/^data: .*$/gm)).toEqual([
      `data: ${log('first')}`,
      'data: {"jsonrpc":"2.0","id":1,"result":{"prompts":[],"resultType":"complete"}}',
    ])
  })

  test('has its server refused whatever that asks', async () => {
    verifies('modern.http.no-requests')
    const { agent, open, header, response } = await streaming()
    expect(open).toMatchObject({ ids: 'assign', asks: 'refuse' })
    agent.answer(header, '1', '{"prompts":[],"resultType":"complete"}')
    expect(await response.text()).not.toMatch(/"method":"(?!notifications)/)
  })
})

test('a request answered at once is JSON; a session id and a Last-Event-ID that come with it are ignored', async () => {
  verifies('modern.older.no-session', 'modern.older.last-event-id', 'modern.http.json-or-sse')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const responding = postModern(share, 'prompts/list', {}, {}, { 'mcp-session-id': 'A'.repeat(43), 'last-event-id': 'g.o1-2' })
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '1', '{"prompts":[],"resultType":"complete"}')
  const response = await responding
  expect([response.status, response.headers.get('content-type'), response.headers.get('mcp-session-id')]).toEqual([
    200,
    'application/json',
    null,
  ])
  expect(await response.json()).toEqual({ jsonrpc: '2.0', id: 1, result: { prompts: [], resultType: 'complete' } })
})

test('a response that is posted is refused, and no server hears of it', async () => {
  verifies('modern.http.no-responses')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const posted = await postText(share, '{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}')
  expect(posted.status).toBe(400)
  expect(agent.waiting).toEqual([])
})

test('a notification gets 202 without a body, and one with half an envelope 400', async () => {
  verifies('modern.http.notification')
  const share = await createShare()
  const envelope = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
  const cancelled = (meta: string): string =>
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":{${meta}}}}`
  const accepted = await postText(share, cancelled(`${envelope},"io.modelcontextprotocol/clientCapabilities":{}`))
  expect([accepted.status, await accepted.text()]).toEqual([202, ''])
  expect((await postText(share, cancelled(envelope.replace('"2026-07-28"', '1')))).status).toBe(400)
})

test('a call is checked against the annotations that its tool has now', async () => {
  verifies('modern.param.current-schema', 'modern.param.matches', 'modern.header.error')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const tools = (schema: object): string =>
    JSON.stringify({ resultType: 'complete', tools: [{ name: 'a', inputSchema: { type: 'object', properties: { region: schema } } }] })
  let schema: object = { type: 'string' }
  const answering = (async () => {
    for (;;) {
      const { header } = await agent.next()
      if (header.type !== 'call') continue
      if (header.method === 'tools/list') agent.answer(header, '0', tools(schema))
      else agent.answer(header, '1', '{"resultType":"complete","content":[]}')
    }
  })()
  void answering
  const call = async (headers: Record<string, string>): Promise<unknown> => {
    const response = await postModern(share, 'tools/call', { name: 'a', arguments: { region: 'eu' } }, {}, headers)
    const { error }: { error?: { code: number } } = await response.json()
    return error === undefined ? response.status : [response.status, error.code]
  }
  expect(await call({})).toBe(200)
  schema = { type: 'string', 'x-mcp-header': 'Region' }
  agent.notify('m-x.1', '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  expect(await call({})).toEqual([400, -32020])
  expect(await call({ 'mcp-param-region': 'us' })).toEqual([400, -32020])
  expect(await call({ 'MCP-PARAM-REGION': 'eu' })).toBe(200)
})
