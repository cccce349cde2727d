/** The agent's own policy: what `--read-only`, `--allow`, `--deny` and `--argument` keep from clients, by every door and in both eras. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServedShare, fixture, npmServer, type Relay, type Share, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { toolText } from '../../harness/json.ts'
import { type TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let readers: Share
let files: Share
let folder: string

beforeAll(async () => {
  relay = stack.use(await startRelay())
  folder = stack.use(await StateFolder.create()).path
  readers = await createServedShare(stack, relay, { command: fixture('annotated', 'ran'), args: ['--read-only'] })
  files = await createServedShare(stack, relay, {
    command: npmServer('server-filesystem', '/'),
    args: ['--allow', 'read_*', '--allow', 'list_directory', '--deny', 'read_media_file', '--argument', `*(path^=${folder})`],
  })
})
afterAll(() => stack.disposeAsync())

const CONNECTIONS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (share) => connectSdk1Http(share.shareUrl)],
  ['SDK 2 over HTTP+SSE', (share) => connectSdk2Sse(share.sseUrl, share.clientToken)],
  ['SDK 2 in revision 2026-07-28', (share) => connectSdk2Http(share.shareUrl, undefined, 'pinned')],
]

describe.each(CONNECTIONS)('%s', (_name, connect) => {
  test('sees and calls with --read-only only what says that it only reads', async () => {
    verifies('promise.9.agent-policy')
    await using client = await connect(readers)
    expect(await client.listTools()).toEqual(['look'])
    expect(toolText(await client.callTool('look', {}))).toBe('ran')
    await expect(client.callTool('pay', {})).rejects.toThrow(/does not offer/)
    await expect(client.callTool('nothing-of-this-name', {})).rejects.toThrow(/does not offer/)
  })
})

test('--argument keeps a server with the whole disk to one folder', async () => {
  verifies('promise.9.agent-policy')
  await using client = await connectSdk1Http(files.shareUrl)
  expect(toolText(await client.callTool('list_directory', { path: folder }))).toBeDefined()
  await expect(client.callTool('list_directory', { path: '/etc' })).rejects.toThrow(/does not offer/)
  await expect(client.callTool('list_directory', { path: `${folder}/../../etc` })).rejects.toThrow(/does not offer/)
  expect(await client.listTools()).not.toContain('write_file')
  expect(await client.listTools()).not.toContain('read_media_file')
})
