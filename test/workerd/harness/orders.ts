/** Orders of the owner in a test: what they answer, what lanes are told of them, and what the registry has yet to tell. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { askAsOwner, createShare, stubOf, type TestShare } from './relay.ts'
import type { AdminCommand } from '../../../worker/contract/share-admin.ts'

/** What an order of the deployer's answers, or of whoever has this token. */
export async function order(
  method: string,
  path: string,
  body?: object,
  token?: string,
): Promise<{ readonly status: number; readonly told: Record<string, unknown> }> {
  const response = await askAsOwner(method, path, body, token)
  return { status: response.status, told: response.status === 204 ? {} : await response.json() }
}

/** A share whose objects all exist. */
export async function createMade(lanes: number): Promise<TestShare> {
  const share = await createShare({ lanes })
  for (let lane = 0; lane < lanes; lane++) await stubOf(share, lane).admin({ op: 'describe' })
  return share
}

/** Notes what lanes are told of trust, and lets those fail that are named. */
export function watchOrders(isOut: (lane: string) => boolean = () => false): { readonly lane: string; readonly command: AdminCommand }[] {
  const told: { lane: string; command: AdminCommand }[] = []
  vi.spyOn(Share.prototype, 'admin').mockImplementation(function (this: Share & { ctx: DurableObjectState }, command: AdminCommand) {
    const lane = this.ctx.id.name ?? ''
    if (isOut(lane)) throw new Error('out of order')
    // A question tells nothing.
    if (command.op !== 'uses' && command.op !== 'server') told.push({ lane, command })
    return Promise.resolve(undefined)
  })
  return told
}

export function registryStub() {
  return env.REGISTRY.getByName('registry')
}

/** Rings the registry's alarm, when all that is due later is due. */
export async function ringRegistry(): Promise<void> {
  await runInDurableObject(registryStub(), (_, { storage }) => void storage.sql.exec('UPDATE untold SET due_ms = 0'))
  expect(await runDurableObjectAlarm(registryStub())).toBe(true)
}

export function untoldOf(share: TestShare): Promise<unknown[]> {
  return runInDurableObject(registryStub(), (_, { storage }) =>
    storage.sql.exec('SELECT subject, lanes FROM untold WHERE share = ?', share.id).toArray(),
  )
}
