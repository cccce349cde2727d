/** Modern clients on a child of the handshake era, in the real runtime: one handshake, and what becomes of it. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RelayFrame } from '../../../protocol/frame.ts'
import { verifies } from '../../requirements/verifies.ts'
import { HandshakeChild, postModern, SERVER_INFO, told } from '../harness/handshake-child.ts'
import { createClientToken, createShare } from '../harness/relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'
import type { CallFrame } from '../harness/parked-call.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a child of the handshake era', () => {
  test('is initialised once for each principal and set of capabilities', async () => {
    const child = await HandshakeChild.connect()
    const { share } = child
    const other = await createClientToken(share)
    const channels: string[] = []
    for (const request of [{}, {}, { capabilities: { sampling: {} } }, { token: other }]) {
      const response = postModern(share, 'prompts/list', {}, request)
      const call = await child.expect('call')
      channels.push(call.header.ch)
      child.answer(call, { prompts: [] })
      expect((await response).status).toBe(200)
    }
    expect(channels[1]).toBe(channels[0])
    expect(new Set(channels).size).toBe(3)
    expect(child.initializes.map(({ params }) => params['capabilities'])).toEqual([
      { elicitation: {} },
      { sampling: {} },
      { elicitation: {} },
    ])
  })

  test('is told revision, capabilities and name of who initialises it', async () => {
    verifies('lifecycle.initialize.members')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'prompts/list')
    child.answer(await child.expect('call'), { prompts: [] })
    await response
    expect(child.initializes.map(({ params }) => params)).toEqual([
      {
        protocolVersion: '2025-11-25',
        capabilities: { elicitation: {} },
        clientInfo: { name: expect.any(String), version: expect.any(String) },
      },
    ])
  })

  test('whose tool can be called only as a task does not show it', async () => {
    verifies('modern.extension-fallback', 'promise.13.bridged')
    const child = await HandshakeChild.connect()
    const plain = { name: 'plain', inputSchema: { type: 'object' } }
    const slow = { ...plain, name: 'slow', execution: { taskSupport: 'required' } }
    child.tools = { tools: [slow, { ...plain, execution: { taskSupport: 'optional' } }] }
    const listed = told(postModern(child.share, 'tools/list'))
    expect(await child.hasHeardNothing()).toBe(true)
    expect((await listed).body).toMatchObject({ id: 1, result: { tools: [plain], resultType: 'complete' } })
  })

  test('answers with resultType, cache fields and its name, which the relay adds', async () => {
    verifies('modern.meta.result-type')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'prompts/list')
    const call = await child.expect('call')
    expect(bodyText(call)).not.toContain('io.modelcontextprotocol/')
    child.answer(call, { prompts: [], _meta: { own: 1 } })
    expect(await (await response).json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        prompts: [],
        resultType: 'complete',
        ttlMs: expect.any(Number),
        cacheScope: 'private',
        _meta: { own: 1, 'io.modelcontextprotocol/serverInfo': SERVER_INFO },
      },
    })
  })

  test('is discovered by what it said to initialize', async () => {
    verifies('modern.discover')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'server/discover')
    const heard = child.next()
    expect(await told(response)).toMatchObject({
      status: 200,
      body: { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: { listChanged: true } }, resultType: 'complete' } },
    })
    const probe = postModern(child.share, 'prompts/list')
    // Nothing but the handshake had reached the child before this.
    const call = await heard
    expect(call.header).toMatchObject({ type: 'call', method: 'prompts/list' })
    child.answer(call as CallFrame, { prompts: [] })
    expect((await probe).status).toBe(200)
  })

  test.each(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/list'])(
    'is not asked for %s, which revision 2026-07-28 has not: 404 with -32601',
    async (method) => {
      verifies('modern.header.unknown-method')
      const child = await HandshakeChild.connect()
      const answer = told(postModern(child.share, method, { uri: 'x:1', level: 'debug' }))
      expect(await Promise.all([answer, child.hasHeardNothing()])).toMatchObject([
        { status: 404, body: { id: 1, error: { code: -32601 } } },
        true,
      ])
    },
  )
})

describe('a client that leaves while its child is initialised', () => {
  /** What was sent for it, up to the request of the next client. */
  async function left() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'legacy' })
    const leave = new AbortController()
    const response = postModern(share, 'prompts/list', {}, {}, {}, leave.signal)
    await agent.expect('open')
    const { header: initialize } = await agent.expect('call')
    expect(initialize.method).toBe('initialize')
    leave.abort()
    await response.catch(() => undefined)
    agent.answer(initialize, '0', BARE_SERVER)
    void postModern(share, 'prompts/list', {}, { id: 2 })
    const heard: RelayFrame[] = []
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'call' && bodyText(frame).slice(...header.id) === '2') break
      heard.push(header)
    }
    const cancelled = heard.flatMap((header) => (header.type === 'notify' && header.cancels !== undefined ? [header.cancels] : []))
    return { initialize, cancelled, called: heard.flatMap((header) => (header.type === 'call' ? [header.tag] : [])) }
  }

  test('cancels its own request, and never that initialize', async () => {
    verifies('cancel.not-initialize')
    const { initialize, cancelled } = await left()
    expect(cancelled).toHaveLength(1)
    expect(cancelled).not.toContain(initialize.tag)
  })

  test('has no request sent to it any more', async () => {
    verifies('cancel.modern.before-sent')
    expect((await left()).called).toEqual([])
  })
})
