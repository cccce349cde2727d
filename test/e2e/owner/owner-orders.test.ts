/** An owner's orders on a real relay, with an agent and a server behind it: what each client is told from the next request on. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject, textField } from '../../harness/json.ts'
import { knock } from '../../harness/knock.ts'
import { createShare, fixture, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

/** An order of the deployer's, or of the owner who has this token. */
async function order(method: string, path: string, body?: JsonObject, token?: string): Promise<JsonObject> {
  const response = await relay.api(method, path, body, token)
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.status === 204 ? {} : asObject(await response.json())
}

async function serve(lanes: number): Promise<Share> {
  const share = await createShare(relay, { lanes })
  stack.use(await startAgent(share, { command: fixture('echo') }))
  return share
}

test('a share that is paused, resumed and rotated, and its tokens, let in whom their owner wants', async () => {
  const share = await serve(4)
  const at = `shares/${share.id}`
  expect([await knock(share.shareUrl), await knock(share.url, share.clientToken)]).toEqual(['200', '200'])
  await order('PATCH', at, { paused: true })
  expect([await knock(share.shareUrl), await knock(share.url, share.clientToken)]).toEqual(['503 SHARE_PAUSED', '503 SHARE_PAUSED'])
  await order('PATCH', at, { paused: false })
  const made = await order('POST', `${at}/tokens`, { kind: 'key', name: 'Ann' })
  const [key, path] = [textField(made, 'share_url'), `${at}/tokens/${textField(made, 'id')}`]
  expect(await knock(key)).toBe('200')
  await order('DELETE', path)
  expect([await knock(key), await knock(share.shareUrl)]).toEqual(['410 LINK_REVOKED', '200'])
  const rotated = await order('POST', `${at}/rotate`)
  expect([await knock(share.shareUrl), await knock(share.url, share.clientToken)]).toEqual(['410 LINK_REVOKED', '401 UNAUTHORIZED'])
  expect([await knock(textField(rotated, 'share_url')), await knock(share.url, textField(rotated, 'client_token'))]).toEqual(['200', '200'])
  expect((await order('GET', at))['agents']).toHaveLength(1)
})

test('a token that has ended is let in again once its owner has lengthened it', async () => {
  verifies('promise.9.expires')
  const share = await serve(1)
  const made = await order('POST', `shares/${share.id}/tokens`, { kind: 'key', expires_in: 1 })
  const key = textField(made, 'share_url')
  await expect.poll(() => knock(key), { timeout: 10_000 }).toBe('410 LINK_EXPIRED')
  expect(await knock(share.shareUrl)).toBe('200')
  await order('PATCH', `shares/${share.id}/tokens/${textField(made, 'id')}`, { expires_in: 60 })
  expect(await knock(key)).toBe('200')
})

test('the share of a removed owner is paused, and its deployer’s to resume', async () => {
  verifies('promise.9.owner-asked')
  const owner = await order('POST', 'owners', { name: 'Ann' })
  const token = textField(owner, 'owner_token')
  const made = await order('POST', 'shares', {}, token)
  const [id, key] = [textField(made, 'share'), textField(made, 'share_url')]
  expect(await knock(key)).toBe('503 AGENT_AWAY')
  expect((await relay.api('GET', `shares/${id}`)).status).toBe(404)
  await order('DELETE', `owners/${textField(owner, 'id')}`)
  expect(await knock(key)).toBe('503 SHARE_PAUSED')
  expect((await relay.api('GET', 'shares', undefined, token)).status).toBe(401)
  expect(await order('PATCH', `shares/${id}`, { paused: false })).toMatchObject({ paused: false })
  expect(await knock(key)).toBe('503 AGENT_AWAY')
})
