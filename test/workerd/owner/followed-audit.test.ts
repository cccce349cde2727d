/** Whoever follows the audit is told what there is, then what comes, and nothing once it may not know it. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { faultsOf } from '../harness/api-document.ts'
import { order } from '../harness/orders.ts'
import { askAsOwner, type TestShare } from '../harness/relay.ts'
import { connected } from '../harness/scripted-agent.ts'
import { auditedCall } from '../harness/scenes/audited-calls.ts'

describe('whoever follows', () => {
  async function follow(share: TestShare, token?: string): Promise<() => Promise<string | undefined>> {
    const response = await askAsOwner('GET', `/api/shares/${share.id}/audit?follow=true`, undefined, token)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    return async () => (await lines?.read())?.value
  }

  test('is told what there is, and then what comes', async () => {
    verifies('promise.9.audit')
    const { share, agent, client } = await connected()
    const next = await follow(share)
    const first = (await next())
      ?.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(first).toMatchObject([{ method: 'initialize' }, { next: '1.0' }])
    for (const line of first ?? []) expect(faultsOf({ $ref: '#/components/schemas/AuditLine' }, line)).toEqual([])
    await auditedCall(agent, client)
    expect(await next()).toContain('"tools/call"')
  })

  test('is told nothing more once it is no owner any more, or the share is gone', async () => {
    verifies('promise.9.audit')
    const made = (await order('POST', '/api/owners', { name: 'n' })).told
    const token = String(made['owner_token'])
    const response = await askAsOwner('POST', '/api/shares', {}, token)
    const { share: id }: { share: string } = await response.json()
    const share = { id, url: '', clientToken: '', agentToken: '' }
    const next = await follow(share, token)
    const ended = next()
    await order('DELETE', `/api/owners/${String(made['id'])}`)
    expect(await ended).toBeUndefined()
    const { share: other } = await connected()
    const others = await follow(other)
    expect(await others()).toContain('initialize')
    await order('DELETE', `/api/shares/${other.id}`)
    expect(await others()).toBeUndefined()
  })
})
