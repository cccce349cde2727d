/** Secrets of the agent and of its server: what a server says of them reaches no client, by any door and in both eras. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { toolText } from '../../harness/json.ts'
import { type TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const SECRET = 'correct"horse/battery'
const stack = new AsyncDisposableStack()
let relay: Relay
let masking: Share
let open: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  const command = fixture('annotated', `it is ${SECRET}, or in JSON ${JSON.stringify({ SECRET })}`)
  masking = await createServedShare(stack, relay, { command, args: ['--env', `API_KEY=${SECRET}`] })
  open = await createServedShare(stack, relay, { command, args: ['--env', `API_KEY=${SECRET}`, '--no-mask'] })
})
afterAll(() => stack.disposeAsync())

const CONNECTIONS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (share) => connectSdk1Http(share.shareUrl)],
  ['SDK 2 over HTTP+SSE', (share) => connectSdk2Sse(share.sseUrl, share.clientToken)],
  ['SDK 2 in revision 2026-07-28', (share) => connectSdk2Http(share.shareUrl, undefined, 'pinned')],
]

test.each(CONNECTIONS)(
  '%s is not told the value of a variable that looks like a secret, unless the agent has --no-mask',
  async (_name, connect) => {
    verifies('promise.9.masked')
    await using client = await connect(masking)
    expect(toolText(await client.callTool('look', {}))).toBe('it is [secret], or in JSON {"SECRET":"[secret]"}')
    await using trusted = await connect(open)
    expect(toolText(await trusted.callTool('look', {}))).toContain(SECRET)
  },
)
