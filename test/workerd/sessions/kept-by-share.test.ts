/** What a Share keeps over its sleep, and for how long. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { EventReader, factsOf, revokeShare, stubOf, type TestShare } from '../harness/relay.ts'
import { connected } from '../harness/scripted-agent.ts'
import type { ShareFacts } from '../../../worker/contract/share-admin.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

async function countersOf(share: TestShare): Promise<ShareFacts['counters']> {
  return (await factsOf(share)).counters
}

describe('a sleeping Share', () => {
  test('hibernates with an agent connected and a GET stream open, and still delivers the next notification on it', async () => {
    verifies('promise.6.hibernates', 'promise.6.wakes-right')
    const { share, agent, client, ch } = await connected()
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    const before = await countersOf(share)
    await evictDurableObject(stubOf(share))
    agent.notify(ch, LIST_CHANGED)
    expect(await events.next()).toBe(LIST_CHANGED)
    expect((await countersOf(share)).incarnation).not.toBe(before.incarnation)
    await events.cancel()
  })

  test('answers the next call of a session after it slept', async () => {
    verifies('promise.6.wakes-right')
    const { share, agent, client } = await connected()
    await evictDurableObject(stubOf(share))
    const response = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{"awake":true}')
    expect(await (await response).text()).toContain('awake')
  })

  test('asks for all that is held, also when something was held before it slept, and something since', async () => {
    const { share, agent, client, ch } = await connected()
    agent.notify(ch, LIST_CHANGED)
    await agent.expect('hold')
    await evictDurableObject(stubOf(share))
    agent.notify(ch, LIST_CHANGED)
    await agent.expect('hold')
    const events = new EventReader(await client.listen())
    expect((await agent.expect('resume')).header).toEqual({ type: 'resume', ch })
    await events.cancel()
  })

  test('holds what finds no stream at the agent, and asks for it when one opens', async () => {
    const { share, agent, client, ch } = await connected()
    agent.notify(ch, LIST_CHANGED)
    expect((await agent.expect('hold')).header).toEqual({ type: 'hold', ch, n: 2 })
    // It does not remember over its sleep from where on something is held.
    await evictDurableObject(stubOf(share))
    const events = new EventReader(await client.listen())
    expect((await agent.expect('resume')).header).toEqual({ type: 'resume', ch })
    await events.cancel()
  })
})

describe('what a Share keeps', () => {
  test('no row is written over 1,000 calls and 1,000 streamed events', async () => {
    verifies('promise.7.no-write')
    const { share, agent, client, ch } = await connected()
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    const before = await countersOf(share)
    for (let id = 1; id <= 1000; id++) {
      const response = client.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`)
      const { header } = await agent.expect('call')
      agent.notify(ch, LIST_CHANGED)
      agent.answer(header, String(id), '{}')
      expect((await response).status).toBe(200)
      expect(await events.next()).toBe(LIST_CHANGED)
    }
    const after = await countersOf(share)
    expect(after.incarnation).toBe(before.incarnation)
    expect(after.total_changes).toBe(before.total_changes)
    await events.cancel()
  }, 60_000)

  test('grants no more credit to a flood than its client takes, and goes on when the client does', async () => {
    verifies('promise.10.credit', 'promise.10.object-4mib')
    const { share, agent, client, ch } = await connected()
    const response = await client.listen()
    await agent.expect('resume')
    const filler = 'x'.repeat(250_000)
    let sentBytes = 0
    while (sentBytes < 3_900_000) {
      const message = `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${filler}"}}`
      sentBytes += message.length
      agent.notify(ch, message, { ack: true })
    }
    // Nobody reads, so the last grant is from before half of the window was owed.
    let upto = 0
    for (let n = 0; n < sentBytes / 250_000 - 1; n++) {
      const { header } = await agent.next()
      if (header.type === 'credit') upto = header.upto
      if (header.type !== 'receipt') n--
    }
    expect(upto).toBeLessThan(sentBytes + 1_000_000)
    const events = new EventReader(response)
    const reading = (async () => {
      while ((await events.next()) !== undefined);
    })()
    while (upto < sentBytes + 2_000_000) {
      const { header } = await agent.next()
      if (header.type === 'credit') upto = header.upto
    }
    const counters = await countersOf(share)
    expect(counters.buffered_max_bytes).toBeLessThanOrEqual(4 * 1024 * 1024)
    await events.cancel()
    await expect(reading).rejects.toThrow('cancelled')
  })

  test('a revoked share lets go of everything', async () => {
    verifies('promise.9.expires')
    const { share, agent, client } = await connected()
    const waiting = client.post(CALL)
    await agent.expect('call')
    await revokeShare(share)
    expect((await waiting).status).toBe(404)
    expect((await agent.closed).code).toBe(4003)
    expect((await client.post(CALL)).status).toBe(404)
    const tables = await runInDurableObject(stubOf(share), (_, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    )
    expect(tables).toEqual([])
  })
})
