/** What ends with a link ends on every lane, within a second. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { CALL } from '../harness/busy-client.ts'
import { order, ringRegistry } from '../harness/orders.ts'
import { createShare, EventReader, linkIdOf, TestClient } from '../harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const LANES = 8

describe('on eight lanes', () => {
  test('a revoked link’s streams end on each, and its refusals are everywhere', async () => {
    verifies('promise.9.revoked')
    const share = await createShare({ lanes: LANES })
    const agents = await Promise.all(
      Array.from({ length: LANES }, (_, lane) => ScriptedAgent.connect(share, lane === 0 ? {} : { join: 'replica' }, lane)),
    )
    const seats = new Map<ScriptedAgent, EventReader>()
    const clients: TestClient[] = []
    while (seats.size < LANES) {
      const client = new TestClient(share)
      const response = client.initialize()
      const agent = await Promise.race(agents.map(async (one) => one.hasFrame().then(() => one)))
      for (let frame = await agent.next(); ; frame = await agent.next())
        if (frame.header.type === 'call') {
          agent.answer(frame.header, '0', BARE_SERVER)
          break
        }
      await response
      const events = new EventReader(await client.listen())
      await agent.expect('resume')
      if (seats.has(agent)) await events.cancel()
      else {
        seats.set(agent, events)
        clients.push(client)
      }
    }
    const startMs = Date.now()
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
    for (const events of seats.values()) expect(await events.next()).toBeUndefined()
    expect(Date.now() - startMs).toBeLessThan(1000)
    for (const client of clients) expect((await client.post(CALL)).status).toBe(401)
  }, 20_000)

  test('a lane that did not hear of it goes on until the registry has told it again', async () => {
    const share = await createShare({ lanes: 2 })
    const agents = [await ScriptedAgent.connect(share), await ScriptedAgent.connect(share, { join: 'replica' }, 1)]
    const seats = new Map<number, TestClient>()
    while (seats.size < 2) {
      const client = new TestClient(share)
      const response = client.initialize()
      const lane = await Promise.race(agents.map(async (one, index) => one.hasFrame().then(() => index)))
      await agents[lane]?.expect('open')
      const call = await agents[lane]?.expect('call')
      if (call !== undefined) agents[lane]?.answer(call.header, '0', BARE_SERVER)
      await response
      seats.set(lane, client)
    }
    const events = new EventReader((await seats.get(1)?.listen()) ?? new Response())
    const real = Object.getOwnPropertyDescriptor(Share.prototype, 'admin')?.value as Share['admin']
    vi.spyOn(Share.prototype, 'admin').mockImplementation(async function (this: Share & { ctx: DurableObjectState }, ...args) {
      if (this.ctx.id.name === `${share.id}.1`) throw new Error('out of order')
      return Reflect.apply(real, this, args)
    })
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
    expect((await seats.get(0)?.post(CALL))?.status).toBe(401)
    const lives = seats.get(1)?.post(CALL)
    await agents[1]?.expect('resume')
    const call = await agents[1]?.expect('call')
    if (call !== undefined) agents[1]?.answer(call.header, '7', '{}')
    expect((await lives)?.status).toBe(200)
    vi.restoreAllMocks()
    await ringRegistry()
    expect(await events.next()).toBeUndefined()
    expect((await seats.get(1)?.post(CALL))?.status).toBe(401)
  })
})
