/** What becomes of calls that wait for the owner when their link ends, their Share sleeps or is reset, or their server changes; and on several lanes. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callText, heldCode, Owner, ToolServer, toolsText } from '../harness/scenes/held-calls.ts'
import { order } from '../harness/orders.ts'
import { heldScene, newSession, tokenOf, answerOf, asleep } from '../harness/scenes/held-scene.ts'
import { createShare, linkIdOf, resetShare, stubOf, type TestShare } from '../harness/relay.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a call that is held', () => {
  test.each([
    ['revoked', (share: TestShare) => order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`), 'UNAUTHORIZED'],
    ['paused', (share: TestShare) => order('PATCH', `/api/shares/${share.id}`, { paused: true }), 'SHARE_PAUSED'],
    ['rotated', (share: TestShare) => order('POST', `/api/shares/${share.id}/rotate`, {}), 'UNAUTHORIZED'],
  ])('ends at once when its link is %s, and nothing of it is left', async (how, end, code) => {
    verifies('promise.11.held-ends')
    const { share, server, owner, client } = await heldScene()
    const other = await newSession(share, await tokenOf(share))
    const always = other.post(callText(1))
    await owner.decide('always')
    await server.answerNext()
    await always
    const response = client.post(callText(7))
    await asleep(share, owner)
    await end(share)
    expect(await answerOf(response)).toMatchObject({ error: { data: { code, executed: 'no' } } })
    expect((await owner.list()).approvals).toEqual([])
    // What is always allowed goes with its own link.
    expect((await owner.list()).decisions).toHaveLength(how === 'rotated' ? 0 : 1)
    expect(server.waiting).toBe(0)
  })

  test.each([
    ['has slept', (share: TestShare) => evictDurableObject(stubOf(share)).then(() => true)],
    ['was reset', (share: TestShare) => resetShare(share).then(() => false)],
  ])('completes once, and rightly, when its Share %s meanwhile', async (_, disturb) => {
    verifies('promise.11.held-once', 'promise.6.state-survives')
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    const hasAgent = await disturb(share)
    const now = hasAgent ? server : await ToolServer.connect(share, { instance: 'two' })
    expect((await owner.sole()).id).toBe(id)
    await owner.decide('allow', id)
    await now.answerNext('{"content":[],"mark":1}')
    expect(await answerOf(response)).toMatchObject({ id: 7, result: { mark: 1 } })
    expect(now.waiting).toBe(0)
    expect(await owner.list()).toEqual({ approvals: [], decisions: [] })
  })

  test('is sent again, and not asked about again, when the Share is reset after it was allowed', async () => {
    verifies('promise.11.held-once', 'promise.2.same-key')
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    await owner.decide('allow')
    const { header } = await server.next()
    await resetShare(share)
    const back = await ToolServer.connect(share, {
      held: [header.key],
      channels: [{ ch: header.ch, n: server.agent.lastNumber(header.ch) }],
    })
    const again = await back.answerNext()
    expect(again.header.key).toBe(header.key)
    expect(await answerOf(response)).toMatchObject({ id: 7, result: { content: [] } })
    expect(await owner.list()).toEqual({ approvals: [], decisions: [] })
  })

  test('goes to the agent that has come back in another instance, once it is allowed', async () => {
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    const again = await ToolServer.connect(share, { instance: 'two' })
    await owner.decide('allow', id)
    await again.answerNext()
    expect(await answerOf(response)).toMatchObject({ id: 7, result: { content: [] } })
    expect([server.waiting, again.waiting]).toEqual([0, 0])
  })

  test('is asked about anew when its tool has changed meanwhile, though it was allowed', async () => {
    verifies('promise.11.fresh', 'promise.11.held-bound')
    const { share, server, owner, client } = await heldScene()
    const probe = client.post(callText(1, {}, 'read_file'))
    const { ch } = (await server.answerNext()).header
    await probe
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    server.change(ch, toolsText('writes, and tells everybody'))
    await owner.decide('allow', id)
    const anew = await owner.sole()
    expect(anew.id).not.toBe(id)
    expect(server.waiting).toBe(0)
    await owner.decide('deny', anew.id)
    expect(heldCode(await answerOf(response))).toBe('APPROVAL_DENIED')
    // What was allowed was not used by that.
    expect((await owner.list()).decisions).toMatchObject([
      { id, decision: 'allow' },
      { id: anew.id, decision: 'deny' },
    ])
  })

  test('is not asked about anew when another tool has changed meanwhile', async () => {
    const { share, server, owner, client } = await heldScene()
    const probe = client.post(callText(1, {}, 'read_file'))
    const { ch } = (await server.answerNext()).header
    await probe
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    server.change(ch, toolsText().replace('"name":"read_file","description":"writes"', '"name":"read_file","description":"reads"'))
    await owner.decide('allow', id)
    await server.answerNext()
    expect(await answerOf(response)).toMatchObject({ id: 7, result: { content: [] } })
  })

  test.each([
    ['held by another policy, and asked about anew', { hold: ['*'] }, undefined],
    ['denied', { tools: { deny: ['write_*'] } }, 'NOT_OFFERED'],
  ])('is judged anew when it is %s once it was allowed', async (_, policy, code) => {
    verifies('promise.11.changes')
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    await owner.holds(policy)
    await owner.decide('allow', id)
    if (code === undefined) {
      expect((await owner.sole()).id).not.toBe(id)
      await owner.decide('deny')
      expect(heldCode(await answerOf(response))).toBe('APPROVAL_DENIED')
    } else expect(await answerOf(response)).toMatchObject({ error: { data: { code } } })
    expect(server.waiting).toBe(0)
  })

  test('runs without more when nothing is held any more once it was decided', async () => {
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    await owner.holds({})
    await owner.decide('deny', id)
    await server.answerNext()
    expect(await answerOf(response)).toMatchObject({ id: 7, result: { content: [] } })
  })

  test('ends when its client cancels it, and is not made though it is allowed', async () => {
    verifies('promise.11.held-ends')
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'
    expect((await client.post(cancel)).status).toBe(202)
    expect(await answerOf(response)).toMatchObject({ id: 7, error: { data: { code: 'CANCELLED', executed: 'no' } } })
    await owner.decide('allow', id)
    expect(server.waiting).toBe(0)
  })

  test('ends with its session', async () => {
    const { share, server, owner, client } = await heldScene()
    const response = client.post(callText(7))
    await asleep(share, owner)
    expect((await client.leave()).status).toBe(204)
    expect(await answerOf(response)).toMatchObject({ error: { data: { code: 'SESSION_NOT_FOUND' } } })
    expect(server.waiting).toBe(0)
  })

  test('keeps its Share awake by nothing but its socket', async () => {
    verifies('promise.6.no-timer')
    const { share, owner, client, server } = await heldScene()
    const response = client.post(callText(7))
    await asleep(share, owner)
    const called = vi.spyOn(Share.prototype, 'call')
    // Only what is in flight keeps an object from this.
    await evictDurableObject(stubOf(share))
    await owner.decide('allow')
    await server.answerNext()
    expect((await response).status).toBe(200)
    expect(called).toHaveBeenCalledTimes(1)
  })

  test('is charged once, however long it waits', async () => {
    verifies('promise.12.exact')
    const { share, server, owner, client } = await heldScene({ limits: { calls: '2/hour' } })
    const response = client.post(callText(7))
    const id = await asleep(share, owner)
    await evictDurableObject(stubOf(share))
    await owner.decide('allow', id)
    await server.answerNext()
    expect((await response).status).toBe(200)
    const second = client.post(callText(8, {}, 'read_file'))
    await server.answerNext()
    expect((await second).status).toBe(200)
    expect((await client.post(callText(9, {}, 'read_file'))).status).toBe(429)
  })

  test('does not run twice, though its tool says that it may', async () => {
    const share = await createShare()
    const server = await ToolServer.connect(share, { agent: 'one' })
    server.tools = toolsText().replaceAll('"inputSchema"', '"annotations":{"idempotentHint":true},"inputSchema"')
    const owner = new Owner(share)
    await owner.holds()
    const client = await newSession(share)
    expect((await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).status).toBe(200)
    const response = client.post(callText(7))
    await owner.decide('allow')
    await server.next()
    const other = await ToolServer.connect(share, { agent: 'two', join: 'replace' })
    expect(await answerOf(response)).toMatchObject({ error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(other.waiting).toBe(0)
  })
})

test('the audit tells that a call waits, what the owner has decided, and how it ended', async () => {
  verifies('promise.9.audit')
  const { share, server, owner, client } = await heldScene()
  const first = client.post(callText(7))
  await owner.decide('allow')
  await server.answerNext()
  await first
  const second = client.post(callText(8))
  await owner.decide('deny')
  await second
  const { told } = await order('GET', `/api/shares/${share.id}/audit`)
  const events = (
    told['events'] as { method: string; tool: string; outcome: string; status: number; principal: string; ms: number | null }[]
  ).filter(({ tool }) => tool === 'write_file')
  expect(events.map(({ outcome, status }) => `${outcome} ${status}`)).toEqual([
    'APPROVAL_PENDING 200',
    'allow 200',
    'ok 200',
    'APPROVAL_PENDING 200',
    'deny 200',
    'APPROVAL_DENIED 200',
  ])
  // How long it waits is not known when it begins to.
  expect(events.flatMap(({ outcome, ms }) => (ms === null ? [outcome] : []))).toEqual([
    'APPROVAL_PENDING',
    'allow',
    'APPROVAL_PENDING',
    'deny',
  ])
  expect(new Set(events.map(({ principal }) => principal)).size).toBe(1)
  expect(JSON.stringify(told)).not.toContain('/a')
})

describe('the owner’s calls', () => {
  test('say what is wrong with them', async () => {
    const { share, owner, client } = await heldScene()
    const path = `/api/shares/${share.id}/approvals`
    const problems = async (method: string, at: string, body?: object): Promise<unknown> => {
      const { status, told } = await order(method, at, body)
      return [status, told['code']]
    }
    expect(await problems('POST', `${path}/x`, { decision: 'perhaps' })).toEqual([400, 'BODY_INVALID'])
    expect(await problems('POST', `${path}/x`, { decision: 'allow' })).toEqual([404, 'APPROVAL_NOT_FOUND'])
    expect(await problems('DELETE', `${path}/x`)).toEqual([404, 'APPROVAL_NOT_FOUND'])
    expect(await problems('GET', `${path}?after=x`)).toEqual([400, 'BODY_INVALID'])
    expect(await problems('PUT', path)).toEqual([405, 'METHOD_NOT_ALLOWED'])
    const response = client.post(callText(7))
    const { id } = await owner.sole()
    expect(await problems('DELETE', `${path}/${id}`)).toEqual([404, 'APPROVAL_NOT_FOUND'])
    expect(await problems('POST', `${path}/${id}`, { decision: 'deny' })).toEqual([200, undefined])
    expect(await problems('POST', `${path}/${id}`, { decision: 'deny' })).toEqual([200, undefined])
    expect(await problems('POST', `${path}/${id}`, { decision: 'allow' })).toEqual([404, 'APPROVAL_NOT_FOUND'])
    await response
  })

  test('list what waits page by page, where it is much', async () => {
    const { share, owner } = await heldScene()
    const clients = await Promise.all([1, 2].map(async () => newSession(share, await tokenOf(share))))
    const text = 'a'.repeat(250 * 1024)
    const calls = clients.flatMap((client, at) => Array.from({ length: 14 }, (_, id) => client.post(callText(id, { at, id, text }))))
    const page = async (after = ''): Promise<{ approvals: { id: string }[]; next?: string }> =>
      (await order('GET', `/api/shares/${share.id}/approvals${after === '' ? '' : `?after=${after}`}`)).told as never
    let first = await page()
    while (first.next === undefined) first = await page()
    const ids = new Set<string>()
    for (let after: string | undefined = ''; after !== undefined && ids.size < 28;) {
      const { approvals, next }: Awaited<ReturnType<typeof page>> = await page(after)
      for (const { id } of approvals) {
        expect(ids.has(id)).toBe(false)
        ids.add(id)
      }
      after = next
    }
    expect(ids.size).toBeGreaterThan(20)
    for (const id of ids) await owner.decide('deny', id)
    expect(calls.length).toBe(28)
  })
})
