/** Calls, and what the audit of their share tells of them. */
import { runInDurableObject } from 'cloudflare:test'
import { expect } from 'vitest'
import { order } from '../orders.ts'
import { stubOf, type TestClient, type TestShare } from '../relay.ts'
import type { ScriptedAgent } from '../scripted-agent.ts'

export const AUDITED_CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"a":"canary-argument"}}}'
export interface ToldEvent {
  readonly method: string
  readonly outcome: string
  readonly status: number
  readonly ms: number | null
  readonly lane: number
  readonly at: string
}
export async function auditOf(share: TestShare, after?: string): Promise<{ readonly events: ToldEvent[]; readonly next: string }> {
  const { status, told } = await order('GET', `/api/shares/${share.id}/audit${after === undefined ? '' : `?after=${after}`}`)
  expect(status).toBe(200)
  return told as unknown as { events: ToldEvent[]; next: string }
}
export async function auditedCall(agent: ScriptedAgent, client: TestClient, result = '{}'): Promise<void> {
  const response = client.post(AUDITED_CALL)
  agent.answer((await agent.expect('call')).header, '7', result)
  expect((await response).status).toBe(200)
}
export function auditRowsOf(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, { storage }) => {
    const isThere = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'audit'").toArray().length > 0
    return isThere ? storage.sql.exec('SELECT last FROM audit').toArray().length : 0
  })
}
