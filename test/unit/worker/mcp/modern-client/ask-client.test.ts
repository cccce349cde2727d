import { beforeEach, describe, expect, test } from 'vitest'
import type { ParkedRow, ParkOrder } from '../../../../../worker/contract/share-rpc.ts'
import { AskRound, findParkedCall } from '../../../../../worker/mcp/modern-client/ask-client.ts'
import type { Item } from '../../../../../worker/mcp/call/item.ts'
import { bytesOf } from '../../bridge/bytes.ts'
import { answersToChild, type Asked, modernCall } from './modern-request.ts'
import { ScriptedShare } from '../../scripted-share.ts'

const CALL_KEY = 'a'.repeat(32)

let share: ScriptedShare

beforeEach(() => {
  share = new ScriptedShare().on('park', true)
})

function wholeAsk(rawId: string, method: string, params: object = {}): Parameters<AskRound['add']>[0] {
  return { ch: 'c', rawId, method, body: bytesOf(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(rawId), method, params })) }
}

function roundOf(asked: Asked = {}, askCount = 0): AskRound {
  return new AskRound(modernCall(share, asked), CALL_KEY, askCount)
}

function orderTo({ asked }: ScriptedShare): ParkOrder {
  return asked.park[0]?.[0] as ParkOrder
}

function resultOf(item: Item): { inputRequests: Record<string, object>; requestState: string; _meta?: object } {
  if (item.kind !== 'result') throw new Error(`no result: ${item.kind}`)
  return JSON.parse(item.result)
}

describe('AskRound', () => {
  test('parks the call with what the child asks, under keys that go on from the rounds before', async () => {
    const round = roundOf({}, 2)
    expect(round.isAsking).toBe(false)
    await round.add(wholeAsk('0', 'elicitation/create', { message: 'm' }))
    await round.add(wholeAsk('"q"', 'elicitation/create', { message: 'n' }))
    expect(round.isAsking).toBe(true)
    const { inputRequests, requestState, _meta } = resultOf(await round.park('{"name":"s"}'))
    expect(inputRequests).toEqual({
      'ask-3': { method: 'elicitation/create', params: { message: 'm' } },
      'ask-4': { method: 'elicitation/create', params: { message: 'n' } },
    })
    expect([requestState.length, _meta]).toEqual([116, { 'io.modelcontextprotocol/serverInfo': { name: 's' } }])
    expect(orderTo(share)).toMatchObject({ principal: 'p', ch: 'c', call: CALL_KEY, askCount: 4 })
    expect(orderTo(share).asks.map(({ key, rawId }) => [key, rawId])).toEqual([
      ['ask-3', '0'],
      ['ask-4', '"q"'],
    ])
    expect(share.asked.send).toEqual([])
  })

  test('fails the call when the share can keep no more of them', async () => {
    share = new ScriptedShare().on('park', false)
    const round = roundOf()
    await round.add(wholeAsk('0', 'elicitation/create'))
    expect(await round.park(undefined)).toMatchObject({ kind: 'failed', failure: { code: 'SHARE_BUSY', executed: 'yes' } })
  })

  test('answers a ping of the child by itself', async () => {
    const round = roundOf()
    await round.add(wholeAsk('7', 'ping'))
    expect([answersToChild(share), round.isAsking, round.refusal]).toEqual([['{"jsonrpc":"2.0","id":7,"result":{}}'], false, undefined])
  })

  test('refuses what the client has not declared to the child, and the call when nothing else is asked', async () => {
    const round = roundOf()
    await round.add(wholeAsk('7', 'sampling/createMessage'))
    expect(JSON.parse(answersToChild(share)[0] ?? '{}')).toMatchObject({ id: 7, error: { code: -32601 } })
    expect(round.refusal).toEqual({ kind: 'failed', failure: { code: 'CAPABILITY_REQUIRED', requiredCapabilities: { sampling: {} } } })
    await round.add(wholeAsk('8', 'elicitation/create'))
    expect(round.refusal).toBeUndefined()
  })

  test('refuse() answers an ask of a call whose client cannot be asked', async () => {
    await roundOf().refuse(wholeAsk('"r"', 'roots/list'))
    expect(answersToChild(share).map((text) => JSON.parse(text) as unknown)).toMatchObject([{ id: 'r', error: { code: -32601 } }])
  })
})

describe('findParkedCall()', () => {
  /** A call that waits for an answer to one ask, and the state that its client has. */
  async function parked(more: Partial<ParkedRow> = {}): Promise<string> {
    const round = roundOf()
    await round.add(wholeAsk('"q"', 'elicitation/create', { message: 'm' }))
    const { requestState } = resultOf(await round.park(undefined))
    const order = orderTo(share)
    const { principal, handle, call, askCount, expiresAtMs } = order
    const asks = order.asks.map(({ key, rawId, method }) => ({ key, rawId, method }))
    const requests = order.asks.map(({ key, request }) => ({ key, request }))
    const row: ParkedRow = { principal, handle, call, askCount, expiresAtMs, channel: order.ch, asks, requests, ...more }
    share.on('parked', row)
    return requestState
  }

  function retried(state: string, inputResponses: object, name = 'a'): ReturnType<typeof findParkedCall> {
    return findParkedCall(modernCall(share, { params: { name, inputResponses, requestState: state } }), state, '{"name":"s"}')
  }

  const GIVEN = { 'ask-1': { action: 'accept', content: {} } }
  const REFUSED = { kind: 'item', item: { kind: 'failed', failure: { code: 'STATE_REFUSED' } } }

  test('gives the key of the call, and the answers in the ids of the child', async () => {
    const found = await retried(await parked(), GIVEN)
    expect(found).toMatchObject({ kind: 'parked', key: CALL_KEY, askCount: 1, input: { handle: orderTo(share).handle } })
    expect(share.asked.parked).toEqual([[orderTo(share).handle, 'p']])
    expect(found.kind === 'parked' && found.input.responses).toEqual([
      { rawId: '"q"', body: '{"jsonrpc":"2.0","id":"q","result":{"action":"accept","content":{}}}' },
    ])
  })

  test('asks the same again, with the same state, while an answer is missing', async () => {
    const state = await parked()
    const found = await retried(state, {})
    expect(found.kind === 'item' && resultOf(found.item)).toEqual({
      resultType: 'input_required',
      inputRequests: { 'ask-1': { method: 'elicitation/create', params: { message: 'm' } } },
      requestState: state,
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's' } },
    })
  })

  test('goes on without answers for a retry that was taken before: the Share knows whether it is the same', async () => {
    expect(await retried(await parked({ takenBy: 'b'.repeat(32) }), {})).toMatchObject({ kind: 'parked', input: { responses: [] } })
  })

  test('refuses a state that was tampered with, and one of another request', async () => {
    const state = await parked()
    expect(await retried(`${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`, GIVEN)).toEqual(REFUSED)
    expect(await retried(state, GIVEN, 'b')).toEqual(REFUSED)
    expect(share.asked.parked).toEqual([])
  })

  test('refuses a state whose call is not kept any more', async () => {
    const state = await parked()
    await retried(state, GIVEN)
    // What was scripted is used up.
    expect(await retried(state, GIVEN)).toEqual(REFUSED)
  })
})
