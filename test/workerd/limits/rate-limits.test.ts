/** Limits of shares and links in the real runtime: exactly what was allowed gets through, whatever happens to object, agent and lanes. */
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { verifies } from '../../requirements/verifies.ts'
import { connectAll, LANES } from '../harness/all-lanes.ts'
import {
  ASKS,
  asked,
  CALL,
  discovered,
  ELICITS,
  GIVEN,
  initialize,
  initializeText,
  MUTE,
  reply,
  type Told,
} from '../harness/bridged-session.ts'
import { postModern } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createShare, fetchRelay, stubOf, TestClient } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import {
  LIMITED_CALLS,
  serveCalls,
  limitedCall,
  limitedClient,
  letThrough,
  limitedShare,
  limitLink,
} from '../harness/scenes/limited-share.ts'

describe('10/minute', () => {
  test.each(['share', 'link'] as const)('of a %s lets exactly 10 of 100 parallel calls through', async (of) => {
    verifies('promise.12.exact')
    const share = of === 'share' ? await limitedShare({ calls: `${LIMITED_CALLS}/minute` }) : await createShare()
    if (of === 'link') await limitLink(share, { calls: `${LIMITED_CALLS}/minute` })
    serveCalls(await ScriptedAgent.connect(share))
    const client = await limitedClient(share)
    expect(await letThrough([client])).toBe(LIMITED_CALLS)
    expect(await letThrough([client], 5)).toBe(0)
  })

  test('refuses with 429, says when to come again, and which limit it is; nothing has run', async () => {
    verifies('promise.12.told')
    const share = await limitedShare({ calls: '1/hour' })
    serveCalls(await ScriptedAgent.connect(share))
    const client = await limitedClient(share)
    expect((await client.post(limitedCall(1))).status).toBe(200)
    const refused = await client.post(limitedCall(2))
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3590)
    const { id, error }: { id: number; error: { data: object } } = await refused.json()
    expect(id).toBe(2)
    expect(error.data).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', executed: 'no', retryable: true, detail: 'calls of the share' })
  })

  test('charges what reaches the server, but no handshake, ping or list', async () => {
    const share = await limitedShare({ calls: '2/hour' })
    serveCalls(await ScriptedAgent.connect(share))
    const client = await limitedClient(share)
    const ask = (method: string): Promise<Response> => client.post(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{}}`)
    for (const method of ['ping', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
      expect([method, (await ask(method)).status]).toEqual([method, 200])
    for (const method of ['resources/read', 'prompts/get']) expect([method, (await ask(method)).status]).toEqual([method, 200])
    for (const method of ['completion/complete', 'x/unknown']) expect([method, (await ask(method)).status]).toEqual([method, 429])
  })

  test('holds for clients of 2026-07-28, HTTP+SSE and batches too', async () => {
    verifies('promise.12.every-way')
    const share = await limitedShare({ calls: '1/hour' })
    serveCalls(await ScriptedAgent.connect(share, { era: 'legacy' }))
    const client = await limitedClient(share)
    expect((await client.post(limitedCall(1))).status).toBe(200)
    expect((await postModern(share, 'tools/call', { name: 't', arguments: {} })).status).toBe(429)
    const sse = await SseClient.connect(share)
    await sse.initialize()
    await sse.next()
    await expect(sse.post(limitedCall(1))).rejects.toThrow('429')
    client.session = undefined
    const old = await client.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
    client.session = old.headers.get('mcp-session-id') ?? ''
    const ping = '{"jsonrpc":"2.0","id":9,"method":"ping"}'
    expect((await client.post(`[${limitedCall(1)},${ping}]`)).status).toBe(429)
    expect((await client.post(`[${ping}]`)).status).toBe(200)
  })

  test('of a batch lets through as many calls as there is room for', async () => {
    const share = await limitedShare({ calls: '2/hour' })
    serveCalls(await ScriptedAgent.connect(share))
    const client = new TestClient(share)
    const begun = await client.post(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
    client.session = begun.headers.get('mcp-session-id') ?? ''
    const response = await client.post(`[${[1, 2, 3, 4].map((id) => limitedCall(id)).join()}]`, { accept: 'application/json' })
    const answers: { error?: { data: { code: string } } }[] = await response.json()
    expect(answers.map(({ error }) => error?.data.code ?? 'ok').toSorted()).toEqual([
      'RATE_LIMIT_EXCEEDED',
      'RATE_LIMIT_EXCEEDED',
      'ok',
      'ok',
    ])
  })

  test('of a share is used by all its links, and that of a link by that link alone', async () => {
    const share = await limitedShare({ calls: '3/hour' })
    serveCalls(await ScriptedAgent.connect(share))
    await limitLink(share, { calls: '2/hour' })
    const made = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin' } })
    const [own, other] = [await limitedClient(share), await limitedClient(share, String(made.told['token']))]
    expect([await letThrough([own], 9), await letThrough([other], 9)]).toEqual([2, 1])
  })
})

describe('a server of 2026-07-28', () => {
  test.each(['Streamable HTTP', 'HTTP+SSE'])('is charged for once by a call that asks its client, over %s', async (door) => {
    const share = await limitedShare({ calls: '2/hour', concurrent: 1 })
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    if (door === 'HTTP+SSE') {
      const client = await SseClient.connect(share)
      await client.post(initializeText(ELICITS).replace('2025-11-25', '2024-11-05'))
      await agent.expect('open')
      await discovered(agent, MUTE)
      await client.next()
      for (let calls = 0; calls < 2; calls++) {
        await client.post(CALL)
        agent.answer((await agent.expect('call')).header, '2', ASKS)
        const question = (await client.next()) as Told
        await client.post(reply(question.id, GIVEN))
        agent.answer((await agent.expect('call')).header, '3', '{"resultType":"complete","content":[]}')
        expect(await client.next()).toMatchObject({ id: 7, result: { content: [] } })
      }
      await expect(client.post(CALL)).rejects.toThrow('429')
      return
    }
    const client = new TestClient(share)
    await initialize(agent, client, { capabilities: ELICITS })
    for (let calls = 0; calls < 2; calls++) {
      const { events, question } = await asked(agent, client)
      expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
      agent.answer((await agent.expect('call')).header, '3', '{"resultType":"complete","content":[]}')
      expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 7, result: { content: [] } })
    }
    expect((await client.post(CALL)).status).toBe(429)
  })
})

test('a link that was narrowed uses what its parent may, as its siblings do', async () => {
  verifies('promise.12.chain')
  const share = await createShare()
  serveCalls(await ScriptedAgent.connect(share))
  await limitLink(share, { calls: '5/hour' })
  const narrow = async (): Promise<TestClient> => {
    const narrowed = await narrowCredential(share.clientToken, { name: 'n' }, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
    return limitedClient(share, narrowed.ok ? narrowed.value : narrowed.error)
  }
  const [one, other] = [await narrow(), await narrow()]
  expect([await letThrough([one], 3), await letThrough([other], 9), await letThrough([await limitedClient(share)], 9)]).toEqual([3, 2, 0])
})

describe('concurrent', () => {
  test.each([1, LANES])('bounds the calls under way, on %d lanes, and one that ends makes room', async (lanes) => {
    verifies('promise.12.members')
    const share = await limitedShare({ concurrent: 2 }, { lanes })
    const agents = lanes === 1 ? [await ScriptedAgent.connect(share)] : await connectAll(share)
    const kept: { readonly agent: ScriptedAgent; readonly calls: Call[] }[] = agents.map((agent) => ({ agent, calls: serveCalls(agent) }))
    const clients = [await limitedClient(share), await limitedClient(share), await limitedClient(share)]
    const running = clients.slice(0, 2).map((client) => client.post(limitedCall(5, 'kept')))
    await expect.poll(() => kept.flatMap(({ calls }) => calls).length).toBe(2)
    const refused = await clients[2]?.post(limitedCall(6))
    expect([refused?.status, refused?.headers.get('retry-after')]).toEqual([429, '1'])
    for (const { agent, calls } of kept) for (const call of calls) agent.answer(call, '5', '{}')
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200])
    await expect.poll(async () => (await clients[2]?.post(limitedCall(7)))?.status).toBe(200)
  })

  test.each(['its stream closes', 'its agent is gone'])('frees the place of a call over HTTP+SSE when %s', async (how) => {
    const share = await limitedShare({ concurrent: 1 })
    const agent = await ScriptedAgent.connect(share)
    const kept = serveCalls(agent)
    const sse = await SseClient.connect(share)
    await sse.initialize()
    await sse.next()
    await sse.post(limitedCall(1, 'kept'))
    await expect.poll(() => kept.length).toBe(1)
    const client = await limitedClient(share)
    expect((await client.post(limitedCall(2))).status).toBe(429)
    if (how === 'its stream closes') await sse.events.cancel()
    else {
      await agent.leave()
      serveCalls(await ScriptedAgent.connect(share, { instance: 'two' }))
    }
    await expect.poll(async () => (await client.post(limitedCall(3))).status).toBe(200)
  })

  test('counts a call whose stream has outlived sleep', async () => {
    const share = await limitedShare({ concurrent: 1 })
    const agent = await ScriptedAgent.connect(share)
    const kept = serveCalls(agent)
    const client = await limitedClient(share)
    const streamed = client.postForEvents(limitedCall(5, 'kept', { _meta: { progressToken: 'p' } }))
    await expect.poll(() => kept.length).toBe(1)
    const call = kept[0] as Call
    agent.notify(call.ch, '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}', {
      ra: call.ra,
      sure: true,
    })
    const response = await streamed
    await evictDurableObject(stubOf(share))
    expect((await client.post(limitedCall(6))).status).toBe(429)
    agent.answer(call, '5', '{}')
    await response.text()
    expect((await client.post(limitedCall(7))).status).toBe(200)
  })
})

describe('bytes and seconds', () => {
  test('count the bodies of requests and answers', async () => {
    const share = await limitedShare({ bytes: '2KB/hour' })
    const agent = await ScriptedAgent.connect(share)
    const kept = serveCalls(agent)
    const client = await limitedClient(share)
    expect((await client.post(limitedCall(1, 't', { arguments: { pad: 'x'.repeat(2000) } }))).status).toBe(429)
    const first = client.post(limitedCall(1, 'kept'))
    await expect.poll(() => kept.length).toBe(1)
    agent.answer(kept[0] as Call, '1', `{"pad":"${'x'.repeat(2000)}"}`)
    expect((await first).status).toBe(200)
    const refused = await client.post(limitedCall(2))
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain('bytes of the share')
  })

  test('count the time for which calls have run', async () => {
    const share = await limitedShare({ seconds: '1/hour' })
    const agent = await ScriptedAgent.connect(share)
    const kept = serveCalls(agent)
    const client = await limitedClient(share)
    const first = client.post(limitedCall(1, 'kept'))
    await expect.poll(() => kept.length).toBe(1)
    const begunMs = Date.now()
    await expect.poll(() => Date.now() - begunMs, { timeout: 3000 }).toBeGreaterThan(1000)
    agent.answer(kept[0] as Call, '1', '{}')
    expect((await first).status).toBe(200)
    const refused = await client.post(limitedCall(2))
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining('seconds of the share')])
  })
})

test('limits are shown, changed and taken away; wrong ones are named', async () => {
  const share = await limitedShare({ calls: '1/hour' })
  serveCalls(await ScriptedAgent.connect(share))
  const client = await limitedClient(share)
  const path = `/api/shares/${share.id}`
  expect((await order('GET', path)).told['limits']).toEqual({ calls: '1/hour' })
  expect(await letThrough([client], 3)).toBe(1)
  expect((await order('PATCH', path, { limits: { calls: '4/hour' } })).told['limits']).toEqual({ calls: '4/hour' })
  // What was used before still counts.
  expect(await letThrough([client], 9)).toBe(3)
  expect((await order('PATCH', path, { limits: {} })).told['limits']).toBeNull()
  expect(await letThrough([client], 9)).toBe(9)
  for (const [limits, detail] of [
    [{ calls: '10/week' }, 'limits.calls'],
    [{ calls: '10MB/day' }, 'limits.calls'],
    [{ bytes: '0/day' }, 'limits.bytes'],
    [{ concurrent: 0 }, 'limits.concurrent'],
    [{ call: '1/day' }, '"call"'],
    [[], 'limits must be an object'],
  ] as const) {
    const wrong = await order('PATCH', path, { limits })
    expect([wrong.status, wrong.told['detail']]).toEqual([400, expect.stringContaining(detail)])
  }
  const agents = await order('POST', `${path}/tokens`, { kind: 'agent', limits: { concurrent: 1 } })
  expect([agents.status, agents.told['detail']]).toEqual([400, expect.stringContaining('limits are for clients')])
  expect((await fetchRelay(share.url, { method: 'POST' })).status).toBe(401)
})
