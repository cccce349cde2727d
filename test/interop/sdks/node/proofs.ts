/** Clients of the Node world: what frameworks make of MCP. */
import { join } from 'node:path'
import { NODE, ROOT } from '../../../harness/program.ts'
import { installed } from '../../npm-packages.ts'
import type { Proof } from '../../proof.ts'
import type { ForeignProgram, Way } from '../foreign-client.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

/** The releases that these proofs were written against. */
const AI_SDK = '@ai-sdk/mcp@2.0.99'
const LANGCHAIN = '@langchain/mcp-adapters@1.1.4'
const OPENAI_AGENTS = '@openai/agents@0.20.0'

/** The program of a library, once that is installed. */
async function clientOf(library: string, program: string): Promise<ForeignProgram> {
  const MCP_PACKAGES = await installed(program, [library])
  return { command: [NODE, join(ROOT, 'test/interop/sdks/node', `${program}.ts`)], env: { MCP_PACKAGES } }
}

function restarts(library: string, program: string, way: Way, limits: Pick<RestartPlan, 'asks' | 'reconnects' | 'server'>): Proof {
  return restartProof({ name: library, program: () => clientOf(library, program), ...way, ...limits })
}

const HTTP: Way = { transport: 'http', by: 'key' }
const SSE: Way = { transport: 'sse', by: 'bearer' }
const ENDS = 'its HTTP+SSE transport begins no new session'

export const nodeProofs: readonly Proof[] = [
  restarts(AI_SDK, 'ai-sdk-client', HTTP, { asks: ['elicitation'] }),
  restarts(AI_SDK, 'ai-sdk-client', HTTP, { asks: ['elicitation'], server: 'both eras' }),
  restarts(AI_SDK, 'ai-sdk-client', SSE, { asks: ['elicitation'], reconnects: ENDS }),
  restarts(LANGCHAIN, 'langchain-client', HTTP, { asks: [] }),
  restarts(LANGCHAIN, 'langchain-client', SSE, { asks: [], reconnects: ENDS }),
  restarts(OPENAI_AGENTS, 'openai-agents-client', HTTP, { asks: [] }),
  restarts(OPENAI_AGENTS, 'openai-agents-client', SSE, { asks: [], reconnects: ENDS }),
]
