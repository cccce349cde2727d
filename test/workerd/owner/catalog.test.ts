/** What an owner is told of all of its shares: whether they serve, and what their servers say of themselves. */
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { LOOK, type Offer, OfferingAgent, PAY } from '../harness/offering-agent.ts'
import { order } from '../harness/orders.ts'
import { createShare, ORIGIN, revokeShare, serverOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { accept, entriesWhen, pinned } from '../harness/scenes/pinned-share.ts'

const SERVER_INFO = {
  name: 'everything',
  title: 'Every\u202ething',
  version: '2.0.1',
  websiteUrl: 'https://example.com/e',
  icons: [{ src: 'x' }],
}
const OFFER: Offer = { tools: [LOOK, PAY], serverInfo: SERVER_INFO }

type Entry = Readonly<Record<string, unknown>>

let owner: string

async function catalogOf(token: string, after = ''): Promise<{ readonly servers: readonly Entry[]; readonly next?: string }> {
  const { status, told } = await order('GET', `/api/catalog${after}`, undefined, token)
  expect(status).toBe(200)
  return told as unknown as { servers: Entry[]; next?: string }
}

/** The entry of a share in the catalogue of the deployer, whose shares these are. */
async function entryOf({ id }: TestShare): Promise<Entry | undefined> {
  const { told } = await order('GET', '/api/catalog')
  return (told['servers'] as Entry[]).find(({ share }) => share === id)
}

/** A share whose servers git and files each have an agent, and no other server. */
async function named() {
  const share = await createShare()
  const git = await OfferingAgent.connect(serverOf(share, 'git'), OFFER)
  const files = await OfferingAgent.connect(serverOf(share, 'files'), { tools: [LOOK], serverInfo: { name: 'f' } })
  for (const name of ['git', 'files']) {
    const client = new TestClient(serverOf(share, name))
    await client.initialize()
    await (await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
  }
  return { share, git, files }
}

beforeAll(async () => {
  owner = String((await order('POST', '/api/owners', { name: 'n' })).told['owner_token'])
})

describe('/api/catalog', () => {
  test('tells of each share its addresses, what its server says of itself, and how many tools it offers', async () => {
    verifies('seeds.catalog')
    const { share, agent } = await pinned(OFFER)
    expect(await entryOf(share)).toEqual({
      share: share.id,
      name: 'unnamed',
      url: `${ORIGIN}/s/${share.id}/mcp`,
      sse_url: `${ORIGIN}/s/${share.id}/sse`,
      expires_at: expect.any(String),
      state: 'online',
      agents: 1,
      server: { name: 'everything', title: String.raw`Every\u202ething`, version: '2.0.1', website_url: 'https://example.com/e' },
      tools: 2,
    })
    expect(agent.closed.length).toBeGreaterThan(0)
  })

  test('counts no tool that is held back, and calls the server what was accepted', async () => {
    verifies('seeds.catalog')
    const { share } = await pinned(OFFER)
    await OfferingAgent.connect(
      share,
      { tools: [LOOK, { ...PAY, name: 'steal' }], serverInfo: { name: 'evil', version: '9' } },
      { instance: 'two' },
    )
    await entriesWhen(share, 'tools', 'look pinned', 'pay gone', 'steal new')
    expect(await entryOf(share)).toMatchObject({ tools: 1, server: { name: 'everything' } })
    await accept(share, 'server_info')
    await accept(share, 'tools')
    expect(await entryOf(share)).toMatchObject({ tools: 2, server: { name: 'evil' } })
  })

  test('tells of a server that nothing is pinned of what it has said to its latest clients, in either era', async () => {
    verifies('seeds.catalog')
    for (const era of ['legacy', 'modern'] as const) {
      const share = await createShare()
      await OfferingAgent.connect(share, OFFER, { era })
      expect(await entryOf(share)).toMatchObject({ server: null, tools: null })
      const client = new TestClient(share)
      await client.initialize()
      await (await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
      await vi.waitFor(async () => expect(await entryOf(share)).toMatchObject({ server: { name: 'everything' }, tools: 2 }))
    }
  })

  test('follows the agents: of a server whose agent is gone it tells while none is there, and not once another serves', async () => {
    verifies('seeds.catalog.follows')
    const share = await createShare()
    const list = async (): Promise<void> => {
      const client = new TestClient(share)
      await client.initialize()
      await (await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
    }
    const told = (entry: object) => vi.waitFor(async () => expect(await entryOf(share)).toMatchObject(entry))
    const first = await OfferingAgent.connect(share, OFFER, { agent: 'a', instance: 'one' })
    await list()
    await told({ state: 'online', server: { name: 'everything' }, tools: 2 })
    first.agent.close()
    await told({ state: 'offline', agents: 0, server: { name: 'everything' }, tools: 2 })
    // The same process, after a cut.
    const back = await OfferingAgent.connect(share, OFFER, { agent: 'a', instance: 'one' })
    await told({ state: 'online', server: { name: 'everything' }, tools: 2 })
    back.agent.close()
    await told({ state: 'offline' })
    const second = await OfferingAgent.connect(share, { tools: [LOOK], serverInfo: { name: 'other' } }, { agent: 'a', instance: 'two' })
    await told({ state: 'online', agents: 1, server: null, tools: null })
    await list()
    await told({ state: 'online', server: { name: 'other' }, tools: 1 })
    // What it says again is its own word, though another has said the same.
    await OfferingAgent.connect(share, { tools: [LOOK], serverInfo: { name: 'other' } }, { agent: 'b', instance: 'three', join: 'replace' })
    second.agent.close()
    await told({ state: 'online', agents: 1, server: null })
    await list()
    await told({ state: 'online', agents: 1, server: { name: 'other' }, tools: 1 })
  })

  test('tells nothing of what a share was before its servers had names, while these are online', async () => {
    verifies('seeds.catalog.follows')
    const share = await createShare()
    const root = await OfferingAgent.connect(share, OFFER)
    await new TestClient(share).initialize()
    await vi.waitFor(async () => expect(await entryOf(share)).toMatchObject({ server: { name: 'everything' } }))
    root.agent.close()
    const git = await OfferingAgent.connect(serverOf(share, 'git'), OFFER)
    await vi.waitFor(async () =>
      expect(await entryOf(share)).toMatchObject({
        state: 'online',
        agents: 1,
        server: null,
        tools: null,
        servers: [{ name: 'git', state: 'online' }],
      }),
    )
    git.agent.close()
    await vi.waitFor(async () =>
      expect(await entryOf(share)).toMatchObject({ state: 'offline', server: { name: 'everything' }, servers: [{ state: 'offline' }] }),
    )
  })

  test('says of a server that is pinned how much of it is held back, and counts no tools before it has listed what is there', async () => {
    verifies('seeds.catalog.follows')
    const { share, agent } = await pinned(OFFER)
    expect(await entryOf(share)).not.toHaveProperty('held_back')
    agent.agent.close()
    await vi.waitFor(async () => expect(await entryOf(share)).toMatchObject({ state: 'offline', tools: 2 }))
    const other = { tools: [{ ...PAY, name: 'steal' }], serverInfo: { name: 'evil', version: '9' } }
    await OfferingAgent.connect(share, other, { instance: 'two' })
    await entriesWhen(share, 'tools', 'look gone', 'pay gone', 'steal new')
    expect(await entryOf(share)).toMatchObject({ state: 'online', server: { name: 'everything' }, tools: 0, held_back: 2 })
  })

  test.each([
    ['unused', async () => undefined],
    ['offline', async (share: TestShare) => void (await stubOf(share).admin({ op: 'describe' }))],
    ['paused', async (share: TestShare) => void (await order('PATCH', `/api/shares/${share.id}`, { paused: true }))],
    [
      'expired',
      async (share: TestShare) => {
        await order('PATCH', `/api/shares/${share.id}`, { expires_in: 1 })
        await vi.waitFor(async () => expect(await entryOf(share)).toMatchObject({ state: 'expired' }), { timeout: 5000 })
      },
    ],
  ])('says of a share that it is %s', async (state, make) => {
    verifies('seeds.catalog')
    const share = await createShare()
    await make(share)
    expect(await entryOf(share)).toMatchObject({ state, agents: 0 })
    // What only lists a share does not make it.
    if (state === 'unused') expect(await entryOf(share)).toMatchObject({ state })
    await revokeShare(share)
    expect(await entryOf(share)).toBeUndefined()
  })

  test('says of a share that points at a public server that it is online, without any agent', async () => {
    verifies('seeds.catalog')
    const share = await createShare({ upstream: { url: 'https://mcp.example.com/mcp' } })
    expect(await entryOf(share)).toMatchObject({ state: 'online', agents: 0 })
    await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    expect(await entryOf(share)).toMatchObject({ state: 'paused' })
  })

  test('tells of a share whose servers have names that it is online while any of them is, and what each says of itself', async () => {
    verifies('seeds.catalog')
    const { share, git } = await named()
    const first = {
      name: 'git',
      url: `${ORIGIN}/s/${share.id}/git/mcp`,
      sse_url: `${ORIGIN}/s/${share.id}/git/sse`,
      state: 'online',
      agents: 1,
    }
    await vi.waitFor(async () => {
      const entry = await entryOf(share)
      expect(entry).toMatchObject({ state: 'online', agents: 1, server: null })
      expect(entry?.['servers']).toEqual([
        { ...first, server: expect.objectContaining({ name: 'everything', version: '2.0.1' }), tools: 2 },
        {
          ...first,
          name: 'files',
          url: expect.stringContaining('/files/mcp'),
          sse_url: expect.any(String),
          server: { name: 'f' },
          tools: 1,
        },
      ])
    })
    git.agent.close()
    await vi.waitFor(async () =>
      expect(await entryOf(share)).toMatchObject({ state: 'online', servers: [{ state: 'offline', agents: 0 }, { state: 'online' }] }),
    )
    await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    expect(await entryOf(share)).toMatchObject({ state: 'paused', servers: [{ state: 'paused' }, { state: 'paused' }] })
  })

  test('counts the objects of shares that were used where it cuts pages, since each is asked', async () => {
    verifies('seeds.catalog')
    const wide = String((await order('POST', '/api/owners', { name: 'w' })).told['owner_token'])
    for (const lanes of [16, 32]) {
      const { told } = await order('POST', '/api/shares', { name: `l${lanes}`, lanes, location: 'weur' }, wide)
      expect(told['lanes']).toBe(lanes)
    }
    const first = await catalogOf(wide)
    expect(first.servers.map(({ name }) => name)).toEqual(['l32'])
    expect((await catalogOf(wide, `?after=${first.next}`)).servers.map(({ name }) => name)).toEqual(['l16'])
  })

  test('gives forty at a time, newest first, to their owner alone', async () => {
    verifies('seeds.catalog')
    for (let made = 0; made < 41; made++) await order('POST', '/api/shares', { name: `n${made}` }, owner)
    const first = await catalogOf(owner)
    expect(first.servers.map(({ name }) => name)).toEqual(Array.from({ length: 40 }, (_, at) => `n${40 - at}`))
    const second = await catalogOf(owner, `?after=${first.next}`)
    expect([second.servers.map(({ name }) => name), second.next]).toEqual([['n0'], undefined])
    const { status, told } = await order('GET', '/api/catalog?after=x', undefined, owner)
    expect([status, told['code']]).toEqual([400, 'BODY_INVALID'])
    const other = String((await order('POST', '/api/owners', { name: 'm' })).told['owner_token'])
    expect((await catalogOf(other)).servers).toEqual([])
  })
})

describe('/api/shares/<id>/server.json', () => {
  const documentOf = async ({ id }: TestShare): Promise<Entry> => (await order('GET', `/api/shares/${id}/server.json`)).told

  test('describes the share as the MCP Registry has it, and tells no credential', async () => {
    verifies('seeds.server-json')
    const { share } = await pinned(OFFER)
    const token = { description: 'The client token.', isRequired: true, isSecret: true }
    const header = {
      name: 'Authorization',
      description: expect.any(String),
      value: 'Bearer {token}',
      isRequired: true,
      isSecret: true,
      variables: { token },
    }
    const document = await documentOf(share)
    expect(document).toEqual({
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      name: `example.relay/${share.id}`,
      title: String.raw`Every\u202ething`,
      description: expect.stringContaining('an MCP server shared by mcp-edge'),
      version: '2.0.1',
      websiteUrl: 'https://example.com/e',
      remotes: [
        { type: 'streamable-http', url: `${ORIGIN}/s/${share.id}/mcp`, headers: [header] },
        { type: 'sse', url: `${ORIGIN}/s/${share.id}/sse`, headers: [header] },
      ],
    })
    for (const secret of [share.clientToken, share.agentToken]) expect(JSON.stringify(document)).not.toContain(secret)
  })

  test('publishes the URLs of servers that have names, and the root only where a server is known to be', async () => {
    verifies('seeds.server-json')
    const { share } = await named()
    const remotesOf = async (): Promise<unknown> => ((await documentOf(share))['remotes'] as Entry[]).map(({ type, url }) => [type, url])
    const at = (path: string): unknown[] => [
      ['streamable-http', `${ORIGIN}/s/${share.id}${path}/mcp`],
      ['sse', `${ORIGIN}/s/${share.id}${path}/sse`],
    ]
    expect(await remotesOf()).toEqual([...at('/git'), ...at('/files')])
    await OfferingAgent.connect(share, OFFER)
    expect(await remotesOf()).toEqual([...at(''), ...at('/git'), ...at('/files')])
  })

  test('keeps within the bounds of the format whatever the server says, and needs no token where none is', async () => {
    verifies('seeds.server-json')
    const loud = { name: 'x'.repeat(2_000), version: '^1.x', description: 'y'.repeat(2_000), websiteUrl: 'javascript:1' }
    const { share } = await pinned({ tools: [], serverInfo: loud }, {}, { anonymous: {} })
    const document = await documentOf(share)
    expect(String(document['name'])).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/)
    expect([String(document['title']).length, String(document['description']).length]).toEqual([7, 100])
    expect(document).toMatchObject({ version: '0.0.0', remotes: [{ headers: [{ isRequired: false }] }, {}] })
    expect(document).not.toHaveProperty('websiteUrl')
  })

  test('tells of a share that nobody has used what its owner calls it', async () => {
    verifies('seeds.server-json')
    const share = await createShare({ name: 'Ann’s notes' })
    expect(await documentOf(share)).toMatchObject({ title: 'Ann’s notes', version: '0.0.0' })
  })
})
