/** What must hold through a reverse proxy, each shown by real parts: relay, agent, server, and a client over TLS. */
import { readdir, readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { within } from '../harness/deadline.ts'
import { asObject } from '../harness/json.ts'
import { type Answer, type Listener, RawClient } from '../harness/raw-client.ts'
import type { Agent, Share } from '../harness/selfhost.ts'

/** Longer than any time-out in the recipes, and than what proxies have by themselves (60 s). */
const LONG_MS = 80_000
const LARGE_BYTES = 7 * 2 ** 20

export interface Setting {
  readonly share: Share
  readonly agent: Agent
  /** Where the proxy writes. */
  readonly folder: string
}

/** By what each says when it holds. */
export const PROOFS: readonly { readonly says: string; readonly prove: (setting: Setting) => Promise<void> }[] = [
  { says: 'an event of a GET stream arrives while the stream goes on', prove: streamed },
  { says: 'what a server asks during a call arrives before the call ends', prove: asked },
  { says: `a request and a response of ${LARGE_BYTES / 2 ** 20} MiB pass`, prove: large },
  { says: 'the relay is told the address of the client', prove: addressed },
  {
    says: `after ${LONG_MS / 1000} s of silence calls are answered, as events and as JSON, and stream and agent are still there`,
    prove: silent,
  },
  { says: 'no log of the proxy has the secret of the share URL', prove: unlogged },
]

function equal(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`found ${JSON.stringify(found)} where ${JSON.stringify(wanted)} was wanted`)
}

function textOf({ last }: Answer): unknown {
  const content = asObject(last['result'] ?? {})['content']
  return asObject(Array.isArray(content) ? content[0] : {})['text']
}

/** Has the server tell something that belongs to no call, and waits for it. */
async function told(client: RawClient, listener: Listener): Promise<void> {
  await client.callTool('change-list')
  await listener.nextNotification('notifications/tools/list_changed')
}

async function streamed({ share }: Setting): Promise<void> {
  const client = await RawClient.connect(share)
  await using listener = await client.listen()
  await told(client, listener)
}

async function asked({ share }: Setting): Promise<void> {
  const client = await RawClient.connect(share, { capabilities: { elicitation: {} } })
  const onMessage = ({ method, id }: Record<string, unknown>): void => {
    if (method === 'elicitation/create') void client.respond(id, { action: 'accept', content: { name: 'Ada' } })
  }
  const answer = await client.callTool('elicit', { message: 'Who?' }, { onMessage })
  equal(JSON.parse(String(textOf(answer))).content.name, 'Ada')
}

async function large({ share }: Setting): Promise<void> {
  const client = await RawClient.connect(share)
  equal(textOf(await client.callTool('echo', { text: 'x'.repeat(LARGE_BYTES) })), 'x'.repeat(LARGE_BYTES))
}

/** From another address of this machine than the proxy has; only Linux has more than one without being told. */
async function addressed({ share }: Setting): Promise<void> {
  if (process.platform !== 'linux') return
  const client = await RawClient.connect(share)
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${share.clientToken}`,
    'mcp-session-id': client.sessionId ?? '',
    'mcp-protocol-version': client.protocolVersion ?? '',
  }
  const sent = request(share.url, { method: 'POST', localAddress: '127.0.0.2', family: 4, headers }, (response) => {
    response.resume()
    response.on('end', () => resolve(response.statusCode))
  })
  sent.on('error', reject)
  sent.end(JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'echo', arguments: { text: 'from 127.0.0.2' } } }))
  equal(await within(promise, 'an answer to 127.0.0.2'), 200)
  const audit = asObject(await (await share.relay.api('GET', `shares/${share.id}/audit`)).json())
  const events = Array.isArray(audit['events']) ? audit['events'] : []
  equal(events.map((event) => asObject(event)['address']).at(-1), '127.0.0.2')
}

async function silent({ share, agent }: Setting): Promise<void> {
  const client = await RawClient.connect(share)
  const idle = await RawClient.connect(share)
  await using listener = await client.listen()
  const boundMs = 2 * LONG_MS
  const calls = [{ boundMs }, { boundMs, accept: 'application/json' }].map((options) => client.callTool('slow', { ms: LONG_MS }, options))
  for (const answer of await Promise.all(calls)) equal(textOf(answer), `slept ${LONG_MS}`)
  await told(client, listener)
  equal(textOf(await idle.callTool('echo', { text: 'still there' })), 'still there')
  equal(agent.program.stderr.lines.filter((line) => /"event":"(?:ready|link\.lost)"/.test(line)).length, 1)
}

/** With a relay that is not there in the end: that is when proxies write most. */
async function unlogged({ share, folder }: Setting): Promise<void> {
  const key = /\/k\/([^/]+)\//.exec(share.shareUrl)?.[1]
  if (key === undefined) throw new Error(`no key in ${share.shareUrl}`)
  const keyed = new RawClient(share.shareUrl)
  await keyed.initialize()
  await share.relay.program.stop()
  const refused = await keyed.raw('GET')
  equal(refused.status, 502)
  await refused.body?.cancel()
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  for (const file of files) {
    const text = await readFile(join(file.parentPath, file.name), 'latin1')
    if (text.includes(key)) throw new Error(`${file.name} has it`)
  }
}
