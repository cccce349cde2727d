/**
 * Servers that speak both eras, behind a share: each client meets the server of its own era, which can ask it for everything.
 *
 * Such a server has the tools `era` (`legacy` or `modern`), `pid`, and for `elicit`, `sample` and `roots` one that asks in the
 * way of 2026-07-28 (`elicit`) and one that asks in the way of the handshake era (`push-elicit`). Each answers with what the
 * client said, as text.
 */
import { toolText } from '../../harness/json.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { type Agent, type Command, createShare, type Relay, type Share, startAgent } from '../../harness/selfhost.ts'
import { ELICITED, ROOTS, SAMPLED, type TestClient } from '../../harness/test-client.ts'
import type { Proof } from '../proof.ts'

export interface BothErasServer {
  /** The library and its version. */
  readonly name: string
  readonly needs?: Proof['needs']
  /** Fetches and builds what the server needs, and says how it is started. */
  readonly command: () => Promise<Command>
  /** Tools of the list below that the library cannot have in an era, by its own making, and why. */
  readonly cannot?: { readonly [era in Era]?: Readonly<Record<string, string>> }
}

type Era = 'legacy' | 'modern'

/** What the text of a tool says once its client was asked. */
const ANSWERS: readonly (readonly [ask: string, answer: string])[] = [
  ['elicit', ELICITED.content.name],
  ['sample', SAMPLED.content.text],
  ['roots', ROOTS.roots[0]?.uri ?? ''],
]

const CLIENTS: readonly { readonly what: string; readonly era: Era; readonly connect: (share: Share) => Promise<TestClient> }[] = [
  { what: 'a client of 2025-11-25', era: 'legacy', connect: (share) => connectSdk1Http(share.shareUrl) },
  { what: 'a client over HTTP+SSE', era: 'legacy', connect: (share) => connectSdk1Sse(share.sseUrl, share.clientToken) },
  { what: 'a client of 2026-07-28', era: 'modern', connect: (share) => connectSdk2Http(share.url, share.clientToken, 'pinned') },
]

/** The tools by which a server can ask clients of an era, each with what the client answers. */
function asksOf(era: Era, cannot: Readonly<Record<string, string>>): (readonly [tool: string, answer: string])[] {
  const pushed = era === 'legacy' ? ANSWERS.map(([ask, answer]) => [`push-${ask}`, answer] as const) : []
  return [...ANSWERS, ...pushed].filter(([tool]) => cannot[tool] === undefined)
}

async function proveAsks(client: TestClient, era: Era, cannot: Readonly<Record<string, string>>): Promise<void> {
  const told = toolText(await client.callTool('era'))
  if (told !== era) throw new Error(`its server was opened as ${told}`)
  for (const [tool, answer] of asksOf(era, cannot)) {
    const result = await client.callTool(tool)
    if (result['isError'] === true || !toolText(result).includes(answer))
      throw new Error(`${tool}: no ${answer} in ${JSON.stringify(result)}`)
  }
}

/** Starts an agent, and waits until it has told the relay of both eras: clients that come sooner are served as it knows by then. */
export async function startKnown(share: Share, command: Command): Promise<Agent> {
  const agent = await startAgent(share, { command, args: ['--log-level', 'debug'] })
  let isKnown = false
  const told = (line: string): true | undefined => {
    isKnown ||= line.includes('"event":"era","era":"both"')
    return isKnown && line.includes('"event":"ready"') ? true : undefined
  }
  await agent.program.stderr.find(told, 'the era of the server')
  return agent
}

/** Ends the server; its agent knows of that then, and the relay may not. */
async function killServer(client: TestClient, agent: Agent): Promise<void> {
  process.kill(Number(toolText(await client.callTool('pid'))), 'SIGKILL')
  const killed = (line: string): true | undefined => (/"channel\.end".*"reason":"exit"/.test(line) ? true : undefined)
  await agent.program.stderr.find(killed, 'the end of the server')
}

/** The proofs that a server of both eras asks its client for everything, before and after its process was killed. */
export function bothErasProofs({ name, needs, command, cannot = {} }: BothErasServer): readonly Proof[] {
  return CLIENTS.map(({ what, era, connect }) => ({
    name: `${name}, a server of both eras, asks ${what}`,
    ...(needs && { needs }),
    run: async (relay: Relay) => {
      const started = await command()
      const share = await createShare(relay)
      await using agent = await startKnown(share, started)
      await using client = await connect(share)
      const limits = cannot[era] ?? {}
      await proveAsks(client, era, limits)
      await killServer(client, agent)
      await proveAsks(client, era, limits)
      for (const why of new Set(Object.values(limits))) {
        const tools = Object.keys(limits).filter((tool) => limits[tool] === why)
        console.log(`    left out: ${tools.join(', ')} (${why})`)
      }
    },
  }))
}
