/** A share that holds calls of a tool, with its server, its owner and a client; and what a held call comes to. */
import { expect } from 'vitest'
import { heldCode, heldWaits, Owner, ToolServer } from './held-calls.ts'
import { order } from '../orders.ts'
import { createShare, TestClient, type TestShare } from '../relay.ts'

export interface HeldScene {
  readonly share: TestShare
  readonly server: ToolServer
  readonly client: TestClient
  readonly owner: Owner
}

/** A session of a share whose owner is asked before anything is written. */
export async function heldScene(members: object = {}): Promise<HeldScene> {
  const share = await createShare({ ...members })
  const server = await ToolServer.connect(share)
  const owner = new Owner(share)
  await owner.holds()
  return { share, server, client: await newSession(share), owner }
}

export async function newSession(share: TestShare, token?: string): Promise<TestClient> {
  const client = new TestClient(share, token)
  expect((await client.initialize()).status).toBe(200)
  return client
}

export async function heldCodeOf(response: Promise<Response>): Promise<string | undefined> {
  return heldCode(await (await response).json())
}

/** The code of the JSON-RPC error that a call was answered with. */
export async function heldErrorOf(response: Promise<Response>): Promise<string | undefined> {
  const { error }: { error?: { data: { code: string } } } = await (await response).json()
  return error?.data.code
}

/** Shows that a call waits, by having it denied. */
export async function isHeld(owner: Owner, response: Promise<Response>): Promise<boolean> {
  await owner.decide('deny')
  return (await heldCodeOf(response)) === 'APPROVAL_DENIED'
}

/** A client token of a share, with what more is said of it. */
export async function tokenOf(share: TestShare, more: object = {}): Promise<string> {
  const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'admin' }, ...more })
  return told['token'] as string
}

export async function answerOf(
  response: Promise<Response>,
): Promise<{ readonly id: number; readonly result?: object; readonly error?: { data: { code?: string } } }> {
  return (await response).json()
}

/** Waits until the Worker of a call that is held waits by its socket. */
export async function asleep(share: TestShare, owner: Owner): Promise<string> {
  const { id } = await owner.sole()
  await heldWaits(share, 1)
  return id
}
