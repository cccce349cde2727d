/** `--tell-principal`: what a server learns of who calls it, by every door, in both eras of client, and on a process that all share. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { toolText } from '../../harness/json.ts'
import { type TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
const shares = new Map<string, Share>()

const SHARES: readonly (readonly [string, readonly string[]])[] = [
  ['one process each', ['--tell-principal']],
  ['one process for all', ['--tell-principal', '--isolate', 'share']],
  ['a policy of the agent', ['--tell-principal', '--deny', 'mark', '--isolate', 'share']],
  ['nobody is told', []],
]

beforeAll(async () => {
  relay = stack.use(await startRelay())
  for (const [name, args] of SHARES)
    shares.set(name, await createServedShare(stack, relay, { command: fixture('raw-bodies'), args: [...args] }))
})
afterAll(() => stack.disposeAsync())

const CONNECTIONS: readonly [string, RegExp, (share: Share) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', /^key:[0-9a-f]{24}$/, (share) => connectSdk1Http(share.shareUrl)],
  ['SDK 2 over HTTP+SSE', /^client:[0-9a-f]{24}$/, (share) => connectSdk2Sse(share.sseUrl, share.clientToken)],
  ['SDK 2 in revision 2026-07-28', /^key:[0-9a-f]{24}$/, (share) => connectSdk2Http(share.shareUrl, undefined, 'pinned')],
]

describe.each(SHARES)('%s', (name, args) => {
  test.each(CONNECTIONS)('%s', async (_, principal, connect) => {
    verifies('promise.1.tells-principal')
    const share = shares.get(name)
    if (share === undefined) throw new Error('no such share')
    await using client = await connect(share)
    const line = Buffer.from(toolText(await client.callTool('received', { mark: crypto.randomUUID() })) ?? '', 'base64').toString()
    const { params } = JSON.parse(line) as { readonly params: { readonly _meta?: Readonly<Record<string, unknown>> } }
    const told = params._meta?.['mcp-edge/principal']
    if (args.length === 0) expect(told).toBeUndefined()
    else expect(told).toMatch(principal)
  })
})
