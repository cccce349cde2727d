/** What an owner orders and asks of a share with several servers: each of them hears it, and tells. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { CALL } from '../harness/busy-client.ts'
import { order, ringRegistry, untoldOf } from '../harness/orders.ts'
import { createShare, EventReader, fetchRelay, linkIdOf, serverOf, TestClient, type TestShare } from '../harness/relay.ts'
import { initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

interface Served {
  readonly at: TestShare
  readonly agent: ScriptedAgent
  readonly client: TestClient
}

async function serve(share: TestShare, server: string): Promise<Served> {
  const at = serverOf(share, server)
  const agent = await ScriptedAgent.connect(at)
  const client = new TestClient(at)
  await initialize(agent, client)
  return { at, agent, client }
}

async function listening({ client, agent }: Served): Promise<EventReader> {
  const events = new EventReader(await client.listen())
  await agent.expect('resume')
  return events
}

/** Makes one call, which is answered. */
async function callOnce({ client, agent }: Served): Promise<void> {
  const response = client.post(CALL)
  const { header } = await agent.expect('call')
  agent.answer(header, '7', '{"content":[]}')
  expect((await response).status).toBe(200)
}

describe('what an owner orders', () => {
  test('cuts streams of a revoked link on each server within a second', async () => {
    verifies('servers.orders', 'promise.9.revoked')
    const share = await createShare()
    const served = [await serve(share, 'git'), await serve(share, 'files')]
    const streams = await Promise.all(served.map(listening))
    const startMs = Date.now()
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
    for (const events of streams) expect(await events.next()).toBeUndefined()
    expect(Date.now() - startMs).toBeLessThan(1000)
    for (const { client } of served) expect((await client.post(CALL)).status).toBe(401)
  })

  test('ends agents of each server with the token that they have come with', async () => {
    verifies('servers.orders')
    const share = await createShare()
    const served = [await serve(share, 'git'), await serve(share, 'files')]
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    for (const { agent } of served) expect((await agent.closed).code).toBe(4007)
  })

  test('pauses, resumes and ends all of them', async () => {
    verifies('servers.orders')
    const share = await createShare()
    const served = [await serve(share, 'git'), await serve(share, 'files')]
    await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    for (const { client } of served) expect((await client.post(CALL)).status).toBe(503)
    await order('PATCH', `/api/shares/${share.id}`, { paused: false })
    for (const one of served) await callOnce(one)
    expect((await order('DELETE', `/api/shares/${share.id}`)).status).toBe(204)
    for (const { agent, client } of served) {
      expect((await agent.closed).code).toBe(4003)
      expect((await client.post(CALL)).status).toBe(404)
    }
  })

  test('is told again to a server that did not hear it, which the answer names', async () => {
    verifies('servers.orders', 'promise.9.change-told')
    const share = await createShare()
    const [git, files] = [await serve(share, 'git'), await serve(share, 'files')]
    const real = Object.getOwnPropertyDescriptor(Share.prototype, 'admin')?.value as Share['admin']
    vi.spyOn(Share.prototype, 'admin').mockImplementation(async function (this: Share & { ctx: DurableObjectState }, ...args) {
      if (this.ctx.id.name === `${share.id}/files`) throw new Error('out of order')
      return Reflect.apply(real, this, args)
    })
    const { status, told } = await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    expect([status, told]).toMatchObject([503, { code: 'LANES_UNREACHED', detail: expect.stringContaining('the server files') }])
    expect(await untoldOf(share)).toEqual([{ subject: 'share', lanes: '/files' }])
    expect((await order('GET', `/api/shares/${share.id}/sessions`)).told).toMatchObject({ unreached_servers: ['files'] })
    expect((await git.client.post(CALL)).status).toBe(503)
    await callOnce(files)
    vi.restoreAllMocks()
    await ringRegistry()
    expect((await files.client.post(CALL)).status).toBe(503)
    expect(await untoldOf(share)).toEqual([])
  })
})

