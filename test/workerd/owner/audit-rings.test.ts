/** What an owner is told of calls, in the real runtime, is shared out among links: who floods pushes out its own, and strangers nobody else's. */
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import type { AuditEvent } from '../../../worker/contract/call-records.ts'
import { auditRows, CallLedger } from '../../../worker/share/clients/call-ledger.ts'
import type { EndedCall } from '../../../worker/share/clients/running-calls.ts'
import { LinkUses } from '../../../worker/share/rows/link-uses.ts'
import { MAX_AUDIT_EVENTS, MAX_LINK_USES, MAX_RINGS, MAX_STRANGERS_EVENTS } from '../../../worker/usage-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { createShare, fetchRelay, linkIdOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { connected, initialize } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{}}}'

function eventOf(whose: string, more: Partial<EndedCall> = {}): EndedCall {
  return { whose, at: 1, link: whose, principal: 'p', method: 'm', outcome: 'ok', status: 200, ms: 1, bytes: 1, ...more }
}

/** A ledger on the rows of a share's object; `again` is one that remembers nothing, as after sleep. */
async function withLedger(use: (again: () => CallLedger, sql: SqlStorage) => void): Promise<void> {
  const share = await createShare()
  await stubOf(share).admin({ op: 'describe' })
  await runInDurableObject(stubOf(share), (_, { storage }) => {
    const { sql } = storage
    const again = (): CallLedger =>
      new CallLedger({ uses: new LinkUses(sql), ...auditRows(sql), shown: (ended) => ended, isKept: () => true, flushBy: () => {} })
    use(again, sql)
  })
}

/** All that is told, page by page. */
function allOf(ledger: CallLedger): AuditEvent[] {
  const all: AuditEvent[] = []
  for (;;) {
    const { events } = ledger.events(all.at(-1)?.n ?? 0, 0)
    if (events.length === 0) return all
    all.push(...events)
  }
}

function linksOf(ledger: CallLedger): string[] {
  return allOf(ledger).map(({ link }) => link)
}

function countOf(links: readonly string[], link: string): number {
  return links.filter((one) => one === link).length
}

function flood(ledger: CallLedger, whose: string, count: number): void {
  for (let made = 0; made < count; made++) ledger.record(eventOf(whose))
}

test('what a link did is told, however much strangers do after it, at once or over sleep', async () => {
  verifies('promise.10.audit-rings')
  await withLedger((again) => {
    let ledger = again()
    flood(ledger, 'thief', MAX_AUDIT_EVENTS - 10)
    flood(ledger, 'anonymous', 30_000)
    for (let writes = 0; writes < 5; writes++) {
      flood(ledger, 'anonymous', 2_000)
      ledger.flush()
      ledger = again()
    }
    const links = linksOf(ledger)
    expect(countOf(links, 'thief')).toBe(MAX_AUDIT_EVENTS - 10)
    expect(countOf(links, 'anonymous')).toBeGreaterThanOrEqual(MAX_STRANGERS_EVENTS)
    expect(countOf(links, 'anonymous')).toBeLessThanOrEqual(1.5 * MAX_STRANGERS_EVENTS)
  })
})

test('a link that floods leaves others their equal share, and has the rest', async () => {
  verifies('promise.10.audit-rings')
  await withLedger((again) => {
    const ledger = again()
    flood(ledger, 'few', 50)
    flood(ledger, 'many', 9_000)
    for (let writes = 0; writes < 20; writes++) {
      flood(ledger, 'flood', 3_000)
      ledger.flush()
    }
    const links = linksOf(again())
    expect(countOf(links, 'few')).toBe(50)
    expect(countOf(links, 'many')).toBeGreaterThanOrEqual((MAX_AUDIT_EVENTS - 50) / 2)
    expect(countOf(links, 'flood')).toBeGreaterThanOrEqual((MAX_AUDIT_EVENTS - 50) / 2)
    expect(links.length).toBeLessThanOrEqual(1.1 * MAX_AUDIT_EVENTS)
  })
})

test('events of all links are told in one order, each once, and of more links than have room those go that were used longest ago', async () => {
  verifies('promise.10.audit-rings')
  await withLedger((again) => {
    const ledger = again()
    for (let made = 0; made < 2_500; made++) {
      ledger.record(eventOf(`l${made % 7}`, { at: made }))
      if (made % 300 === 0) ledger.flush()
    }
    ledger.flush()
    expect(allOf(again()).map(({ n, at }) => [n, at])).toEqual(Array.from({ length: 2_500 }, (_, at) => [at + 1, at]))
    for (let link = 0; link < MAX_RINGS; link++) ledger.record(eventOf(`new${link}`))
    const links = new Set(linksOf(ledger))
    expect(links.size).toBe(MAX_RINGS)
    expect([links.has('l0'), links.has('new0')]).toEqual([false, true])
    expect(
      again()
        .events(2_999, 0)
        .events.map(({ n }) => n),
    ).toEqual([3_000])
  })
})

