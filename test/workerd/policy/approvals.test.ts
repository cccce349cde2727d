/** Calls that wait for the owner of a share, in the real runtime: nothing runs that was not allowed, and what was allowed runs once. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { callText, heldCode, HOLDS } from '../harness/scenes/held-calls.ts'
import { order } from '../harness/orders.ts'
import { EventReader, factsOf, linkIdOf, stubOf, type TestShare } from '../harness/relay.ts'
import { heldScene, heldCodeOf, heldErrorOf, isHeld } from '../harness/scenes/held-scene.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"begun"}}'

/** What is kept of arguments. */
function keptArguments(share: TestShare): Promise<unknown[]> {
  return runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql
      .exec('SELECT arguments FROM approvals')
      .toArray()
      .map((row) => row['arguments']),
  )
}

describe('a call of a tool that is held', () => {
  test('is shown to the owner with all that it would do, and runs once that is allowed', async () => {
    verifies('promise.11.held')
    const { share, server, client, owner } = await heldScene()
    const response = client.post(callText(7, '{ "path": "/a", "n": 1.0, "b": {"z":1,"a":"\\u001b[2J\\u202e"} }'))
    const approval = await owner.sole()
    const link = linkIdOf(share.clientToken)
    expect(approval).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      at: expect.stringMatching(/Z$/),
      expires_at: new Date(Date.parse(approval.at) + 600_000).toISOString(),
      principal: `client:${link}`,
      link: { id: link, name: 'owner' },
      client: 't 1',
      session: client.session?.slice(0, 13),
      agent: 'scripted',
      tool: 'write_file',
      arguments: '{"b":{"a":"\\u001b[2J\\u202e","z":1},"n":1.0,"path":"/a"}',
      other_params: null,
    })
    expect(server.waiting).toBe(0)
    expect(await owner.decide('allow', approval.id)).toMatchObject({ id: approval.id, decision: 'allow', arguments: approval.arguments })
    expect(await keptArguments(share)).toEqual([''])
    await server.answerNext('{"content":[],"mark":1}')
    expect(await (await response).json()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [], mark: 1 } })
    expect(await owner.list()).toMatchObject({ approvals: [], decisions: [] })
  })

  test('is allowed once: an equal one, however it is spelt, is asked about anew', async () => {
    verifies('promise.11.held-once')
    const { server, client, owner } = await heldScene()
    const first = client.post(callText(7, '{"a":1,"b":"x"}'))
    await owner.decide('allow')
    await server.answerNext()
    await first
    expect(await isHeld(owner, client.post(callText(8, '{"b":"\\u0078", "a":1}')))).toBe(true)
    expect(server.waiting).toBe(0)
  })

  test('waits beside an equal one as the same approval; an allowance lets one of them through', async () => {
    verifies('promise.11.held-once')
    const { server, client, owner } = await heldScene()
    const calls = [client.post(callText(7)), client.post(callText(8))]
    const { id } = await owner.sole()
    await owner.decide('allow', id)
    const { header } = await server.answerNext()
    expect(header.method).toBe('tools/call')
    const other = await owner.sole()
    expect(other.id).not.toBe(id)
    await owner.decide('deny', other.id)
    const codes = await Promise.all(calls.map(heldCodeOf))
    expect(new Set(codes)).toEqual(new Set(['APPROVAL_DENIED', undefined]))
    expect(server.waiting).toBe(0)
  })

  test('is an error of the tool when the owner denies it, and again for ten minutes without asking, unless the owner forgets that', async () => {
    verifies('promise.11.held')
    const { client, owner, server } = await heldScene()
    const first = client.post(callText(7))
    const { id } = await owner.decide('deny')
    const told: { result: { content: { text: string }[] } } = await (await first).json()
    expect(heldCode(told)).toBe('APPROVAL_DENIED')
    expect(told.result.content[0]?.text).toContain(id)
    expect(await heldCodeOf(client.post(callText(8)))).toBe('APPROVAL_DENIED')
    expect((await owner.list()).decisions).toMatchObject([{ id, decision: 'deny', arguments: null, expires_at: expect.any(String) }])
    expect(await owner.forget(id)).toBe(204)
    expect(await isHeld(owner, client.post(callText(9)))).toBe(true)
    expect(server.waiting).toBe(0)
  })

  test('that is always allowed asks its Share once when warm, and writes no row, until that is taken back', async () => {
    verifies('promise.11.held-always', 'promise.7.one')
    const { share, server, client, owner } = await heldScene()
    const first = client.post(callText(7))
    const { id } = await owner.decide('always')
    await server.answerNext()
    await first
    expect((await owner.list()).decisions).toMatchObject([{ id, decision: 'always', expires_at: null, arguments: '{"path":"/a"}' }])
    const called = vi.spyOn(Share.prototype, 'call')
    const changes = (await factsOf(share)).counters.total_changes
    const second = client.post(callText(8))
    await server.answerNext()
    expect(await heldCodeOf(second)).toBeUndefined()
    expect(called).toHaveBeenCalledTimes(1)
    expect((await factsOf(share)).counters.total_changes).toBe(changes)
    expect(await isHeld(owner, client.post(callText(9, { path: '/b' })))).toBe(true)
    expect(await owner.forget(id)).toBe(204)
    expect(await isHeld(owner, client.post(callText(10)))).toBe(true)
  })

  test('of which the owner has not decided in 45 s says so as an error of the tool; allowed later, the next try runs, once', async () => {
    verifies('promise.11.held-late')
    const { server, client, owner } = await heldScene()
    runClockFaster(60)
    const response = client.postForEvents(callText(7))
    const { id } = await owner.sole()
    const events = new EventReader(await response)
    const told: unknown = JSON.parse((await events.next()) ?? '{}')
    expect(told).toMatchObject({ id: 7, result: { content: [{ text: expect.stringContaining(id) }] } })
    expect(heldCode(told)).toBe('APPROVAL_PENDING')
    expect((await owner.sole()).id).toBe(id)
    await owner.decide('allow', id)
    const again = client.post(callText(8))
    await server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
    expect(server.waiting).toBe(0)
  })

  test('is given up when its client comes back for its stream, and told there; allowed then, the next try runs, once', async () => {
    verifies('promise.11.held-late', 'promise.2.never-twice')
    const { server, client, owner } = await heldScene()
    runClockFaster(60)
    const left = new EventReader(await client.post(callText(7), { accept: 'text/event-stream', 'mcp-protocol-version': '2025-11-25' }))
    const event = await left.nextId()
    const { id } = await owner.sole()
    const back = new EventReader(await client.resume(event))
    const data = { code: 'APPROVAL_PENDING', executed: 'no' }
    expect(JSON.parse((await back.next()) ?? '{}')).toMatchObject({ id: 7, error: { data } })
    await owner.decide('allow', id)
    expect(await left.next()).toContain('APPROVAL_PENDING')
    expect((await owner.list()).decisions).toMatchObject([{ id, decision: 'allow' }])
    const again = client.post(callText(8))
    await server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
    expect(server.waiting).toBe(0)
  })

  test('keeps its client informed that it lives while it waits', async () => {
    verifies('promise.8.heartbeat-progress')
    const { server, client, owner } = await heldScene()
    runClockFaster(60)
    const text = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"write_file","_meta":{"progressToken":"p"}}}'
    const events = new EventReader(await client.postForEvents(text))
    expect(JSON.parse((await events.next()) ?? '{}')).toMatchObject({ method: 'notifications/progress', params: { progressToken: 'p' } })
    expect((await owner.sole()).arguments).toBeNull()
    expect(server.waiting).toBe(0)
    await events.cancel()
  })

  test('is not asked about where another policy denies it, nor where no tool of its name is listed', async () => {
    verifies('promise.11.strictest')
    const { client, owner } = await heldScene()
    expect(await heldErrorOf(client.post(callText(7, {}, 'write_unlisted')))).toBe('NOT_OFFERED')
    await owner.holds({ ...HOLDS, tools: { deny: ['write_file'] } })
    expect(await heldErrorOf(client.post(callText(8)))).toBe('NOT_OFFERED')
    expect(await owner.list()).toEqual({ approvals: [], decisions: [] })
  })

  test('holds nothing up but itself', async () => {
    const { server, client, owner } = await heldScene()
    const waiting = client.post(callText(7))
    await owner.sole()
    const other = client.post(callText(8, {}, 'read_file'))
    await server.answerNext()
    expect((await other).status).toBe(200)
    await owner.decide('deny')
    await waiting
  })
})

