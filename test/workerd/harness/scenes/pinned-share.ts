/** A share that pins, what its owner is shown and accepts, and clients that use it. */
import { order } from '../orders.ts'
import { LOOK, type Offer, OfferingAgent } from '../offering-agent.ts'
import { createShare, TestClient, type TestShare } from '../relay.ts'

export const OFFER: Offer = { tools: [LOOK], instructions: 'Be kind.' }

/** More than any listing takes, and less than a hanging test. */
const MAX_TRIES = 500

type Connecting = Parameters<typeof OfferingAgent.connect>[2]
type Told = Readonly<Record<string, unknown>>

interface PinnedShare {
  readonly share: TestShare
  readonly agent: OfferingAgent
}

/** A share whose server was listed when its agent connected, and pinned as it was. */
export async function pinned(offer: Offer = OFFER, hello: Connecting = {}, members: object = {}): Promise<PinnedShare> {
  const share = await createShare({ pinning: 'on', ...members })
  const agent = await OfferingAgent.connect(share, offer, hello)
  await shownWhen(share, ({ unpinned }) => unpinned !== undefined)
  return { share, agent }
}

/** What the owner is shown, once it is so. */
export async function shownWhen(share: TestShare, isSo: (told: Told) => boolean): Promise<Told> {
  for (let tries = 1; ; tries++) {
    const { told } = await order('GET', `/api/shares/${share.id}/tools`)
    if (isSo(told)) return told
    if (tries === MAX_TRIES) throw new Error(`what the owner is shown stays ${JSON.stringify(told)}`)
    // Timers of the relay are in this runtime too.
    await new Promise((resolve) => setTimeout(resolve))
  }
}

interface ShownEntry {
  readonly name: string
  readonly state: string
  readonly digest: string
}

/** Entries of a kind, once they are these, each as its name and its state. */
export async function entriesWhen(share: TestShare, kind: string, ...expected: readonly string[]): Promise<readonly ShownEntry[]> {
  const entriesIn = (told: Told): readonly ShownEntry[] => told[kind] as readonly ShownEntry[]
  const statesIn = (told: Told): string[] => entriesIn(told).map(({ name, state }) => `${name} ${state}`)
  return entriesIn(await shownWhen(share, (told) => statesIn(told).toSorted().join() === expected.toSorted().join()))
}

/** Accepts what is held back of a kind. */
export async function accept(share: TestShare, kind: string): Promise<void> {
  const held = (await shownWhen(share, () => true))[kind] as readonly ShownEntry[]
  const wanted = held.filter(({ state }) => state === 'new' || state === 'changed').map(({ name, digest }) => ({ name, digest }))
  const { status, told } = await order('POST', `/api/shares/${share.id}/tools/accept`, wanted)
  if (status !== 200) throw new Error(`it was not accepted: ${JSON.stringify(told)}`)
}

/** A client with a session of its own. */
export async function begin(share: TestShare, token?: string): Promise<TestClient> {
  const client = new TestClient(share, token)
  const { status } = await client.initialize()
  if (status !== 200) throw new Error(`initialize was answered with ${status}`)
  return client
}

/** The result of a session's request, or the code of its error. */
export async function asked(client: TestClient, method: string, params: object = {}): Promise<unknown> {
  const response = await client.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  return resultIn(await response.json())
}

/** The result of an answer, or the code of its error. */
export function resultIn(answer: unknown): unknown {
  const { result, error } = answer as { readonly result?: unknown; readonly error?: { readonly data?: { readonly code?: string } } }
  return result ?? error?.data?.code
}
