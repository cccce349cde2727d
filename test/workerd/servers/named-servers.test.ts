/** Several servers under one share, each under its name: how they are found, and that they are apart. */
import { listDurableObjectIds } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { LOOK, OfferingAgent, PAY } from '../harness/offering-agent.ts'
import { order } from '../harness/orders.ts'
import {
  createShare,
  EventReader,
  fetchRelay,
  linkIdOf,
  resetShare,
  serverOf,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { limitedCall } from '../harness/scenes/limited-share.ts'
import { asked, begin } from '../harness/scenes/pinned-share.ts'
import { dialAgent, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const RESERVED = ['k', 'mcp', 'sse', 'messages', 'http', 'authorize', 'register', 'token', 'reverse-proxy']
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const IN = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 'nobody' }

interface Two {
  readonly share: TestShare
  readonly git: TestShare
  readonly files: TestShare
  readonly gitAgent: OfferingAgent
  readonly filesAgent: OfferingAgent
}

/** A share whose two servers each have an agent. */
async function two(members: object = {}): Promise<Two> {
  const share = await createShare({ ...members })
  const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
  const gitAgent = await OfferingAgent.connect(git, { tools: [LOOK] })
  const filesAgent = await OfferingAgent.connect(files, { tools: [PAY] })
  return { share, git, files, gitAgent, filesAgent }
}

async function statusOf(share: TestShare, session: string | undefined): Promise<number> {
  const headers = { ...IN, authorization: `Bearer ${share.clientToken}`, 'mcp-session-id': session ?? '' }
  return (await fetchRelay(share.url, { method: 'POST', headers, body: LIST })).status
}

async function objectNames(share: TestShare): Promise<readonly string[]> {
  const names = ['nothing', 'git', 'files'].map((name) => [name, env.SHARE.idFromName(`${share.id}/${name}`)] as const)
  const there = await listDurableObjectIds(env.SHARE)
  return names.flatMap(([name, id]) => (there.some((one) => one.equals(id)) ? [name] : []))
}

describe('a server with a name', () => {
  test('serves its own clients under its own names, by each transport, beside others of its share', async () => {
    verifies('servers.own-path')
    const { git, files } = await two()
    expect(await asked(await begin(git), 'tools/list')).toEqual({ tools: [LOOK] })
    expect(await asked(await begin(files), 'tools/list')).toEqual({ tools: [PAY] })
    expect(await asked(await begin(git), 'tools/call', { name: 'look', arguments: {} })).toEqual({ content: [] })
    const stream = new EventReader(
      await fetchRelay(`/s/${git.id}/git/sse`, { headers: { authorization: `Bearer ${git.clientToken}`, accept: 'text/event-stream' } }),
    )
    const endpoint = await stream.next()
    expect(endpoint).toContain(`/s/${git.id}/git/messages?sessionId=`)
    const posted = await fetchRelay(endpoint ?? '', {
      method: 'POST',
      headers: { ...IN, authorization: `Bearer ${git.clientToken}` },
      body: LIST.replace('tools/list', 'ping'),
    })
    expect(posted.status).toBe(202)
    expect(await stream.next()).toContain('"result"')
    await stream.cancel()
  })

  test('is found with a key of the path, and with a slash behind', async () => {
    verifies('servers.own-path')
    const { share } = await two()
    const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })
    const base = new URL(String(told['share_url'])).pathname.replace(/\/mcp$/, '')
    for (const path of [`${base}/git/mcp`, `${base}/git/mcp/`])
      expect((await fetchRelay(path, { method: 'POST', headers: IN, body: LIST })).status).toBe(404)
    const response = await fetchRelay(`${base}/git/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    })
    expect(response.status).toBe(200)
    await response.body?.cancel()
    const stream = new EventReader(await fetchRelay(`${base}/git/sse`, { headers: { accept: 'text/event-stream' } }))
    expect(await stream.next()).toContain(`${base}/git/messages?sessionId=`)
    await stream.cancel()
  })

  test('has one lane, whatever its share has', async () => {
    verifies('servers.own-path')
    const share = await createShare({ lanes: 8 })
    const agent = await ScriptedAgent.dial(serverOf(share, 'git'))
    expect((await agent.expect('welcome')).header).not.toHaveProperty('lanes')
  })

  test('is nothing of the server without a name, which has no agent', async () => {
    verifies('servers.apart')
    const { share, git } = await two()
    const client = await begin(git)
    expect((await new TestClient(share).initialize()).status).toBe(503)
    expect(await statusOf(git, client.session)).toBe(200)
  })

  test('knows no session of another', async () => {
    verifies('servers.apart')
    const { share, git, files } = await two()
    const { session } = await begin(git)
    expect(await statusOf(git, session)).toBe(200)
    for (const other of [files, share]) expect(await statusOf(other, session)).toBe(404)
  })

  test('goes on when another’s process, agent and object die', async () => {
    verifies('servers.apart')
    const share = await createShare()
    const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
    const [ofGit, ofFiles] = [await ScriptedAgent.connect(git), await ScriptedAgent.connect(files)]
    const [atGit, atFiles] = [new TestClient(git), new TestClient(files)]
    const ch = await initialize(ofGit, atGit)
    await initialize(ofFiles, atFiles)
    const [lost, kept] = [atGit.post(limitedCall(7)), atFiles.post(limitedCall(7))]
    const { header: running } = await ofGit.expect('call')
    const { header } = await ofFiles.expect('call')
    ofGit.fail(running, 'CHILD_DIED', 'unknown')
    ofGit.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    expect(await (await lost).json()).toMatchObject({ error: { data: { code: 'CHILD_DIED' } } })
    await ofGit.leave(1001)
    await resetShare(git)
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({
      servers: [
        { name: 'git', connected: false },
        { name: 'files', connected: true },
      ],
    })
    ofFiles.answer(header, '7', '{"content":[]}')
    expect(await (await kept).json()).toMatchObject({ result: { content: [] } })
  })
})

describe('a name that the share does not have', () => {
  test('is answered as a path that is none, and makes no object', async () => {
    verifies('servers.unknown')
    const { share } = await two()
    const told = async (path: string, init: RequestInit = {}): Promise<unknown> => {
      const response = await fetchRelay(path, init)
      return [response.status, response.headers.get('content-type'), await response.text()]
    }
    const nowhere = await told(`/s/${share.id}/nothing/else`)
    const authorization = `Bearer ${share.clientToken}`
    for (const path of ['mcp', 'sse', 'messages?sessionId=x']) {
      const init =
        path === 'sse'
          ? { headers: { authorization, accept: 'text/event-stream' } }
          : { method: 'POST', headers: { ...IN, authorization }, body: LIST }
      expect(await told(`/s/${share.id}/nothing/${path}`, init), path).toEqual(nowhere)
    }
    for (const method of ['GET', 'DELETE'])
      expect(await told(`/s/${share.id}/nothing/mcp`, { method, headers: { ...IN, authorization } })).toEqual(nowhere)
    expect(await objectNames(share)).toEqual(['git', 'files'])
  })

  test('says nothing to whoever may not come in', async () => {
    verifies('servers.unknown')
    const { share } = await two()
    const sent = (name: string, token?: string): Promise<Response> =>
      fetchRelay(`/s/${share.id}/${name}/mcp`, {
        method: 'POST',
        headers: { ...IN, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        body: LIST,
      })
    const textOf = async (response: Promise<Response>): Promise<unknown> => [(await response).status, await (await response).text()]
    for (const token of [undefined, share.agentToken, `${share.clientToken.slice(0, -8)}AAAAAAAA`]) {
      const unknown = await textOf(sent('nothing', token))
      expect(unknown).toEqual(await textOf(sent('git', token)))
      expect(unknown).toMatchObject([401, expect.anything()])
    }
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
    expect((await sent('nothing', share.clientToken)).status).toBe(401)
  })

  test.each(RESERVED)('is any that its addresses have already: %s', async (name) => {
    verifies('servers.unknown')
    const share = await createShare()
    const response = await dialAgent(serverOf(share, name))
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'SERVER_NAME_INVALID' }])
    for (const method of ['POST', 'PUT']) {
      const asking = await fetchRelay(`/s/${share.id}/${name}/messages`, {
        method,
        headers: { ...IN, authorization: `Bearer ${share.clientToken}` },
        body: LIST,
      })
      // Below `http` everything is the web app's.
      expect(asking.status).toBe(name === 'http' ? 503 : 404)
      await asking.body?.cancel()
    }
  })

  test.each(['Git', 'a_b', 'a'.repeat(21), 'a.b', 'a%2fb', ''])('is %j, which nobody may have', async (name) => {
    verifies('servers.unknown')
    const share = await createShare()
    const response = await dialAgent(serverOf(share, name))
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'SERVER_NAME_INVALID' }])
    const authorization = `Bearer ${share.clientToken}`
    expect((await fetchRelay(`/s/${share.id}/${name}/mcp`, { method: 'PUT', headers: { authorization } })).status).toBe(
      name === '' ? 404 : 404,
    )
  })
})

describe('an agent', () => {
  test('adds 16 names, and no more until one is removed', async () => {
    verifies('servers.bounded')
    const share = await createShare()
    for (let n = 0; n < 16; n++) await ScriptedAgent.connect(serverOf(share, `s${n}`))
    const refused = await dialAgent(serverOf(share, 's16'))
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'SERVER_LIMIT_REACHED' }])
    await ScriptedAgent.connect(serverOf(share, 's3'), { join: 'replace', instance: 'two' })
    expect((await order('DELETE', `/api/shares/${share.id}/servers/s7`)).status).toBe(204)
    await ScriptedAgent.connect(serverOf(share, 's16'))
  })

  test('adds none with a token that was revoked, and makes no object', async () => {
    verifies('servers.bounded')
    const share = await createShare()
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await dialAgent(serverOf(share, 'nothing'))).status).toBe(401)
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ servers: [] })
    expect(await objectNames(share)).toEqual([])
  })

  test('adds its name to a share that is paused', async () => {
    const share = await createShare()
    await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    await ScriptedAgent.connect(serverOf(share, 'git'))
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ servers: [{ name: 'git', connected: true }] })
  })

  test('keeps its link to one server while another agent takes its place at the next', async () => {
    verifies('servers.apart')
    const share = await createShare()
    const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
    const ofGit = await ScriptedAgent.connect(git)
    const ofFiles = await ScriptedAgent.connect(files)
    await ScriptedAgent.connect(files, { agent: 'other', join: 'replace', instance: 'two' })
    expect((await ofFiles.closed).code).toBe(4001)
    ofGit.close()
    expect((await ofGit.closed).code).toBe(1000)
    expect(await stubOf(git).admin({ op: 'describe' })).toMatchObject({ id: share.id })
  })
})
