/** Requests without sessions (MCP 2026-07-28) in the real runtime: groups, cancellation, sleep. */
import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { postModern } from './handshake-child.ts'
import { createShare, EventReader, stubOf } from './relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent } from './scripted-agent.ts'

test('clients of one principal and one set of capabilities share a child; others get their own', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const channels: string[] = []
  for (const capabilities of [{}, {}, { sampling: {} }]) {
    const response = postModern(share, 'tools/list', {}, { capabilities })
    const first = await agent.next()
    const { header } = first.header.type === 'open' ? await agent.expect('call') : first
    if (header.type !== 'call') throw new Error(`a call was due, and ${header.type} came`)
    channels.push(header.ch)
    agent.answer(header, '1', '{"tools":[],"resultType":"complete"}')
    expect((await response).status).toBe(200)
  }
  expect(channels[0]).toBe(channels[1])
  expect(channels[2]).not.toBe(channels[0])
})

/** A listen that its server has acknowledged. */
async function listening() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const response = postModern(share, 'subscriptions/listen')
  await agent.expect('open')
  const { header } = await agent.expect('call')
  const acknowledged = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}'
  agent.notify(header.ch, acknowledged, { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  expect(await events.next()).toBe(acknowledged)
  return { share, agent, header, events }
}

test('a client that closes its stream cancels its call, and only its own', async () => {
  const { agent, header, events } = await listening()
  await events.cancel()
  const cancel = await agent.expect('notify')
  expect(cancel.header).toMatchObject({ method: 'notifications/cancelled', cancels: header.tag, ch: header.ch })
  const [from, to] = cancel.header.requestId ?? [0, 0]
  expect(bodyText(cancel).slice(from, to)).toBe('0')
})

test('a listen lets the Share sleep, and hears what comes after', async () => {
  const { share, agent, header, events } = await listening()
  await evictDurableObject(stubOf(share))
  const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
  agent.notify(header.ch, changed, { ra: header.ra, sure: true })
  expect(await events.next()).toBe(changed)
  await events.cancel()
})

test('a server of the handshake era is bridged: its client finds one of its own revision', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'legacy' })
  const response = postModern(share, 'server/discover')
  await agent.expect('open')
  const initialize = await agent.expect('call')
  expect(initialize.header.method).toBe('initialize')
  agent.answer(initialize.header, '0', BARE_SERVER)
  const answer = await response
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ id: 1, result: { resultType: 'complete', supportedVersions: ['2026-07-28'] } })
})
