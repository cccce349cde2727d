/** Clients of the Python world: the official SDK and what frameworks make of it. */
import { join } from 'node:path'
import { ROOT, run } from '../../../harness/program.ts'
import { type Command, createShare, fixture, type Relay, startAgent } from '../../../harness/selfhost.ts'
import type { Proof } from '../../proof.ts'
import { fetched, needsUv, pythonScript, UV_MS } from '../../uv.ts'
import type { ForeignProgram, Way } from '../foreign-client.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

/** The releases that these proofs were written against. */
const OFFICIAL_SDK = 'mcp==2.3.0'
const FASTMCP = 'fastmcp==4.2.3'
const LANGCHAIN = 'langchain-mcp-adapters==0.3.2'
const OPENAI_AGENTS = 'openai-agents==0.24.0'
const PYDANTIC_AI = 'pydantic-ai-slim[mcp]==2.66.0'

function script(name: string, ...packages: readonly string[]): Command {
  return pythonScript(packages, join(ROOT, 'test/interop/sdks/python', `${name}.py`))
}

async function proveFeatures(relay: Relay, transport: string, path: 'mcp' | 'sse'): Promise<void> {
  const share = await createShare(relay)
  await using _agent = await startAgent(share, { command: fixture('echo') })
  const url = share.shareUrl.replace(/\/mcp$/, `/${path}`)
  const [name, ...args] = await fetched(script('official_sdk_features', OFFICIAL_SDK))
  const exit = await run(name, [...args, transport, url], { boundMs: UV_MS })
  for (const line of exit.stdout.split('\n').filter(Boolean)) console.log(`    ${line}`)
  if (exit.code !== 0) throw new Error(exit.stderr.split('\n').slice(-15).join('\n'))
}

type Limits = Pick<RestartPlan, 'asks' | 'reconnects' | 'hasSessionPerCall' | 'server'>

function restarts(name: string, command: Command, way: Way, limits: Limits, env: Readonly<Record<string, string>> = {}): Proof {
  const program = async (): Promise<ForeignProgram> => ({ command: await fetched(command), env })
  return restartProof({ name, needs: needsUv, program, ...way, ...limits })
}

const ALL = ['elicitation', 'sampling', 'roots'] as const
const HTTP: Way = { transport: 'http', by: 'key' }
const SSE: Way = { transport: 'sse', by: 'bearer' }
const ENDS = 'its HTTP+SSE transport opens its stream once'

const officialSdk = script('official_sdk', OFFICIAL_SDK)
const fastMcp = script('fastmcp_client', FASTMCP)
const langChain = script('langchain_adapter', LANGCHAIN)
const openAiAgents = script('openai_agents', OPENAI_AGENTS)
const pydanticAi = script('pydantic_toolset', PYDANTIC_AI)

export const pythonProofs: readonly Proof[] = [
  { name: `${OFFICIAL_SDK} over Streamable HTTP`, needs: needsUv, run: (relay) => proveFeatures(relay, 'streamable-http', 'mcp') },
  { name: `${OFFICIAL_SDK} over HTTP+SSE`, needs: needsUv, run: (relay) => proveFeatures(relay, 'sse', 'sse') },
  { name: `${OFFICIAL_SDK}, its high-level client`, needs: needsUv, run: (relay) => proveFeatures(relay, 'auto', 'mcp') },
  restarts(OFFICIAL_SDK, officialSdk, HTTP, { asks: ALL }),
  restarts(OFFICIAL_SDK, officialSdk, SSE, { asks: ALL, reconnects: ENDS }),
  restarts(`${OFFICIAL_SDK} as a client of 2026-07-28`, officialSdk, HTTP, { asks: ALL }, { MCP_ERA: 'modern' }),
  restarts(`${OFFICIAL_SDK} as a client of 2026-07-28`, officialSdk, HTTP, { asks: ALL, server: 'both eras' }, { MCP_ERA: 'modern' }),
  restarts(FASTMCP, fastMcp, HTTP, { asks: ALL }),
  restarts(FASTMCP, fastMcp, HTTP, { asks: ALL, server: 'both eras' }),
  restarts(FASTMCP, fastMcp, SSE, { asks: ALL, reconnects: ENDS }),
  restarts(LANGCHAIN, langChain, HTTP, { asks: ['elicitation'] }),
  restarts(LANGCHAIN, langChain, HTTP, { asks: ['elicitation'], server: 'both eras' }),
  restarts(
    `${LANGCHAIN} with a session for each call`,
    langChain,
    HTTP,
    { asks: ['elicitation'], hasSessionPerCall: true },
    { MCP_SESSIONS: 'each' },
  ),
  restarts(LANGCHAIN, langChain, SSE, { asks: ['elicitation'], reconnects: ENDS }),
  restarts(OPENAI_AGENTS, openAiAgents, HTTP, { asks: [] }),
  restarts(OPENAI_AGENTS, openAiAgents, SSE, { asks: [], reconnects: ENDS }),
  restarts(PYDANTIC_AI, pydanticAi, HTTP, { asks: ALL }),
  restarts(PYDANTIC_AI, pydanticAi, SSE, { asks: ALL, reconnects: ENDS }),
]
