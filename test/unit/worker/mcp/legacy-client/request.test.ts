import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { forgetModernServer, learnModernServer } from '../../../../../worker/mcp/legacy-client/known-modern-servers.ts'
import type { Failure } from '../../../../../protocol/errors.ts'
import { readPage } from '../../../../../worker/bridge/tool-pages.ts'
import { learnSessionTools } from '../../../../../worker/mcp/policy/tool-facts.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { SessionRequest } from '../../../../../worker/mcp/legacy-client/request.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'
import { CALLER, FACTS, KEY } from './modern-server.ts'

const CALL = { id: 7, method: 'tools/call', params: { name: 't', arguments: { a: 1 } } }

function posted(message: Record<string, unknown> = CALL, delivery: 'stream' | 'single' = 'stream') {
  return { message: messageOf(message), delivery }
}

function bodyOf({ body }: { readonly body: Uint8Array }): unknown {
  return JSON.parse(new TextDecoder().decode(body))
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  forgetModernServer('share', CALLER.session)
})

/** The call that a request has become, which nothing bounds here. */
function madeOf(made: ReturnType<SessionRequest['call']>): Exclude<typeof made, Failure> {
  if ('code' in made) throw new Error(made.code)
  return made
}

describe('SessionRequest.call()', () => {
  test('is the request as it came, where nothing else is known of the server', () => {
    const request = new SessionRequest(new ScriptedShare().client, CALLER, posted())
    const call = madeOf(request.call(posted(), KEY))
    expect(call.request).toMatchObject({ ...CALLER, key: KEY, method: 'tools/call' })
    expect(call.request).not.toHaveProperty('bridge')
    expect(bodyOf(call)).toEqual({ jsonrpc: '2.0', ...CALL })
    expect(request.isTranslated).toBe(false)
  })

  test('is translated for a server that is known to have no sessions', () => {
    learnModernServer('share', CALLER.session, FACTS)
    const request = new SessionRequest(new ScriptedShare().client, CALLER, posted())
    const call = madeOf(request.call(posted(), KEY))
    expect(request.isTranslated).toBe(true)
    expect(call.request).toMatchObject({ bridge: 'v1', key: KEY, rawId: '7', tool: 't' })
    expect(bodyOf(call)).toMatchObject({
      params: {
        arguments: { a: 1 },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
        },
      },
    })
  })

  test('declares nothing for a client that can take nothing but the answer', () => {
    learnModernServer('share', CALLER.session, FACTS)
    const call = madeOf(new SessionRequest(new ScriptedShare().client, CALLER, posted(CALL, 'single')).call(posted(CALL, 'single'), KEY))
    expect(bodyOf(call)).toHaveProperty(['params', '_meta', 'io.modelcontextprotocol/clientCapabilities'], {})
  })

  test('brings the answers of a retry', () => {
    learnModernServer('share', CALLER.session, FACTS)
    const retry = { round: { wanted: [], requestState: '"s-1"' }, answers: new Map([['who', '{"action":"accept"}']]) }
    const call = madeOf(new SessionRequest(new ScriptedShare().client, CALLER, posted()).call(posted(), KEY, retry))
    expect(bodyOf(call)).toMatchObject({ params: { requestState: 's-1', inputResponses: { who: { action: 'accept' } } } })
  })
})

describe('a further round of a call that its owner has allowed', () => {
  const ROUND = { round: { wanted: [] }, answers: new Map<string, string>() }
  const LIST = '{"jsonrpc":"2.0","id":0,"result":{"tools":[{"name":"t","annotations":{"idempotentHint":true}}]}}'

  async function held() {
    const share = new ScriptedShare({}, 'held')
    share.client.learn({ state: '1', policies: ['{"hold":["t"]}'] })
    learnModernServer('held', CALLER.session, FACTS)
    const page = readPage(new TextEncoder().encode(LIST))
    await learnSessionTools('held', CALLER.session, { method: 'tools/list', version: 'v1' }, () => Promise.resolve(page))
    return new SessionRequest(share.client, CALLER, posted())
  }

  test('is made without asking, and once, whatever its tool says of itself', async () => {
    verifies('promise.11.held-rounds', 'promise.11.held-once')
    const request = await held()
    expect(madeOf(request.call(posted(), KEY)).request).toMatchObject({ bridge: 'v1', hold: { tool: 't' } })
    expect(madeOf(request.call(posted(), KEY, ROUND)).request).toMatchObject({ bridge: 'v1', hold: undefined, runsOnce: true })
  })

  test('is not made where another Worker may have made it', async () => {
    verifies('promise.11.held-once')
    const { request, turns } = madeOf((await held()).call(posted(), KEY, { ...ROUND, isRemade: true }))
    expect(request).toMatchObject({ bridge: '', awaitsJudgement: true })
    expect(await turns.renew?.({ kind: 'bridge', facts: FACTS })).toEqual({
      kind: 'item',
      item: { kind: 'failed', failure: { code: 'INPUT_LOST', executed: 'unknown' } },
    })
  })
})

