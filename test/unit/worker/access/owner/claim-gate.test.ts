import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { requireClaimed, type RouteEnv } from '../../../../../worker/access/owner/claim-gate.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const app = new Hono<RouteEnv>()
  .use(requireClaimed)
  .get('/keys', (c) => c.json(Object.keys(c.var.relay.keys)))
  .all('*', () => new Response('open'))
const ask = (path: string, variables: Record<string, string>): Response | Promise<Response> =>
  app.request(`https://relay.example${path}`, {}, variables)
const KEYS = { OWNER_KEY: 'o'.repeat(16), SIGNING_KEY: 's'.repeat(32) }

test('requireClaimed lets everything through, without asking the registry, when both keys are set', async () => {
  expect(await (await ask('/s/x/mcp', KEYS)).text()).toBe('open')
})

test('requireClaimed gives the routes behind it the keys of the relay', async () => {
  expect(await (await ask('/keys', KEYS)).json()).toEqual([
    'shareId',
    'pathKey',
    'jwt',
    'requestState',
    'accessToken',
    'signIn',
    'owner',
    'upstream',
    'agentHost',
    'pollSession',
    'passedCredential',
  ])
})

test('requireClaimed answers 503 while the registry knows no owner, to all but a claim', async () => {
  const secrets = { signingKey: new Uint8Array(32), isClaimed: false }
  const unclaimed = { REGISTRY: { getByName: () => ({ secrets: () => Promise.resolve(secrets) }) } }
  const refused = await app.request('https://relay.example/s/x/mcp', {}, unclaimed)
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ code: 'RELAY_UNCLAIMED' })
  expect((await app.request('https://relay.example/api/claim', { method: 'POST' }, unclaimed)).status).toBe(200)
})

test('requireClaimed says which variable is wrong, and not what it holds', async () => {
  verifies('promise.9.not-in-logs')
  const response = await ask('/s/x/mcp', { ...KEYS, OWNER_KEY: 'hunter2' })
  const text = await response.text()
  expect(response.status).toBe(500)
  expect(text).toContain('RELAY_MISCONFIGURED')
  expect(text).toContain('OWNER_KEY')
  expect(text).not.toContain('hunter2')
})

test('requireClaimed leaves /healthz open whatever is wrong', async () => {
  expect((await ask('/healthz', { OWNER_KEY: 'hunter2' })).status).toBe(200)
})
