import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { requireClaimed } from '../../../../worker/access/claimed.ts'

const app = new Hono().use(requireClaimed).all('*', () => new Response('open'))
const ask = (path: string, variables: Record<string, string>): Response | Promise<Response> =>
  app.request(`https://relay.example${path}`, {}, variables)
const KEYS = { OWNER_KEY: 'o'.repeat(16), SIGNING_KEY: 's'.repeat(32) }

test('requireClaimed lets everything through, without asking the registry, when both keys are set', async () => {
  expect(await (await ask('/s/x/mcp', KEYS)).text()).toBe('open')
})

test('requireClaimed says which variable is wrong, and not what it holds', async () => {
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
