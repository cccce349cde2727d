/** The Go SDK as a server of both eras: each client gets it in its own, and what it asks of them reaches them and comes back. */
import { join } from 'node:path'
import { toolText } from '../../harness/json.ts'
import { ROOT } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { createShare, type Relay, type Share, startAgent } from '../../harness/selfhost.ts'
import { ELICITED, ROOTS, SAMPLED, type TestClient } from '../../harness/test-client.ts'
import type { Proof } from '../proof.ts'
import { BUILD_CACHE, builtWith } from '../toolchains.ts'
import { bothErasProofs, startKnown } from './both-eras.ts'

const FOLDER = join(ROOT, 'test/interop/servers/go')
const SERVER = join(BUILD_CACHE, 'go/server')
const NAME = 'go-sdk 1.8.0'

const needsServer = builtWith({
  toolchain: ['go', 'version'],
  fetch: ['go', 'mod', '-C', FOLDER, 'download'],
  compile: ['go', 'build', '-C', FOLDER, '-o', SERVER, '.'],
})

/** What each client says when it is asked. */
const NAME_SAID = ELICITED.content.name
const GREETING_SAID = SAMPLED.content.text
const ROOT_SAID = ROOTS.roots[0]?.uri ?? ''
const ALL_SAID = [NAME_SAID, GREETING_SAID, ROOT_SAID]

const CLIENTS = {
  'a client of 2025-11-25': (share: Share) => connectSdk1Http(share.shareUrl),
  'a client of 2026-07-28': (share: Share) => connectSdk2Http(share.shareUrl, undefined, 'pinned'),
} as const satisfies Readonly<Record<string, (share: Share) => Promise<TestClient>>>

type ClientName = keyof typeof CLIENTS

function expectSaid(what: string, result: unknown, parts: readonly string[] = ALL_SAID): void {
  const text = JSON.stringify(result)
  for (const part of parts) if (!text.includes(part)) throw new Error(`${what}: no "${part}" in ${text.slice(0, 500)}`)
}

/** What the server does in either era: it asks from a tool, a prompt and a resource, and is one process all the while. */
async function proveAsks(client: TestClient): Promise<void> {
  const pid = toolText(await client.callTool('pid'))
  expectSaid('ask', await client.callTool('ask'))
  expectSaid('the prompt', await client.getPrompt('ask'))
  expectSaid('the resource', await client.readResource('ask://client'))
  expectSaid('ask once more', await client.callTool('ask'))
  const pidAfter = toolText(await client.callTool('pid'))
  if (pidAfter !== pid) throw new Error(`process ${pid} has become ${pidAfter}`)
}

/** What it can do only where it was opened with the handshake. */
async function proveLegacyAsks(client: TestClient): Promise<void> {
  expectSaid('a request in the middle of a call', await client.callTool('push-elicit'), [NAME_SAID])
  expectSaid('roots that were asked for outside all calls', await client.callTool('early-roots'), [ROOT_SAID])
}

/** What it can do only where it was opened without: its own stand-in for old clients asks one round and no more. */
async function proveModernAsks(client: TestClient): Promise<void> {
  expectSaid('two rounds', await client.callTool('ask-twice'), [NAME_SAID, GREETING_SAID])
}

interface Plan {
  readonly client: ClientName
  /** In which era the server has to be opened; without it, in the client's own. */
  readonly only?: 'legacy' | 'modern'
}

async function prove(relay: Relay, { client: name, only }: Plan): Promise<void> {
  const share = await createShare(relay)
  await using _agent = await (only === undefined
    ? startKnown(share, [SERVER])
    : startAgent(share, { command: [SERVER], args: ['--era', only] }))
  await using client = await CLIENTS[name](share)
  await proveAsks(client)
  const isLegacy = only === undefined ? name === 'a client of 2025-11-25' : only === 'legacy'
  await (isLegacy ? proveLegacyAsks(client) : proveModernAsks(client))
}

/** Clients of both eras on one share, at the same time. */
async function proveSideBySide(relay: Relay): Promise<void> {
  const share = await createShare(relay)
  await using _agent = await startKnown(share, [SERVER])
  await using old = await CLIENTS['a client of 2025-11-25'](share)
  await using young = await CLIENTS['a client of 2026-07-28'](share)
  await Promise.all([proveAsks(old), proveAsks(young), proveLegacyAsks(old), proveModernAsks(young)])
}

function proof(plan: Plan): Proof {
  const opened = plan.only === undefined ? '' : `, opened as ${plan.only}`
  return {
    name: `${NAME}, a server of both eras, asks ${plan.client} from tools, prompts and resources${opened}`,
    needs: needsServer,
    run: (relay) => prove(relay, plan),
  }
}

export const goServerProofs: readonly Proof[] = [
  ...bothErasProofs({ name: NAME, needs: needsServer, command: () => Promise.resolve([SERVER]) }),
  proof({ client: 'a client of 2025-11-25' }),
  proof({ client: 'a client of 2026-07-28' }),
  proof({ client: 'a client of 2025-11-25', only: 'modern' }),
  proof({ client: 'a client of 2026-07-28', only: 'legacy' }),
  { name: `${NAME}, a server of both eras, asks clients of both at once`, needs: needsServer, run: proveSideBySide },
]