describe('a server that is removed', () => {
  test('is none at once, with its agents and sessions, and begins anew when an agent dials again', async () => {
    verifies('servers.removed')
    const share = await createShare()
    const [git, files] = [await serve(share, 'git'), await serve(share, 'files')]
    const events = await listening(git)
    expect((await order('DELETE', `/api/shares/${share.id}/servers/git`)).status).toBe(204)
    expect(await events.next()).toBeUndefined()
    expect((await git.agent.closed).code).toBe(4003)
    const gone = await git.client.post(CALL)
    expect([gone.status, await gone.json()]).toMatchObject([404, { code: 'ROUTE_NOT_FOUND' }])
    expect((await order('DELETE', `/api/shares/${share.id}/servers/git`)).told).toMatchObject({ code: 'SERVER_NOT_FOUND' })
    await callOnce(files)
    const again = await serve(share, 'git')
    expect((await git.client.post(CALL)).status).toBe(404)
    await callOnce(again)
  })

  test('that did not hear of it is no agent’s until it has', async () => {
    verifies('servers.removed')
    const share = await createShare()
    const { at, agent } = await serve(share, 'git')
    const real = Object.getOwnPropertyDescriptor(Share.prototype, 'admin')?.value as Share['admin']
    vi.spyOn(Share.prototype, 'admin').mockImplementation(async function (this: Share & { ctx: DurableObjectState }, ...args) {
      if (this.ctx.id.name === `${share.id}/git` && args[0].op === 'revoke') throw new Error('out of order')
      return Reflect.apply(real, this, args)
    })
    expect((await order('DELETE', `/api/shares/${share.id}/servers/git`)).told).toMatchObject({ code: 'LANES_UNREACHED' })
    expect(await untoldOf(share)).toEqual([{ subject: 'server:git', lanes: '/git' }])
    // What is ordered meanwhile it hears too.
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await agent.closed).code).toBe(4007)
    vi.restoreAllMocks()
    await ringRegistry()
    expect(await untoldOf(share)).toEqual([])
    expect(await fetchRelay(at.url, { method: 'POST' }).then(({ status }) => status)).toBe(401)
  })
})

describe('what an owner asks', () => {
  test('names servers: of the share, its agents, sessions and calls', async () => {
    verifies('servers.orders')
    const share = await createShare()
    const git = await serve(share, 'git')
    const files = await serve(share, 'files')
    await callOnce(git)
    await callOnce(files)
    await files.agent.leave(1001)
    const { told } = await order('GET', `/api/shares/${share.id}`)
    expect(told).toMatchObject({
      servers: [
        {
          name: 'git',
          url: expect.stringMatching(/\/git\/mcp$/),
          sse_url: expect.stringMatching(/\/git\/sse$/),
          connected: true,
          sessions: 1,
        },
        { name: 'files', connected: false, sessions: 1 },
      ],
      agents: [{ name: 'scripted', server: 'git' }],
      sessions: 2,
    })
    const { told: clients } = await order('GET', `/api/shares/${share.id}/sessions`)
    expect((clients['sessions'] as { server: string }[]).map(({ server }) => server).toSorted()).toEqual(['files', 'git'])
    const { told: audit } = await order('GET', `/api/shares/${share.id}/audit`)
    const calls = (audit['events'] as { method: string; tool: string; server: string }[]).filter(({ method }) => method === 'tools/call')
    expect(calls).toMatchObject([
      { tool: 'git__t', server: 'git' },
      { tool: 'files__t', server: 'files' },
    ])
    expect((await order('GET', `/api/shares/${share.id}/audit?after=${encodeURIComponent(String(audit['next']))}`)).told).toMatchObject({
      events: [],
      next: audit['next'],
    })
    const { told: tokens } = await order('GET', `/api/shares/${share.id}/tokens`)
    const used = (tokens['tokens'] as { id: string; calls: number }[]).find(({ id }) => id === linkIdOf(share.clientToken))
    // Two sessions begun, and a call in each.
    expect(used?.calls).toBe(4)
  })

  test('goes on behind a cursor from before a server was there', async () => {
    const share = await createShare()
    await callOnce(await serve(share, 'git'))
    const { told } = await order('GET', `/api/shares/${share.id}/audit`)
    await callOnce(await serve(share, 'files'))
    const { told: later } = await order('GET', `/api/shares/${share.id}/audit?after=${encodeURIComponent(String(told['next']))}`)
    expect((later['events'] as { server: string }[]).every(({ server }) => server === 'files')).toBe(true)
    expect((later['events'] as unknown[]).length).toBeGreaterThan(0)
  })

  test('may end one session of a server', async () => {
    verifies('servers.orders')
    const share = await createShare()
    const { client } = await serve(share, 'git')
    const { told } = await order('GET', `/api/shares/${share.id}/sessions`)
    const [{ id = '' } = {}] = told['sessions'] as { id?: string }[]
    expect((await order('DELETE', `/api/shares/${share.id}/sessions/${id}`)).status).toBe(204)
    expect((await client.post(CALL)).status).toBe(404)
  })
})
