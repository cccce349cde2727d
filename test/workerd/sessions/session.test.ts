/** What a session is through new children, refused handshakes and odd messages: in the real runtime. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Notify } from '../../../protocol/frame.ts'
import { LEAVING_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { expectReplay } from '../harness/left-stream.ts'
import { createShare, EventReader, revokeShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { bodyText, connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const TOOLS_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const PROMPTS_CHANGED = '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}'

/** The log levels that the share keeps. */
function levelsOf(share: TestShare): Promise<unknown[]> {
  return runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql
      .exec("SELECT name FROM handshake WHERE purpose = 'level'")
      .toArray()
      .map(({ name }) => name),
  )
}

function openChannels(share: TestShare): Promise<number> {
  return runInDurableObject(
    stubOf(share),
    (_, { storage }) => storage.sql.exec<{ count: number }>('SELECT count(*) AS count FROM channel WHERE open = 1').one().count,
  )
}

async function setLevel(agent: ScriptedAgent, client: TestClient, level: string): Promise<void> {
  const response = client.post(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"${level}"}}`)
  agent.answer((await agent.expect('call')).header, '1', '{}')
  await response
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a new child', () => {
  test('is told the newest log level; a share keeps one per session, and none that does not exist', async () => {
    verifies('promise.4.state-replayed')
    const { share, agent, client, ch } = await connected()
    for (const level of ['warning', 'debug', 'loudest', 'error']) await setLevel(agent, client, level)
    expect(await levelsOf(share)).toEqual(['error'])
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    void client.post(CALL)
    await agent.expect('open')
    await agent.expect('call')
    await agent.expect('notify')
    const replayed = await agent.expect('call')
    expect(replayed.header.method).toBe('logging/setLevel')
    expect(bodyText(replayed)).toContain('"level":"error"')
    expect(bodyText(await agent.expect('call'))).toBe(CALL)
  })

  test('shows in the first result, also when a notification was what it was started for', async () => {
    verifies('promise.4.restarted-mark')
    const { agent, client, ch } = await connected()
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    const notified = client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{}')
    const notices: Notify[] = [(await agent.expect('notify')).header, (await agent.expect('notify')).header]
    expect(notices.map(({ method }) => method)).toEqual(['notifications/initialized', 'notifications/roots/list_changed'])
    agent.send({ type: 'receipts', keys: notices.map(({ key }) => key) })
    expect((await notified).status).toBe(202)
    for (const result of [{ _meta: { 'mcp-edge/restarted': true } }, {}]) {
      const response = client.post(CALL)
      agent.answer((await agent.expect('call')).header, '7', '{}')
      expect(await (await response).json()).toEqual({ jsonrpc: '2.0', id: 7, result })
    }
  })

  test('that refuses initialize is ended, and leaves no session', async () => {
    verifies('http.session.with-initialize', 'lifecycle.initialize.refused')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const response = client.initialize()
    const { header } = await agent.expect('open')
    agent.refuse((await agent.expect('call')).header, '0', 'bad version')
    expect(await (await response).json()).toMatchObject({ id: 0, error: { message: 'bad version' } })
    expect(client.session).toBeUndefined()
    expect((await agent.expect('close')).header.ch).toBe(header.ch)
  })
})

describe('a message', () => {
  test('that is an error without an id is accepted, and disturbs neither the child nor the link', async () => {
    const { agent, client } = await connected()
    const response = await client.post('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"what?"}}')
    expect(response.status).toBe(202)
    expect(agent.waiting).toEqual([])
    const next = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{"linked":true}')
    expect(await (await next).json()).toMatchObject({ result: { linked: true } })
  })

  test.each(['{"requestId":99}', '{}', '{"requestId":null}', '{"requestId":{}}', '7'])(
    'that cancels %s is accepted, and the call that runs is answered',
    async (params) => {
      verifies('cancel.invalid', 'cancel.races')
      const { agent, client } = await connected()
      const response = client.post(CALL)
      const { header } = await agent.expect('call')
      const cancelling = client.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`)
      const frame = await Promise.race([agent.next(), cancelling.then(() => undefined)])
      if (frame?.header.type === 'notify') agent.send({ type: 'receipts', keys: [frame.header.key] })
      expect((await cancelling).status).toBe(202)
      agent.answer(header, '7', '{"lives":true}')
      expect(await (await response).json()).toMatchObject({ id: 7, result: { lives: true } })
    },
  )

  test('of the child that was held comes before what is newer, so that no client takes it for seen', async () => {
    verifies('promise.5.never-untaken')
    const { agent, client, ch } = await connected()
    const held = agent.notify(ch, TOOLS_CHANGED)
    await agent.expect('hold')
    const events = new EventReader(await client.listen())
    const { to = '', after } = await expectReplay(agent)
    expect(after).toBe(held.header.n - 1)
    // It was on its way before the agent was asked, and comes again.
    const body = new TextEncoder().encode(PROMPTS_CHANGED)
    const header = { ...held.header, ...agent.number(ch, body.length), size: body.length }
    agent.sendUnfollowed(header, body)
    for (const again of [held, { header, body }]) agent.repeat({ ...again, header: { ...again.header, to } })
    expect([await events.next(), await events.next()]).toEqual([TOOLS_CHANGED, PROMPTS_CHANGED])
    await events.cancel()
  })

  test('that a child held which is gone has its successor say nothing again', async () => {
    const { agent, client, ch } = await connected()
    agent.notify(ch, TOOLS_CHANGED)
    await agent.expect('hold')
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    const called = client.post(CALL)
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{}')
    await agent.expect('notify')
    const { header } = await agent.expect('call')
    agent.answer(header, '7', '{}')
    await (await called).text()
    const events = new EventReader(await client.listen())
    expect((await agent.expect('resume')).header).toEqual({ type: 'resume', ch: header.ch })
    agent.notify(header.ch, PROMPTS_CHANGED)
    expect(await events.next()).toBe(PROMPTS_CHANGED)
    await events.cancel()
  })
})