describe('the renewal of a call whose list cannot be had', () => {
  const failure = { code: 'SERVER_UNREACHABLE', executed: 'no' } as const
  const NEWS = { kind: 'stale', toolsVersion: 'v2' } as const

  async function renewed(outcome: unknown, retry?: Parameters<SessionRequest['call']>[2]) {
    const share = new ScriptedShare({}, 'unlisted').on('call', outcome)
    share.client.learn({ state: '1', policies: ['{"access":"read"}'] })
    const made = madeOf(new SessionRequest(share.client, CALLER, posted()).call(posted(), KEY, retry))
    return retry === undefined ? made.turns.renew?.(NEWS) : made.turns.renew?.({ kind: 'bridge', facts: FACTS })
  }

  test('fails as the list has', async () => {
    verifies('promise.7.list-failure')
    expect(await renewed({ kind: 'failed', failure })).toEqual({ kind: 'item', item: { kind: 'failed', failure } })
  })

  test('does not say that a round has not run which another Worker may have made', async () => {
    verifies('promise.7.list-failure')
    const renewal = await renewed({ kind: 'failed', failure }, { round: { wanted: [] }, answers: new Map(), isRemade: true })
    expect(renewal).toMatchObject({ item: { failure: { code: 'SERVER_UNREACHABLE', executed: 'unknown' } } })
    forgetModernServer('unlisted', CALLER.session)
  })

  test('makes the call again, in no state of the tools, where the child is another by now', async () => {
    verifies('promise.7.list-failure')
    const renewal = await renewed({ kind: 'stale', toolsVersion: 'v3' })
    expect(renewal).toMatchObject({ kind: 'call', request: { toolsVersion: '', awaitsJudgement: true, hold: undefined } })
  })
})

describe('the renewal of a SessionRequest', () => {
  const renewed = async (message: Record<string, unknown>, news: object) => {
    const request = new SessionRequest(new ScriptedShare().client, CALLER, posted(message))
    return { request, renewal: await madeOf(request.call(posted(message), KEY)).turns.renew?.(news as never) }
  }

  test('translates a request once the Share says that the server has no sessions', async () => {
    const { request, renewal } = await renewed(CALL, { kind: 'bridge', facts: FACTS })
    expect(renewal).toMatchObject({ kind: 'call', request: { bridge: 'v1', key: KEY } })
    expect(request.isTranslated).toBe(true)
  })

  test('brings the request as it came once the server turns out to have sessions', async () => {
    learnModernServer('share', CALLER.session, FACTS)
    const { request, renewal } = await renewed(CALL, { kind: 'native' })
    expect(renewal).toMatchObject({ kind: 'call', request: { key: KEY } })
    expect(renewal).not.toHaveProperty('request.bridge')
    expect(request.isTranslated).toBe(false)
  })

  test.each([
    ['initialize', { protocolVersion: '2025-06-18' }, { result: { protocolVersion: '2025-06-18' } }],
    ['logging/setLevel', { level: 'loud' }, { error: { data: { code: 'PARAMS_INVALID', at: 'level' } } }],
    ['resources/subscribe', {}, { error: { data: { code: 'PARAMS_INVALID', at: 'uri' } } }],
    ['ping', {}, { result: {} }],
    ['tasks/list', {}, { error: { data: { code: 'METHOD_UNKNOWN' } } }],
  ])('answers %s, which a server without sessions is not asked', async (method, params, expected) => {
    const { renewal } = await renewed({ id: 7, method, params }, { kind: 'bridge', facts: FACTS })
    const text = renewal?.kind === 'item' && renewal.item.kind === 'response' ? renewal.item.text : '{}'
    expect(JSON.parse(text)).toMatchObject({ id: 7, ...expected })
  })

  test('fails initialize where the server says nothing of itself', async () => {
    const news = { kind: 'bridge', facts: { ...FACTS, server: new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"result":{}}') } }
    const { renewal } = await renewed({ id: 7, method: 'initialize' }, news)
    expect(renewal).toMatchObject({ item: { kind: 'failed', failure: { code: 'CHILD_START_FAILED', executed: 'no' } } })
  })

  test('brings no retry to a server that has sessions after all', async () => {
    learnModernServer('share', CALLER.session, FACTS)
    const request = new SessionRequest(new ScriptedShare().client, CALLER, posted())
    const { turns } = madeOf(request.call(posted(), KEY, { round: { wanted: [] }, answers: new Map() }))
    expect(await turns.renew?.({ kind: 'native' })).toMatchObject({
      item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } },
    })
  })
})

describe('SessionRequest.keep() and find()', () => {
  test('keep the request of a client that can come back, and find it again', async () => {
    const share = new ScriptedShare()
    await new SessionRequest(share.client, CALLER, posted(CALL, 'single')).keep(KEY)
    expect(share.asked.keepCall).toEqual([])
    const asked = new Uint8Array([1])
    await new SessionRequest(share.client, CALLER, posted()).keep(KEY, asked)
    const request = posted().message.bytes
    expect(share.asked.keepCall).toEqual([[{ ...CALLER, key: KEY, request, asked }]])
    const other = new SessionRequest(share.on('keptCall', undefined, { call: { request } }).client, CALLER)
    const finding = other.find(KEY)
    await vi.runAllTimersAsync()
    await finding
    expect(other.posted).toMatchObject({ delivery: 'stream', message: { facts: { method: 'tools/call' } } })
  })

  test('give up on a request that nobody keeps', async () => {
    const share = new ScriptedShare()
    const request = new SessionRequest(share.client, CALLER)
    const finding = request.find(KEY)
    await vi.runAllTimersAsync()
    await finding
    expect(request.posted).toBeUndefined()
    expect(share.asked.keptCall).toHaveLength(3)
  })
})

test('SessionRequest.server() asks the Share for what another Worker knew, once', async () => {
  const share = new ScriptedShare().on('keptCall', { facts: FACTS })
  const request = new SessionRequest(share.client, CALLER)
  expect(await request.server(KEY)).toMatchObject({ version: 'v1', client: { revision: '2025-11-25' } })
  await request.server(KEY)
  expect(share.asked.keptCall).toEqual([[CALLER, KEY]])
})
