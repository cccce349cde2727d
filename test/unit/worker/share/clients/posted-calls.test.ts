import { describe, expect, test } from 'vitest'
import type { SessionCallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { decodeAgentFrame } from '../../../../../protocol/frame-codec.ts'
import { MAX_POSTED_BYTES, POSTED_CALL_BYTES } from '../../../../../worker/routing-limits.ts'
import { handOver, PostedCalls } from '../../../../../worker/share/clients/posted-calls.ts'
import { verifies } from '../../../../requirements/verifies.ts'

/** So many of them are kept. */
const MOST = 8
const LARGE = (MAX_POSTED_BYTES / MOST - POSTED_CALL_BYTES) / 2

function requestOf(key: string, more: Partial<SessionCallRequest> = {}): SessionCallRequest {
  const body = more.body ?? new TextEncoder().encode(`{"key":"${key}"}`)
  const base = { key, principal: 'client:a', session: 's', delivery: 'session', method: 'tools/call', rawId: '7', id: [0, 1] } as const
  return { ...base, size: body.length, ...more, body }
}

function large(key: string, principal: string): SessionCallRequest {
  return requestOf(key, { principal, body: new Uint8Array(LARGE) })
}

/** Those of one session, whose stream's Worker hears `said` while it is there. */
function stage(rootOf?: (principal: string) => string) {
  const said: unknown[] = []
  const stream = { isOpen: true }
  const socket = { send: (text: string) => void said.push(JSON.parse(text)) } as unknown as WebSocket
  const calls = new PostedCalls({ listener: (session) => (stream.isOpen && session === 's' ? socket : undefined) }, rootOf)
  return { calls, said, stream }
}

describe('PostedCalls.handedOn()', () => {
  test('has what was handed on to the Worker of a stream, until it is answered or its session ends', () => {
    const { calls } = stage()
    calls.keepHandedOn(requestOf('translated', { isResend: true }))
    calls.keep(requestOf('again'), 'agent')
    calls.keep(requestOf('posted'), 'agent')
    calls.keepHandedOn(requestOf('other', { session: 'other' }))
    calls.makeAgain('again', 'unrun')
    const keys = (session: string): string[] => calls.handedOn(session).map(({ key }) => key)
    expect([keys('s'), keys('other')]).toEqual([['translated', 'again'], ['other']])
    // What came of the try before says nothing of it.
    calls.drop('again')
    calls.dropHandedOn('translated')
    calls.dropHandedOn('posted')
    expect([keys('s'), calls.get('posted')?.key]).toEqual([['again'], 'posted'])
    calls.dropOf('s')
    expect([keys('s'), keys('other')]).toEqual([[], ['other']])
  })

  test('has no initialize: whose that was lost begins anew', () => {
    const { calls } = stage()
    calls.keepHandedOn(requestOf('k', { method: 'initialize' }))
    expect(calls.handedOn('s')).toEqual([])
  })
})

describe('PostedCalls.makeAgain()', () => {
  test('hands a call to the Worker of its stream, once', () => {
    const { calls, said } = stage()
    calls.keep(requestOf('k', { authorization: 'Bearer x' }), 'agent')
    expect([calls.makeAgain('k', 'unrun'), calls.makeAgain('k', 'unrun')]).toEqual([true, false])
    const shown = { principal: 'client:a', authorization: 'Bearer x' }
    expect(said).toEqual([{ type: 'translate', key: 'k', body: '{"key":"k"}', before: 'unrun', shown }])
  })

  test('is false while nobody holds its stream, and keeps the call', () => {
    const { calls, stream } = stage()
    calls.keep(requestOf('k'), 'agent')
    stream.isOpen = false
    expect(calls.makeAgain('k', 'repeatable')).toBe(false)
    stream.isOpen = true
    expect(calls.makeAgain('k', 'repeatable')).toBe(true)
  })

  test('is false for a call whose body came in parts, that was resent, was answered, or whose session has ended', () => {
    const { calls } = stage()
    calls.keep(requestOf('parts', { size: 1_000_000 }), 'agent')
    for (const isResend of [false, true]) calls.keep(requestOf('resent', { isResend }), 'agent')
    calls.keep(requestOf('answered'), 'agent')
    calls.keep(requestOf('ended'), 'agent')
    calls.drop('answered')
    const madeAgain = (...keys: string[]): string[] => keys.filter((key) => calls.makeAgain(key, 'unrun'))
    expect(madeAgain('parts', 'resent', 'answered')).toEqual([])
    calls.dropOf('s')
    expect(madeAgain('ended')).toEqual([])
  })
})

test('PostedCalls.of() names those that an agent has', () => {
  const { calls } = stage()
  calls.keep(requestOf('a'), 'one')
  calls.keep(requestOf('b'), 'two')
  expect(calls.of('one').map(({ key }) => key)).toEqual(['a'])
  calls.keep(requestOf('a'), 'two')
  expect(calls.of('two').map(({ key }) => key)).toEqual(['b', 'a'])
  calls.forget()
  expect([calls.get('a'), calls.of('two')]).toEqual([undefined, []])
})

test('PostedCalls.fail() ends a call of an agent, also one that cannot be made again, and tellFailures() tells it once more', () => {
  const told: unknown[] = []
  const key = 'a'.repeat(32)
  const away = 'b'.repeat(32)
  const socket = { send: (frame: Uint8Array) => void told.push(decodeAgentFrame(frame)) } as unknown as WebSocket
  const calls = new PostedCalls({ listener: (session) => (session === 's' ? socket : undefined) })
  calls.keep(requestOf(key, { isResend: true }), 'agent')
  calls.keep(requestOf(away, { session: 'away' }), 'agent')
  calls.keepHandedOn(requestOf('handed-on'))
  expect([calls.get(key), calls.of('agent').map((request) => request.key)]).toEqual([undefined, [key, away]])
  for (const one of [key, away, 'handed-on', 'unknown']) calls.fail(one, { code: 'AGENT_LOST', executed: 'unknown' })
  const failure = { value: { header: { type: 'failed', key, code: 'AGENT_LOST', executed: 'unknown' } } }
  expect(told).toMatchObject([failure])
  calls.tellFailures('s')
  expect(told).toMatchObject([failure, failure])
  expect([calls.of('agent'), calls.handedOn('s').length]).toEqual([[], 1])
})

test('PostedCalls.failHeld() ends the calls whose answers an agent has kept, which are not made again', () => {
  const key = 'a'.repeat(32)
  const { calls, stream } = stage()
  calls.keep(requestOf(key), 'agent')
  calls.keep(requestOf('open'), 'agent')
  calls.hold(key)
  calls.hold('unknown')
  stream.isOpen = false
  expect([calls.get(key), calls.of('agent').map((request) => request.key)]).toEqual([undefined, ['open']])
  calls.failHeld('other', { code: 'AGENT_LOST' })
  expect(calls.has(key)).toBe(true)
  calls.failHeld('agent', { code: 'AGENT_LOST' })
  expect([calls.has(key), calls.has('open')]).toEqual([false, true])
})

describe('PostedCalls.keep()', () => {
  test('keeps so many bytes: who brings one more loses its own oldest, with all that count as it', () => {
    verifies('promise.10.sse-posts')
    const { calls } = stage((principal) => principal.split('/')[0] ?? '')
    calls.keep(large('other', 'client:b'), 'agent')
    for (let at = 0; at < MOST - 1; at++) calls.keep(large(`own-${at}`, 'client:a/narrowed'), 'agent')
    expect(calls.of('agent')).toHaveLength(MOST)
    calls.keep(large('more', 'client:a'), 'agent')
    expect([calls.get('own-0'), calls.of('agent').length]).toEqual([undefined, MOST])
    expect(calls.get('other')).toBeDefined()
  })

  test('of who has no other the oldest of all goes', () => {
    verifies('promise.10.sse-posts')
    const { calls } = stage()
    for (let at = 0; at < MOST; at++) calls.keep(large(`a-${at}`, 'client:a'), 'agent')
    calls.keep(large('b', 'client:b'), 'agent')
    expect([calls.get('a-0'), calls.get('b') === undefined, calls.of('agent').length]).toEqual([undefined, false, MOST])
  })

  test('counts small calls too, and what has gone no more', () => {
    const { calls } = stage()
    for (let at = 0; at < 10_000; at++) calls.keep(requestOf(`k-${at}`), 'agent')
    expect(calls.of('agent').length).toBeLessThanOrEqual(MAX_POSTED_BYTES / POSTED_CALL_BYTES)
    for (const { key } of calls.of('agent')) calls.drop(key)
    for (let at = 0; at < MOST; at++) calls.keep(large(`l-${at}`, 'client:a'), 'agent')
    expect(calls.of('agent')).toHaveLength(MOST)
  })
})

test('handOver() says nothing of a try before where there was none', () => {
  expect(handOver(requestOf('k'))).toEqual({ type: 'translate', key: 'k', body: '{"key":"k"}' })
})