describe('DELETE', () => {
  test('ends the child of the session, whose id is then unknown', async () => {
    verifies('http.session.delete', 'http.session.ended-404')
    const { agent, client, ch } = await connected()
    expect((await client.leave()).status).toBe(204)
    expect((await agent.expect('close')).header.ch).toBe(ch)
    expect((await client.post(CALL)).status).toBe(404)
  })

  test('on a revoked share is 404', async () => {
    const { share, client } = await connected()
    await revokeShare(share)
    expect((await client.leave()).status).toBe(404)
  })
})

describe('a child that has had nothing to do for its idle time', () => {
  /** A client with its GET stream, whose first bytes were read. */
  async function listening() {
    const parts = await connected()
    const stream = (await parts.client.listen()).body?.getReader()
    await stream?.read()
    await parts.agent.expect('resume')
    return { ...parts, stream }
  }

  test('is ended', async () => {
    verifies('promise.6.idle-children')
    const { agent, ch } = await connected()
    agent.send({ type: 'idle', ch })
    expect((await agent.expect('close')).header.ch).toBe(ch)
  })

  test('is kept for a client that listens, to which something is written, and is ended when that shows that it has left', async () => {
    verifies('promise.6.idle-children')
    const { share, agent, ch, stream } = await listening()
    agent.send({ type: 'idle', ch })
    expect(new TextDecoder().decode((await stream?.read())?.value)).toBe(':\n\n')
    expect(await openChannels(share)).toBe(1)
    await stream?.cancel()
    expect((await agent.expect('close')).header.ch).toBe(ch)
  })

  test('is kept when a client leaves that stayed for long after that', async () => {
    const { share, agent, client, ch, stream } = await listening()
    vi.useFakeTimers({ toFake: ['Date'] })
    agent.send({ type: 'idle', ch })
    await stream?.read()
    vi.setSystemTime(Date.now() + LEAVING_MS)
    await stream?.cancel()
    const response = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await response).status).toBe(200)
    expect(await openChannels(share)).toBe(1)
  })
})
