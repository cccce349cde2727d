/** What an owner is shown of a server, and accepts; and the warning about links that may only read. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { LOOK, OfferingAgent, PAY, POISONED } from '../harness/offering-agent.ts'
import { order } from '../harness/orders.ts'
import { accept, asked, begin, entriesWhen, OFFER, pinned } from '../harness/scenes/pinned-share.ts'
import { createShare, serverOf, type TestShare } from '../harness/relay.ts'

describe('what is accepted', () => {
  async function changed(): Promise<{ readonly share: TestShare; readonly agent: OfferingAgent; readonly digest: string }> {
    const { share, agent } = await pinned()
    agent.turn({ ...OFFER, tools: [POISONED] })
    await asked(await begin(share), 'tools/list')
    const [entry] = await entriesWhen(share, 'tools', 'look changed')
    return { share, agent, digest: entry?.digest ?? '' }
  }

  test('is what was seen: a digest that is not the one of now is refused, and nothing with it is accepted', async () => {
    verifies('promise.11.accepted')
    const { share, digest } = await changed()
    const path = `/api/shares/${share.id}/tools/accept`
    const other = digest.startsWith('A') ? `B${digest.slice(1)}` : `A${digest.slice(1)}`
    for (const wanted of [
      [{ name: 'look', digest: other }],
      [{ name: 'pay', digest }],
      [
        { name: 'look', digest },
        { name: 'look', digest: other },
      ],
    ])
      expect(await order('POST', path, wanted)).toMatchObject({ status: 409, told: { code: 'TOOLS_CHANGED' } })
    expect(await entriesWhen(share, 'tools', 'look changed')).toMatchObject([{ digest }])
    expect(await order('POST', path, [{ name: 'look', digest }])).toMatchObject({
      status: 200,
      told: { accepted: [{ kind: 'tools', name: 'look', digest }] },
    })
  })

  test.each([[{}], [{ all: false }], [[]], [[{ name: 'look' }]], [[{ name: 'look', digest: 'd', more: 1 }]], ['x']])(
    'is not %j',
    async (body) => {
      const { share } = await pinned()
      expect(await order('POST', `/api/shares/${share.id}/tools/accept`, body as object)).toMatchObject({
        status: 400,
        told: { code: 'BODY_INVALID' },
      })
    },
  )

  test('takes the place of what it has changed: that is held back when it comes again', async () => {
    verifies('promise.11.accepted')
    const { share, agent } = await changed()
    await agent.agent.leave()
    const next = await OfferingAgent.connect(share, { ...OFFER, tools: [POISONED] }, { instance: 'two' })
    await next.until(() => next.closed.length > 0)
    await accept(share, 'tools')
    next.turn(OFFER)
    expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [] })
  })

  test('is shown before and after, with nothing that a terminal would obey', async () => {
    verifies('promise.11.accepted')
    const { share, agent } = await pinned()
    agent.turn({
      ...OFFER,
      tools: [
        { ...LOOK, description: '\u001b[2J\u202elooks' },
        { ...PAY, name: 'p\u0007y' },
      ],
    })
    await asked(await begin(share), 'tools/list')
    await entriesWhen(share, 'tools', 'look changed', 'p\\u0007y new')
    const { told: diff } = await order('GET', `/api/shares/${share.id}/tools/diff`)
    expect(diff['changes']).toMatchObject([
      { kind: 'tools', name: 'look', state: 'changed', before: expect.stringContaining('"Looks."') as string },
      { kind: 'tools', name: 'p\\u0007y', state: 'new', before: null },
    ])
    const { after } = (diff['changes'] as { readonly after: string }[])[0] ?? { after: '' }
    expect(after).toContain('\\u001b[2J\\u202elooks')
    expect(JSON.parse(after)).toMatchObject({ description: '\u001b[2J\u202elooks' })
  })

  test('is all that is held back, where the owner says so; what has gone stays pinned', async () => {
    verifies('promise.11.accepted')
    const { share, agent } = await pinned({ tools: [LOOK, PAY] })
    await agent.agent.leave()
    const next = await OfferingAgent.connect(share, { tools: [POISONED] }, { instance: 'two' })
    await next.until(() => next.closed.length > 0)
    await entriesWhen(share, 'tools', 'look changed', 'pay gone')
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ held_back: 1 })
    expect((await order('POST', `/api/shares/${share.id}/tools/accept`, { all: true })).status).toBe(200)
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ held_back: 0 })
    next.turn({ tools: [POISONED, PAY] })
    expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [POISONED, PAY] })
  })
})

test('an entry of the server that is made of others is marked as such, beside that of its own server', async () => {
  verifies('servers.merged-shown')
  const share = await createShare({ pinning: 'on' })
  await OfferingAgent.connect(serverOf(share, 'git'), { tools: [LOOK], serverInfo: { name: 'g', version: '1' } }, { agent: 'git' })
  const whole = { tools: [{ ...LOOK, name: 'git__look' }], serverInfo: { name: 'mcp-edge-agent', title: 'git', version: '1' } }
  await OfferingAgent.connect(share, whole, { agent: 'all' })
  await entriesWhen(share, 'tools', 'git__look pinned', 'git__look pinned')
  const { told } = await order('GET', `/api/shares/${share.id}/tools`)
  expect(told['tools']).toMatchObject([{ merged: true }, { server: 'git' }])
  expect((told['tools'] as object[])[0]).not.toHaveProperty('server')
  expect((told['tools'] as object[])[1]).not.toHaveProperty('merged')
  expect(told['server_info']).toMatchObject([{ merged: true }, { server: 'git' }])
  // Where there are no others it is none of them, whatever it is called.
  const alone = await pinned(whole)
  const { told: own } = await order('GET', `/api/shares/${alone.share.id}/tools`)
  expect((own['tools'] as object[])[0]).not.toHaveProperty('merged')
})

test('an entry that could be read in two ways is held back, and cannot be accepted', async () => {
  verifies('promise.11.accepted')
  const { share, agent } = await pinned()
  agent.turn({ ...OFFER, tools: [LOOK, { name: 'half', description: '\ud800' }] })
  expect(await asked(await begin(share), 'tools/list')).toEqual({ tools: [LOOK] })
  expect(await entriesWhen(share, 'tools', 'half new', 'look pinned')).toMatchObject([{ digest: null }, {}])
  expect(await order('POST', `/api/shares/${share.id}/tools/accept`, { all: true })).toMatchObject({ status: 200, told: { accepted: [] } })
})

describe('whoever makes a link that may only read', () => {
  const READ = { access: 'read' }

  async function made(share: TestShare, members: object): Promise<Record<string, unknown>> {
    return (await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', ...members })).told
  }

  test('is told where the server says of no tool that it only reads, also of a person and of a link that is changed', async () => {
    verifies('promise.11.read-warning')
    const { share } = await pinned({ tools: [PAY] })
    const warning = expect.stringContaining('says of none of its tools that it only reads') as string
    expect(await made(share, {})).toMatchObject({ policy: READ, warning })
    expect((await order('POST', `/api/shares/${share.id}/people`, { name: 'Ann' })).told).toMatchObject({ warning })
    const { id } = await made(share, { policy: { access: 'admin' } })
    const path = `/api/shares/${share.id}/tokens/${String(id)}`
    expect((await order('PATCH', path, { policy: READ })).told).toMatchObject({ warning })
    expect((await order('PATCH', path, { name: 'n' })).told).not.toHaveProperty('warning')
  })

  test('is told nothing where one does, of more access, of an agent, and of a server that was not listed', async () => {
    verifies('promise.11.read-warning')
    const { share } = await pinned({ tools: [LOOK, PAY] })
    expect(await made(share, {})).not.toHaveProperty('warning')
    const { share: marksNone } = await pinned({ tools: [PAY] })
    expect(await made(marksNone, { policy: { access: 'write' } })).not.toHaveProperty('warning')
    expect(await made(marksNone, { kind: 'agent' })).not.toHaveProperty('warning')
    expect(await made(await createShare(), {})).not.toHaveProperty('warning')
  })
})
