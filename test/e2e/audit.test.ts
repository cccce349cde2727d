/** What an owner sees of a real relay's clients and calls, with an agent and a server behind it, over a restart too. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asObject, type JsonObject } from '../harness/json.ts'
import { RawClient } from '../harness/raw-client.ts'
import { createServedShare, fixture, type Relay, startRelay } from '../harness/selfhost.ts'
import { verifies } from '../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function read(path: string): Promise<JsonObject> {
  return asObject(await (await relay.api('GET', path)).json())
}

test('an owner follows what a client does, sees its session, and ends it', async () => {
  verifies('promise.9.audit', 'promise.9.sessions', 'promise.9.usage')
  const share = await createServedShare(stack, relay, { command: fixture('echo') })
  const followed = await relay.api('GET', `shares/${share.id}/audit?follow=true`)
  const lines = followed.body?.pipeThrough(new TextDecoderStream()).getReader()
  const client = new RawClient(share.shareUrl)
  await client.initialize()
  await client.callTool('echo', { text: 'canary' })
  let told = ''
  while (!told.includes('"tools/call"')) told += (await lines?.read())?.value ?? ''
  await lines?.cancel()
  expect(told).toContain('"tool":"echo"')
  expect(told).not.toContain('canary')
  const { tokens } = await read(`shares/${share.id}/tokens`)
  expect(tokens).toContainEqual(expect.objectContaining({ kind: 'key', calls: 2, last_used_at: expect.stringMatching(/^\d/) }))
  const { sessions } = await read(`shares/${share.id}/sessions`)
  expect(sessions).toMatchObject([{ kind: 'session', transport: 'http' }])
  const [{ id }] = sessions as [{ id: string }]
  expect((await relay.api('DELETE', `shares/${share.id}/sessions/${id}`)).status).toBe(204)
  expect(await read(`shares/${share.id}/sessions`)).toMatchObject({ sessions: [] })
  expect(await client.callTool('echo', { text: 'x' })).toMatchObject({ status: 404 })
})
