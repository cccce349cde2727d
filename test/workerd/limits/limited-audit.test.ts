/** What limits refuse is told to the owner, in the real runtime: counted, without a row for each, and apart from the calls that were made. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { createShare, linkIdOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { ServingAgent } from '../harness/serving-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"a":"canary"}}}'
const OLD =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

async function limited(limits: object = { calls: '1/hour' }): Promise<{ readonly share: TestShare; readonly client: TestClient }> {
  const share = await createShare({ limits })
  await ServingAgent.connect(share, [])
  const client = new TestClient(share)
  expect((await client.initialize()).status).toBe(200)
  return { share, client }
}

async function refusedOf(share: TestShare): Promise<object[]> {
  const { told } = await order('GET', `/api/shares/${share.id}/audit`)
  return (told['events'] as { outcome: string }[]).filter(({ outcome }) => outcome === 'RATE_LIMIT_EXCEEDED')
}

function rowsOf(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, { storage }) => {
    const isThere = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'audit_refused'").toArray().length > 0
    return isThere ? storage.sql.exec('SELECT last FROM audit_refused').toArray().length : 0
  })
}

test('calls that a limit refuses are one event for each principal and what it asked for, with their number', async () => {
  verifies('promise.9.audit', 'promise.7.flush')
  const { share, client } = await limited()
  const other = new TestClient(share, String((await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client' })).told['token']))
  await other.initialize()
  expect((await client.post(CALL)).status).toBe(200)
  for (let count = 0; count < 30; count++) expect((await client.post(CALL)).status).toBe(429)
  for (const method of ['prompts/get', 'prompts/get'])
    expect((await other.post(`{"jsonrpc":"2.0","id":7,"method":"${method}","params":{"name":"p"}}`)).status).toBe(429)
  expect(await rowsOf(share)).toBe(0)
  await runDurableObjectAlarm(stubOf(share))
  expect(await rowsOf(share)).toBe(2)
  const base = { outcome: 'RATE_LIMIT_EXCEEDED', status: 429, ms: null }
  const told = await refusedOf(share)
  expect(told).toHaveLength(2)
  expect(told).toContainEqual(
    expect.objectContaining({ ...base, principal: `client:${linkIdOf(share.clientToken)}`, method: 'tools/call', tool: 't', count: 30 }),
  )
  expect(told).toContainEqual(
    expect.objectContaining({ ...base, principal: `client:${linkIdOf(other.token)}`, method: 'prompts/get', tool: null, count: 2 }),
  )
  expect(JSON.stringify(told)).not.toContain('canary')
})

test('of a batch that a limit refuses as a whole each call is told that would have been charged for', async () => {
  verifies('promise.9.audit')
  const { share, client } = await limited()
  expect((await client.post(CALL)).status).toBe(200)
  const old = new TestClient(share)
  old.session = (await old.post(OLD)).headers.get('mcp-session-id') ?? ''
  expect((await old.post(`[${CALL},${CALL.replace('7', '8')},{"jsonrpc":"2.0","id":9,"method":"ping"}]`)).status).toBe(429)
  expect(await refusedOf(share)).toEqual([])
  expect((await old.post(CALL)).status).toBe(429)
  expect(await refusedOf(share)).toEqual([expect.objectContaining({ method: 'tools/call', tool: 't', count: 3 })])
})

test('what a Worker has refused and tells with a call is noted though a limit refuses that call', async () => {
  verifies('promise.9.audit')
  const { share } = await limited()
  const policy = { access: 'admin', resources: { deny: ['x:*'] } }
  const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy })
  const bounded = new TestClient(share, String(told['token']))
  await bounded.initialize()
  const read = '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"x:y"}}'
  expect((await bounded.post(CALL)).status).toBe(200)
  expect(await (await bounded.post(read)).text()).toContain('NOT_OFFERED')
  expect((await bounded.post(CALL)).status).toBe(429)
  const { told: audit } = await order('GET', `/api/shares/${share.id}/audit`)
  expect((audit['events'] as { outcome: string }[]).map(({ outcome }) => outcome)).toContain('NOT_OFFERED')
})