test('what strangers carry pushes out nothing that links carried', async () => {
  verifies('promise.10.audit-rings')
  await withLedger((again) => {
    const ledger = again()
    ledger.record(eventOf('thief', { arguments: '"evidence"' }))
    for (let writes = 0; writes < 10; writes++) {
      for (let made = 0; made < 500; made++) ledger.record(eventOf('anonymous', { arguments: '{}' }))
      ledger.record(eventOf('thief', { arguments: `"${writes}"` }))
      ledger.flush()
    }
    const events = allOf(again())
    expect(events.flatMap(({ link, arguments: args }) => (link === 'thief' ? [args] : []))).toHaveLength(11)
    expect(events.find(({ link }) => link === 'thief')?.arguments).toBe('"evidence"')
  })
})

test('how often a link was used is known however many its holder, or another, has narrowed', async () => {
  verifies('promise.10.audit-rings', 'promise.9.usage')
  await withLedger((again, sql) => {
    sql.exec('CREATE TABLE link_use (id TEXT PRIMARY KEY, calls INTEGER NOT NULL, lastUsedAtMs INTEGER NOT NULL) WITHOUT ROWID')
    sql.exec("INSERT INTO link_use VALUES ('before', 7, 1)")
    let ledger = again()
    ledger.used(['modest'], 1, 2)
    ledger.used(['modest', 'modest-below'], 1, 3)
    ledger.flush()
    for (let made = 0; made < 2 * MAX_LINK_USES; made++) {
      ledger.used(['greedy', `greedy-${made}`], 1, 4 + made)
      if (made % 500 === 0) {
        ledger.flush()
        ledger = again()
      }
    }
    ledger.flush()
    const uses = new Map(
      again()
        .uses()
        .map((use) => [use.id, use.calls]),
    )
    expect(uses.size).toBeLessThanOrEqual(MAX_LINK_USES)
    expect(['before', 'modest', 'modest-below', 'greedy', 'greedy-0'].map((id) => uses.get(id))).toEqual([
      7,
      2,
      1,
      2 * MAX_LINK_USES,
      undefined,
    ])
    expect(uses.get(`greedy-${2 * MAX_LINK_USES - 1}`)).toBe(1)
    for (let made = 0; made < MAX_LINK_USES + 10; made++) ledger.used([`own-${made}`], 1, 1_000_000 + made)
    ledger.flush()
    expect(again().uses()).toHaveLength(MAX_LINK_USES)
  })
})

test('what was kept while all had one ring is told, and numbers go on', async () => {
  await withLedger((again, sql) => {
    sql.exec('CREATE TABLE audit (last INTEGER PRIMARY KEY, events TEXT NOT NULL)')
    const { whose: _, ...event } = eventOf('old')
    for (const [last, count] of [
      [3, 3],
      [5, 2],
    ] as const) {
      const events = Array.from({ length: count }, (__, at) => ({ n: last - count + at + 1, ...event }))
      sql.exec('INSERT INTO audit VALUES (?, ?)', last, JSON.stringify(events))
    }
    expect(
      again()
        .events(2, 0)
        .events.map(({ n }) => n),
    ).toEqual([3, 4, 5])
    const ledger = again()
    ledger.record(eventOf('new'))
    ledger.flush()
    expect(
      again()
        .events(0, 0)
        .events.map(({ n, link }) => [n, link]),
    ).toEqual([...[1, 2, 3, 4, 5].map((n) => [n, 'old']), [6, 'new']])
  })
})

async function ringsOf(share: TestShare): Promise<unknown[]> {
  await order('GET', `/api/shares/${share.id}/audit`)
  return runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql.exec('SELECT whose, sum(held) AS held FROM audit GROUP BY whose ORDER BY whose').toArray(),
  )
}

test('a call is in the ring of the link of the owner’s that its client’s was made of; all strangers are in one', async () => {
  verifies('promise.10.audit-rings')
  const { share, agent, client } = await connected()
  await order('PATCH', `/api/shares/${share.id}`, { anonymous: { access: 'admin' } })
  for (let made = 0; made < 2; made++) {
    const narrowed = await narrowCredential(share.clientToken, {}, crypto.getRandomValues(new Uint8Array(16)))
    if (!narrowed.ok) throw new Error(narrowed.error)
    const other = new TestClient(share, narrowed.value)
    await initialize(agent, other)
    const response = other.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect((await response).status).toBe(200)
  }
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 'k'.repeat(26) }
  for (let made = 0; made < 2; made++) expect((await fetchRelay(share.url, { method: 'POST', body: CALL, headers })).status).toBe(404)
  expect(await ringsOf(share)).toEqual(
    [
      { whose: linkIdOf(share.clientToken), held: 5 },
      { whose: 'anonymous', held: 2 },
    ].toSorted((a, b) => (a.whose < b.whose ? -1 : 1)),
  )
  expect(client.session).toBeDefined()
})
