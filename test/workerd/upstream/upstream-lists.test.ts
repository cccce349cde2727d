/** The list that an upstream is asked for before a call is judged: it is part of that call, in what it takes of limits and in how it ends. */
import { afterEach, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, linkIdOf, TestClient } from '../harness/relay.ts'
import { createUpstreamShare, FakeUpstream } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}'

/** A client that may only read, of an upstream that does not answer what it is asked to list. */
async function unlisted(limits?: object) {
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare(limits === undefined ? {} : { limits })
  const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'read' } })
  const client = new TestClient(share, (await made.json<{ token: string }>()).token)
  const lists = (): number => upstream.fetched.filter(({ body }) => body.includes('tools/list')).length
  upstream.answer = ({ body }) => (body.includes('tools/list') ? new Promise(() => {}) : undefined)
  return { upstream, share, client, lists }
}

test('more lists than calls may be under way are not asked for', async () => {
  verifies('promise.upstream.listed')
  const { upstream, share, client, lists } = await unlisted({ concurrent: 1 })
  const waiting = client.post(CALL)
  await vi.waitFor(() => expect(lists()).toBe(1))
  for (let id = 0; id < 3; id++) expect((await client.post(CALL)).status).toBe(429)
  expect(lists()).toBe(1)
  expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(client.token)}`)).status).toBe(204)
  expect((await waiting).status).toBe(401)
  expect(upstream.last.signal.aborted).toBe(true)
})

test('a call that its list refuses is told so, and stands in the audit once', async () => {
  verifies('promise.upstream.listed')
  const { upstream, share, client } = await unlisted()
  upstream.answer = () => undefined
  upstream.tools = [{ name: 'echo', inputSchema: { type: 'object' } }]
  expect(await (await client.post(CALL)).json()).toMatchObject({ id: 7, error: { data: { code: 'NOT_OFFERED', executed: 'no' } } })
  expect(upstream.fetched.filter(({ body }) => body.includes('tools/call'))).toEqual([])
  upstream.tools = []
  const other = new TestClient(share)
  await other.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
  await vi.waitFor(async () => {
    const audit = await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    const { events } = await audit.json<{ events: { outcome: string; tool: string | null; count?: number }[] }>()
    expect(events.filter(({ tool }) => tool === 'echo')).toMatchObject([{ outcome: 'NOT_OFFERED' }])
  })
})
