import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeFrame } from '../../../../../../protocol/frame-codec.ts'
import type { CallRequest } from '../../../../../../worker/contract/share-rpc.ts'
import { MAX_BATCH_CALLS } from '../../../../../../worker/limits.ts'
import { callRequest } from '../../../../../../worker/mcp/call/call-request.ts'
import type { Item, ItemSource } from '../../../../../../worker/mcp/call/item.ts'
import { PartCheck } from '../../../../../../worker/mcp/call/several/part-check.ts'
import { SpreadCall } from '../../../../../../worker/mcp/call/several/spread-call.ts'
import { MAX_SPREAD_ANSWER_BYTES, SPREAD_ANSWER_MS } from '../../../../../../worker/routing-limits.ts'
import { verifies } from '../../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../../scripted-share.ts'
import { messageOf } from '../../client-message.ts'

const KEY = '0'.repeat(32)
const BODY = new TextEncoder().encode('{"jsonrpc":"2.0","id":0,"result":{"content":[]}}')
const HEADER = { type: 'answer', ch: 'c.1', n: 1, at: 0, size: BODY.length, key: KEY, ra: `c${KEY}`, id: [22, 23], failed: false } as const
const FRAME = { kind: 'frame', frame: encodeFrame(HEADER, BODY), restarted: false }
const OWN: Item = { kind: 'frame', header: HEADER, body: BODY, restarted: true }
const PENDING = new Promise(() => undefined)

/** Brings these items; then nothing comes. */
class Source implements ItemSource {
  readonly items: Item[]
  taken = vi.fn<(bytes: number) => void>()
  close = vi.fn<() => void>()

  constructor(...items: Item[]) {
    this.items = items
  }

  next(): Promise<Item | undefined> {
    const item = this.items.shift()
    return item === undefined ? (PENDING as Promise<undefined>) : Promise.resolve(item)
  }
}

function spreadOver(share: ScriptedShare, agents: readonly string[], first: Item, source = new Source()) {
  const message = messageOf({ id: 7, method: 'tools/call', params: { name: 't' } })
  const request = callRequest({ principal: 'ann', session: 'sess' }, message, 'stream')
  const plan = { own: 'own', agents, count: agents.length + 1, isTyped: false }
  const sent = { request: { ...request, toolsVersion: 'v', isRetry: true }, body: message.bytes }
  const spread = new SpreadCall(share.client, sent, plan, new PartCheck(message, () => Promise.resolve('changed')))
  return { request, source, spread: spread.over(source, first) }
}

function linesOf(item: Item | undefined): string[] {
  if (item?.kind !== 'frame') throw new Error('no answer came')
  const { result } = JSON.parse(new TextDecoder().decode(item.body)) as { result: { content: { text: string }[] } }
  return result.content.map(({ text }) => text)
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('SpreadCall', () => {
  test('calls each agent under a key of its own, as a part of the call, and answers in the frame of the own agent', async () => {
    verifies('promise.spread.all', 'promise.spread.one')
    const share = new ScriptedShare().on('call', FRAME, FRAME)
    const { spread, request, source } = spreadOver(share, ['b', 'c'], OWN)
    const item = await spread.next()
    expect(linesOf(item)).toEqual(['b', 'c', 'own'])
    expect(item).toMatchObject({ header: { key: request.key, ch: 'c.1', n: 1 }, restarted: true })
    const parts = share.asked.call.map(([part]) => part as CallRequest)
    expect(parts.map(({ spread: part }) => part)).toEqual(['b', 'c'].map((agent) => ({ agent, of: request.key })))
    expect(new Set([request.key, ...parts.map(({ key }) => key)]).size).toBe(3)
    for (const part of parts) {
      expect(part).toMatchObject({ delivery: 'single', isRelays: true })
      expect(part).not.toHaveProperty('toolsVersion')
      expect(part).not.toHaveProperty('isRetry')
    }
    expect(source.close).toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('pays for what the own agent says when it comes, and not once more when the client takes the answer', async () => {
    verifies('promise.10.credit')
    const { spread, source } = spreadOver(new ScriptedShare().on('call', FRAME), ['b'], OWN)
    const item = await spread.next()
    spread.taken(item?.kind === 'frame' ? item.body.length : 0)
    expect(source.taken.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0)).toBe(BODY.length)
  })

  test('asks no more agents at a time than a Worker may, and each other when one has answered', async () => {
    verifies('promise.10.named')
    const agents = Array.from({ length: MAX_BATCH_CALLS + 1 }, (_, at) => `a${at}`)
    const first = Promise.withResolvers<object>()
    const share = new ScriptedShare().on('call', first.promise, ...agents.map(() => PENDING))
    const { spread } = spreadOver(share, agents, OWN)
    const joined = spread.next()
    await vi.advanceTimersByTimeAsync(0)
    expect(share.asked.call).toHaveLength(MAX_BATCH_CALLS - 1)
    first.resolve(FRAME)
    await vi.advanceTimersByTimeAsync(0)
    expect(share.asked.call).toHaveLength(MAX_BATCH_CALLS)
    await vi.advanceTimersByTimeAsync(SPREAD_ANSWER_MS)
    expect(linesOf(await joined).filter((text) => text.endsWith('no answer within 30 s'))).toHaveLength(MAX_BATCH_CALLS)
  })

  test('passes on what the own agent says meanwhile, and has a line for an answer that is too long', async () => {
    verifies('promise.spread.failures')
    const told: Item = { kind: 'message', text: '{}' }
    const long: Item = { ...OWN, header: { ...HEADER, size: MAX_SPREAD_ANSWER_BYTES + 1 } }
    const { spread } = spreadOver(new ScriptedShare().on('call', FRAME), ['b'], told, new Source(long))
    expect(await spread.next()).toBe(told)
    expect(linesOf(await spread.next())).toEqual(['b', 'own: its answer is longer than 512 KiB'])
  })

  test('ends with what ends the call: a refusal of its client, and a cancellation', async () => {
    verifies('promise.spread.cancel')
    const cancelled = { type: 'failed', ch: 'c.1', key: KEY, ra: '', code: 'CANCELLED', executed: 'no' } as const
    const ends: Item[] = [
      { kind: 'failed', failure: { code: 'LINK_REVOKED' } },
      { kind: 'frame', header: cancelled, body: new Uint8Array(0), restarted: false },
    ]
    for (const end of ends) {
      const { spread } = spreadOver(new ScriptedShare().on('call', PENDING), ['b'], end)
      expect(await spread.next()).toBe(end)
      spread.close()
    }
    expect(vi.getTimerCount()).toBe(0)
  })
})
