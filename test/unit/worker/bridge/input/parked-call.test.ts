import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { importHmacKey } from '../../../../../worker/access/secrets/secret.ts'
import { askKey, inputRequiredResult, judgeAsk, readInputResponses, readRequestState } from '../../../../../worker/bridge/input/asks.ts'
import { readCapabilities } from '../../../../../worker/bridge/capabilities.ts'
import { type ParkedCall, takeParked } from '../../../../../worker/bridge/input/parked-call.ts'
import { requestDigest } from '../../../../../worker/bridge/request-digest.ts'
import { mintRequestState, verifyRequestState } from '../../../../../worker/mcp/modern-client/request-state.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from '../bytes.ts'

const ALL = readCapabilities({ elicitation: {} })
const PARKED: ParkedCall = {
  handle: 'h',
  principal: 'p',
  channel: 'c',
  asks: [{ key: 'ask-1', rawId: '0', method: 'roots/list' }],
  askCount: 1,
  expiresAtMs: 100,
}
const GIVEN = { responses: new Map([['ask-1', '{}']]), missing: [] }

describe('takeParked()', () => {
  test('lets one retry take the call, and knows it again', () => {
    const first = takeParked(PARKED, 'p', 'k1', GIVEN, 99)
    expect(first).toEqual({ ok: true, value: { kind: 'take', call: { ...PARKED, takenBy: 'k1' }, responses: ['{}'] } })
    const taken = { ...PARKED, takenBy: 'k1' }
    expect(takeParked(taken, 'p', 'k1', GIVEN, 1000)).toEqual({ ok: true, value: { kind: 'attach' } })
    expect(takeParked(taken, 'p', 'k2', GIVEN, 99)).toEqual({ ok: false, error: 'replayed' })
  })

  test.each([
    ['unknown', undefined, 'p', 99],
    ['unknown', PARKED, 'q', 99],
    ['unknown', { ...PARKED, takenBy: 'k1' }, 'q', 99],
    ['expired', PARKED, 'p', 100],
  ])('refuses as %s', (error, parked, principal, nowMs) => {
    expect(takeParked(parked, principal, 'k1', GIVEN, nowMs)).toEqual({ ok: false, error })
  })

  test('asks again for what is missing, and takes nothing', () => {
    verifies('modern.input.asks-again')
    const input = { responses: new Map(), missing: ['ask-1'] }
    expect(takeParked(PARKED, 'p', 'k1', input, 99)).toEqual({ ok: true, value: { kind: 'ask_again', missing: ['ask-1'] } })
  })
})

/** A relay of the pure parts: parked calls in a map, children that note what they are told. */
class Relay {
  readonly #key: CryptoKey
  readonly #parked = new Map<string, ParkedCall>()
  #serial = 0
  /** What each child was told, by channel. */
  readonly told = new Map<string, string[]>()

  constructor(key: CryptoKey) {
    this.#key = key
  }

