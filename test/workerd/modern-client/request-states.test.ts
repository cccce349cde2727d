/** The requestState of a parked call: what is sealed in it, and who may use it, once. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { PARKED_MS } from '../../../worker/limits.ts'
import type { GroupCallRequest, ParkedRow, RetryInput } from '../../../worker/contract/share-rpc.ts'
import { bridgedGroup, groupOf } from '../../../worker/contract/groups.ts'
import { verifies } from '../../requirements/verifies.ts'
import { told } from '../harness/handshake-child.ts'
import { createClientToken, passOf, stubOf, type TestShare } from '../harness/relay.ts'
import { INPUT, type CallFrame, parked, retry } from '../harness/parked-call.ts'

const REFUSED = { status: 200, body: { id: 1, error: { code: -32602 } } }

/** The request by which a Worker goes on with the one call that is parked. */
async function requestFor(share: TestShare, { header, body }: CallFrame): Promise<GroupCallRequest & { readonly input: RetryInput }> {
  const row = await runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql.exec<{ call: string }>('SELECT call FROM parked').one(),
  )
  const { handle, principal } = JSON.parse(row.call) as ParkedRow
  const response = `{"jsonrpc":"2.0","id":"q","result":${JSON.stringify(INPUT)}}`
  return {
    principal,
    capabilities: [],
    // The name of the group stands between the channel's prefix and its generation.
    group: groupOf(header.ch).slice(bridgedGroup('').length),
    bridge: 'any',
    key: header.key,
    method: header.method,
    rawId: '1',
    id: header.id,
    body,
    size: body.length,
    delivery: 'stream',
    input: { handle, taker: `${'e'.repeat(30)}00`, responses: [{ rawId: '"q"', body: response }] },
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a requestState', () => {
  test.each([0, 40, 115])('with another character at %i is refused, and the child hears nothing', async (at) => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const tampered = `${state.slice(0, at)}${state[at] === 'A' ? 'B' : 'A'}${state.slice(at + 1)}`
    expect(await told(retry(child.share, tampered))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('that a retry has used is refused to the next, and the child hears nothing of that', async () => {
    verifies('modern.input.once')
    const { child, state } = await parked()
    const first = retry(child.share, state)
    await child.expect('respond')
    const again = await child.expect('call')
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    child.answer(again, { content: [] })
    expect((await first).status).toBe(200)
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('that its own retry brings again, after a reset of the Share, is no replay', async () => {
    const { child, call, state } = await parked()
    const [stub, pass] = [stubOf(child.share), passOf(child.share)]
    const request = await requestFor(child.share, call)
    const first = stub.call(pass, request)
    const respond = await child.expect('respond')
    expect((await child.expect('call')).header.key).toBe(call.header.key)
    const second = stub.call(pass, { ...request, isResend: true })
    // The agent, which knows both keys, passes the repetition over.
    expect((await child.expect('respond')).header.key).toBe(respond.header.key)
    child.answer(await child.expect('call'), { content: [] })
    expect(await second).toMatchObject({ kind: 'frame' })
    await first
    const other = { ...request, input: { ...request.input, taker: 'f'.repeat(32) } }
    expect(await stub.call(pass, other)).toEqual({ kind: 'state_refused' })
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose time is over is refused, and the child hears nothing', async () => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const nowMs = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => nowMs + PARKED_MS + 1)
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    clock.mockRestore()
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose parked call has expired is refused, and the child hears nothing', async () => {
    const { child, state } = await parked()
    await runInDurableObject(stubOf(child.share), (_, { storage }) => {
      storage.sql.exec(`UPDATE parked SET call = json_set(call, '$.expiresAtMs', 1)`)
    })
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('of another principal is refused, and neither child hears of it', async () => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const token = await createClientToken(child.share)
    const answer = told(retry(child.share, state, { token }))
    // The other principal's child is made ready; it gets no answers and no call.
    expect(await Promise.all([answer, child.hasHeardNothing(token)])).toMatchObject([REFUSED, true])
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test.each([
    { what: 'other arguments', input: { arguments: { more: 1 } } },
    { what: 'another tool', name: 'b' },
  ])('for $what is refused, and the child hears nothing', async (more) => {
    const { child, state } = await parked()
    expect(await told(retry(child.share, state, more))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose child has died is refused, and the next child hears nothing of it', async () => {
    const { child, call, state } = await parked()
    child.agent.send({ type: 'died', ch: call.header.ch, reason: 'exit', exitCode: 1 })
    const answer = told(retry(child.share, state))
    expect(await Promise.all([answer, child.hasHeardNothing()])).toMatchObject([REFUSED, true])
  })
})