describe('what was allowed of a call that an agent has refused', () => {
  test.each([
    ['without having run it', 'no', false],
    ['without having run it, after a word of progress', 'no', true],
  ] as const)('%s is there for the next try, once', async (_, executed, isStreamed) => {
    verifies('promise.11.held-unrun')
    const { server, client, owner } = await heldScene()
    const refused = client.post(callText(7))
    await owner.decide('allow')
    const { header } = await server.next()
    if (isStreamed) server.agent.notify(header.ch, PROGRESS, { ra: header.ra, sure: true })
    server.agent.fail(header, 'BACKLOG_FULL', executed)
    expect(await (await refused).text()).toContain('BACKLOG_FULL')
    expect((await owner.list()).decisions).toMatchObject([{ decision: 'allow' }])
    const again = client.post(callText(8))
    await server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
    expect(await isHeld(owner, client.post(callText(9)))).toBe(true)
  })

  test('and may have run is used up', async () => {
    verifies('promise.11.held-once')
    const { server, client, owner } = await heldScene()
    const lost = client.post(callText(7))
    await owner.decide('allow')
    const { header } = await server.next()
    server.agent.fail(header, 'CHILD_DIED', 'unknown')
    expect(await (await lost).text()).toContain('CHILD_DIED')
    expect(await isHeld(owner, client.post(callText(8)))).toBe(true)
    expect(server.waiting).toBe(0)
  })
})

test('the alarm ends what nobody has decided in ten minutes', async () => {
  const { share, client, owner } = await heldScene()
  const response = client.post(callText(7))
  const { id } = await owner.sole()
  await runInDurableObject(stubOf(share), (_, { storage }) => void storage.sql.exec('UPDATE approvals SET ends_at_ms = 1'))
  expect(await runDurableObjectAlarm(stubOf(share))).toBe(true)
  // Its client waits still, and asks anew.
  expect((await owner.sole()).id).not.toBe(id)
  expect(await isHeld(owner, response)).toBe(true)
  expect((await order('POST', `/api/shares/${share.id}/approvals/${'0'.repeat(24)}`, { decision: 'allow' })).status).toBe(404)
})