  /** A child asks during a call; every child begins its ids at 0. */
  async park(principal: string, call: string, asks: number): Promise<{ readonly keys: string[]; readonly requestState: string }> {
    const bytes = new Uint8Array(16)
    new DataView(bytes.buffer).setUint32(0, ++this.#serial)
    const requests = new Map<string, string>()
    const waiting = Array.from({ length: asks }, (_, at) => {
      const ask = judgeAsk(
        bytesOf(`{"id":${at},"method":"elicitation/create","params":{"message":${JSON.stringify(call)}}}`),
        String(at),
        'elicitation/create',
        ALL,
      )
      if (ask.kind === 'ask') requests.set(askKey(at + 1), ask.request)
      return { key: askKey(at + 1), rawId: String(at), method: 'elicitation/create' }
    })
    const digest = await requestDigest(bytesOf(callOf(call)), 'tools/call')
    const state = await mintRequestState(this.#key, bytes, 1000, { principal, digest })
    this.#parked.set(String(bytes), { handle: String(bytes), principal, channel: call, asks: waiting, askCount: asks, expiresAtMs: 1000 })
    const result = JSON.parse(inputRequiredResult(requests, state)) as { inputRequests: object; requestState: string }
    return { keys: Object.keys(result.inputRequests), requestState: result.requestState }
  }

  async retry(principal: string, callKey: string, body: string, nowMs: number): Promise<string> {
    const bytes = bytesOf(body)
    const { params } = JSON.parse(body) as { params: Record<string, unknown> }
    const binding = { principal, digest: await requestDigest(bytes, 'tools/call') }
    const handle = await verifyRequestState(this.#key, readRequestState(params) ?? '', binding, nowMs)
    if (!handle.ok) return handle.error
    const parked = this.#parked.get(String(handle.value))
    const outcome = takeParked(parked, principal, callKey, readInputResponses(bytes, parked?.asks ?? []), nowMs)
    if (!outcome.ok) return outcome.error
    if (outcome.value.kind !== 'take') return outcome.value.kind
    const { call, responses } = outcome.value
    this.#parked.set(call.handle, call)
    this.told.set(call.channel, [...(this.told.get(call.channel) ?? []), ...responses])
    return 'take'
  }
}

function callOf(call: string, more = ''): string {
  return `{"id":0,"method":"tools/call","params":{"name":"ask","arguments":{"call":${JSON.stringify(call)}}${more}}}`
}

/** Who retries which call, as its own principal or another, with which call key, when, and whether with other arguments. */
const seldom = fc.nat(7).map((roll) => roll === 0)
const attempt = fc.record({
  call: fc.nat(7),
  principalsOff: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
  callKey: fc.constantFrom('k1', 'k2'),
  isLate: seldom,
  withArgumentsOf: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(7) }),
  leavesOut: seldom,
})

test('parked asks of many principals, retried in any order by anyone, reach no other call and no call twice', async () => {
  verifies('modern.input.once')
  const key = await importHmacKey(new Uint8Array(32).fill(7))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 8, maxLength: 8 }),
      fc.array(attempt, { minLength: 8, maxLength: 24 }),
      async (asks, attempts) => {
        const relay = new Relay(key)
        // Two calls for each of four principals, all open at once; the child's ids and our keys are the same for all.
        const calls = await Promise.all(asks.map((count, at) => relay.park(`principal ${at % 4}`, `call ${at}`, count)))
        const takenBy = new Map<number, string>()
        for (const { call, principalsOff, callKey, isLate, withArgumentsOf, leavesOut } of attempts) {
          const { keys = [], requestState = '' } = calls[call] ?? {}
          const answered = leavesOut ? keys.slice(1) : keys
          const inputResponses = Object.fromEntries(answered.map((name) => [name, { action: 'accept', content: { for: `call ${call}` } }]))
          const body = callOf(
            `call ${withArgumentsOf ?? call}`,
            `,"inputResponses":${JSON.stringify(inputResponses)},"requestState":"${requestState}"`,
          )
          const outcome = await relay.retry(`principal ${(call + principalsOff) % 4}`, callKey, body, isLate ? 1000 : 0)
          const isRightful = principalsOff === 0 && (withArgumentsOf ?? call) === call && !isLate
          const expected = !isRightful
            ? 'refused'
            : takenBy.has(call)
              ? takenBy.get(call) === callKey
                ? 'attach'
                : 'replayed'
              : leavesOut
                ? 'ask_again'
                : 'take'
          expect(['other_principal', 'other_request', 'expired'].includes(outcome) ? 'refused' : outcome).toBe(expected)
          if (outcome === 'take') takenBy.set(call, callKey)
        }
        for (const [at, count] of asks.entries()) {
          const told = relay.told.get(`call ${at}`) ?? []
          const answer = (id: number): string => `{"jsonrpc":"2.0","id":${id},"result":{"action":"accept","content":{"for":"call ${at}"}}}`
          expect(told).toEqual(takenBy.has(at) ? Array.from({ length: count }, (_, id) => answer(id)) : [])
        }
      },
    ),
    { numRuns: 1000 },
  )
}, 60_000)
