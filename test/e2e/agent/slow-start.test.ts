/** A server that starts more slowly than its client waits: the next try gets the process that is starting. */
import { once } from 'node:events'
import { readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toolText } from '../../harness/json.ts'
import { NODE, Program } from '../../harness/program.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { type Agent, createShare, fixture, type Relay, startAgent, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

/** A client that gives up as soon as its server was asked, and before there was a response; resolves when its start is kept. */
async function giveUp(url: string, folder: string, agent: Agent): Promise<void> {
  const leaving = new AbortController()
  const watcher = watch(folder)
  const asked = once(watcher, 'change')
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw-client', version: '1.0.0' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'first try', method: 'initialize', params })
  const response = fetch(url, { method: 'POST', headers, body, signal: leaving.signal })
  await asked
  watcher.close()
  leaving.abort()
  await expect(response).rejects.toThrow('abort')
  await agent.event('start.kept')
}

test('the second try of a client that gave up on a slow server succeeds, without a second process', async () => {
  verifies('promise.2.start-taken-over')
  const folder = stack.use(await StateFolder.create())
  // Every process of the server counts here, also one that is only listed.
  const share = await createShare(relay, { pinning: 'off' })
  const agent = stack.use(await startAgent(share, { command: fixture('life/starts-when-told', folder.path), args: ['--era', 'legacy'] }))
  await giveUp(share.shareUrl, folder.path, agent)
  const client = new RawClient(share.shareUrl)
  const initialized = client.initialize()
  await agent.event('start.taken_over')
  writeFileSync(join(folder.path, 'go'), '')
  await initialized
  const pid = toolText((await client.callTool('pid')).last['result'])
  expect(readFileSync(join(folder.path, 'begun'), 'utf8')).toBe(`${pid}\n`)
})

test('npm start shows its URL while the server says nothing yet, and says that it does not', async () => {
  const folder = stack.use(await StateFolder.create())
  const args = ['selfhost/start.ts', '--port', '0', '--data', folder.path, '--', NODE, '-e', 'process.stdin.resume()']
  await using program = new Program(NODE, args)
  const note = await program.stdout.find((line) => (line.startsWith('Note:') ? line : undefined), 'the note that the server is silent')
  expect(note).toContain('has not answered yet')
  expect(program.stdout.tail()).toContain('/s/')
})
