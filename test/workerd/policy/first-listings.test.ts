/** The first listing of a server: when and how it is taken, and that it is trusted. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern, told } from '../harness/handshake-child.ts'
import { LOOK, OfferingAgent, POISONED } from '../harness/offering-agent.ts'
import { order } from '../harness/orders.ts'
import { asked, begin, entriesWhen, OFFER, pinned, resultIn, shownWhen } from '../harness/scenes/pinned-share.ts'
import { createShare, factsOf, resetShare } from '../harness/relay.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const CALL = { name: 'look', arguments: {} }

describe('the first listing', () => {
  test('is taken when the agent connects, as by a client that can be asked for anything, and pinned as it is', async () => {
    verifies('promise.11.pinned-first')
    const { share, agent } = await pinned()
    const shown = await shownWhen(share, () => true)
    expect(shown).toMatchObject({
      pinning: 'on',
      unpinned: [],
      tools: [{ name: 'look', state: 'pinned', read_only: true }],
      instructions: [{ state: 'pinned' }],
      server_info: [{ state: 'pinned' }],
    })
    const [initialize] = agent.calls('initialize')
    expect(initialize?.params).toMatchObject({ capabilities: { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} } })
    await agent.until(() => agent.closed.includes(initialize?.ch ?? ''))
    // What its server asks meanwhile is refused.
    expect(agent.opened).toEqual([{ ch: initialize?.ch, asks: 'refuse' }])
    expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [LOOK] })
  })

  test('of a server that takes either era is taken in each, and in 2026-07-28 alone of one that knows no other', async () => {
    verifies('promise.11.pinned-first')
    for (const hello of [{ era: 'modern', initializes: true }, { era: 'modern' }] as const) {
      const { share, agent } = await pinned(OFFER, hello)
      const begun = agent.asked.map(({ method }) => method).filter((method) => method === 'initialize' || method === 'server/discover')
      expect(begun.toSorted()).toEqual('initializes' in hello ? ['initialize', 'server/discover'] : ['server/discover'])
      const { status, body } = await told(postModern(share, 'tools/list'))
      expect([status, resultIn(body)]).toEqual([200, expect.objectContaining({ tools: [LOOK] })])
    }
  })

  test('is no session or call of a client: the owner is shown none, and none is charged', async () => {
    verifies('promise.11.pinned-first')
    const { share, agent } = await pinned(
      { ...OFFER, resources: [{ uri: 'ui://x/app', name: 'app' }], uis: { 'ui://x/app': '<p>' } },
      {},
      { limits: { calls: '1/day' } },
    )
    expect(agent.calls('resources/read')).toHaveLength(1)
    expect((await factsOf(share)).sessions).toBe(0)
    expect((await order('GET', `/api/shares/${share.id}/sessions`)).told).toEqual({ sessions: [] })
    expect((await order('GET', `/api/shares/${share.id}/audit`)).told['events']).toEqual([])
    expect(await asked(await begin(share), 'tools/call', CALL)).toMatchObject({ content: [] })
  })

  test('is taken by the Worker of a client that comes, where the one of the agent did not come to its end', async () => {
    verifies('promise.11.pinned-first')
    const share = await createShare({ pinning: 'on' })
    const listing = vi.spyOn(Share.prototype, 'pin').mockRejectedValueOnce(new Error('the Worker is gone'))
    const agent = await OfferingAgent.connect(share, OFFER)
    await vi.waitFor(() => expect(listing).toHaveBeenCalled())
    expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [LOOK] })
    await entriesWhen(share, 'tools', 'look pinned')
    expect(agent.calls('initialize')).toHaveLength(2)
  })

  test('that was under way when the object was reset is taken of the agent that comes next', async () => {
    verifies('promise.11.pinned-first')
    const share = await createShare({ pinning: 'on' })
    const agent = await OfferingAgent.connect(share, OFFER)
    agent.silent.add('tools/list')
    await agent.until(() => agent.calls('tools/list').length > 0)
    await resetShare(share)
    await OfferingAgent.connect(share, OFFER, { instance: 'two' })
    await entriesWhen(share, 'tools', 'look pinned')
  })

  test('is not taken where pinning is off: nothing is asked, and everything passes', async () => {
    verifies('promise.11.pinned-off')
    const share = await createShare()
    const agent = await OfferingAgent.connect(share, OFFER)
    const client = await begin(share)
    agent.turn({ tools: [POISONED] })
    expect(await asked(client, 'tools/list')).toEqual({ tools: [POISONED] })
    expect(await asked(client, 'tools/call', CALL)).toMatchObject({ content: [] })
    expect(agent.asked.map(({ method }) => method)).toEqual(['initialize', 'tools/list', 'tools/call'])
    expect((await order('GET', `/api/shares/${share.id}/tools`)).told).toMatchObject({ pinning: 'off', tools: [] })
    expect(await order('POST', `/api/shares/${share.id}/tools/accept`, { all: true })).toMatchObject({
      status: 409,
      told: { code: 'PINNING_OFF' },
    })
  })
})

test('a server that was listed is not listed again for a link that comes back, and is for another process of its agent', async () => {
  verifies('promise.11.pinned-first')
  const { share, agent } = await pinned()
  await agent.agent.leave()
  const same = await OfferingAgent.connect(share, OFFER)
  await asked(await begin(share), 'tools/list')
  expect(same.calls('initialize')).toHaveLength(1)
  await same.agent.leave()
  const other = await OfferingAgent.connect(share, OFFER, { instance: 'two' })
  await other.until(() => other.closed.length > 0)
  expect(other.calls('tools/list')).toHaveLength(1)
})
