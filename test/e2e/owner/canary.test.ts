/** Every kind of secret is made, used rightly and wrongly, and then looked for in all that relay, agent and server have said. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { asObject, type JsonObject, textField } from '../../harness/json.ts'
import { descendants } from '../../harness/processes.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { consent } from '../../harness/sign-in/scripted-browser.ts'
import { createShare, fixture, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { Keychain, signIn, transportTo } from '../../harness/sign-in/sdk-sign-in.ts'
import { CLIENT_INFO } from '../../harness/test-client.ts'
import { upgradeStatus } from '../../harness/upgrade.ts'
import { verifies } from '../../requirements/verifies.ts'

/** What the relay has answered, but for the answers that hand a secret out. */
class Heard {
  readonly texts: string[] = []

  async hear(response: Response): Promise<void> {
    this.texts.push(`${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`)
  }
}

async function made(relay: Relay, path: string, body: JsonObject): Promise<JsonObject> {
  const response = await relay.api('POST', path, body)
  expect(response.status).toBe(201)
  return asObject(await response.json())
}

/** What a wrong secret has in common with the right one, which must not be told either. */
function tellTale(secret: string): string {
  return secret.slice(0, -4)
}

function wrong(secret: string): string {
  return `${tellTale(secret)}aaaa`
}

/** The key in a share's URL. */
function keyIn(url: string): string {
  return /\/k\/([^/]+)\//.exec(url)?.[1] ?? url
}

/** All that a link's holder can do with it: a session with a call, a wrong call, and its end. */
async function use(url: string, token?: string): Promise<void> {
  const client = new RawClient(url, token)
  await client.initialize()
  await client.callTool('echo', { text: 'hello' })
  await client.callTool('no_such_tool', {})
  await client.post('{"jsonrpc":"2.0"')
}

/** Knocks with a credential that is wrong, at each door. */
async function knock(relay: Relay, share: Share, secret: string, heard: Heard): Promise<void> {
  const authorization = `Bearer ${secret}`
  for (const path of [`/s/${share.id}/mcp`, `/s/${share.id}/k/${secret}/mcp`, `/s/${share.id}/sse`, '/api/shares', '/api/owners'])
    await heard.hear(await fetch(`${relay.origin}${path}`, { headers: { authorization, accept: 'application/json' } }))
  expect(await upgradeStatus(`${relay.origin}/agent/${share.id}`, { authorization })).toBeGreaterThanOrEqual(400)
}

test('no secret stands in a reply that is not to hand it out, in a log line, or in a process title', async () => {
  verifies('promise.9.not-in-logs', 'promise.9.shown-once')
  const heard = new Heard()
  await using relay = await startRelay(['--verbose'])
  const share = await createShare(relay, { name: 'docs' })
  const serverSecret = randomBytes(18).toString('hex')
  await using agent = await startAgent(share, {
    command: fixture('echo'),
    args: ['--env', 'SERVICE_TOKEN'],
    env: { SERVICE_TOKEN: serverSecret },
  })
  const ann = await made(relay, 'owners', { name: 'Ann' })
  const shares = `shares/${share.id}`
  const client = await made(relay, `${shares}/tokens`, { kind: 'client', name: 'for Bob', policy: { access: 'admin' } })
  const key = await made(relay, `${shares}/tokens`, { kind: 'key', name: 'for Eve' })
  const spare = await made(relay, `${shares}/tokens`, { kind: 'agent', name: 'spare' })
  const person = await made(relay, `${shares}/people`, { name: 'Carl', policy: { access: 'admin' } })
  const narrowed = await narrowCredential(textField(client, 'token'), { name: 'narrowed' }, randomBytes(CAVEAT_NONCE_BYTES))
  if (!narrowed.ok) throw new Error(narrowed.error)

  const keychain = await signIn(share.url, textField(person, 'code'))
  const signedIn = new Client(CLIENT_INFO)
  await signedIn.connect(transportTo(share.url, keychain))
  await signedIn.callTool({ name: 'env', arguments: { name: 'SERVICE_TOKEN' } })
  await signedIn.close()
  // A page that is opened again, with a code that is used up.
  const again = new Keychain()
  await new Client(CLIENT_INFO).connect(transportTo(share.url, again)).catch(() => undefined)
  if (again.opened !== undefined) heard.texts.push(String(await consent(again.opened, textField(person, 'code')).catch(String)))

  await use(share.shareUrl)
  await use(share.url, share.clientToken)
  await use(share.url, narrowed.value)
  await use(textField(key, 'share_url'))
  const secrets = [
    relay.ownerToken,
    textField(ann, 'owner_token'),
    share.clientToken,
    share.agentToken,
    keyIn(share.shareUrl),
    textField(client, 'token'),
    keyIn(textField(key, 'share_url')),
    textField(spare, 'token'),
    narrowed.value,
    textField(person, 'code'),
    keychain.kept?.access_token ?? '',
    keychain.kept?.refresh_token ?? '',
    serverSecret,
  ]
  expect(secrets.every((secret) => secret.length > 12)).toBe(true)
  for (const secret of secrets) await knock(relay, share, wrong(secret), heard)
  for (const path of ['shares', shares, `${shares}/tokens`, `${shares}/people`, `${shares}/sessions`, `${shares}/audit`, 'owners'])
    await heard.hear(await relay.api('GET', path))
  expect((await relay.api('DELETE', `${shares}/tokens/${textField(client, 'id')}`)).status).toBe(204)
  await heard.hear(await new RawClient(share.url, textField(client, 'token')).post('{"jsonrpc":"2.0","id":1,"method":"ping"}'))
  await heard.hear(await relay.api('DELETE', shares))

  const titles = descendants(relay.program.pid).concat(agent.program.pid, descendants(agent.program.pid)).map(titleOf)
  const [ready, ...logged] = relay.program.stdout.lines
  const said = [
    ...heard.texts,
    ...logged,
    ...relay.program.stderr.lines,
    ...agent.program.stdout.lines,
    ...agent.program.stderr.lines,
    ...titles,
  ]
  // The line that is for the owner, who has it nowhere else.
  expect(ready).toContain(relay.ownerToken)
  expect(said.length).toBeGreaterThan(100)
  for (const [at, secret] of secrets.entries())
    expect(
      said.filter((text) => text.includes(tellTale(secret))),
      `secret ${at}`,
    ).toEqual([])
})

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended, or there is no such file on this system.
    return ''
  }
}
