/** Clients written in Go: the official SDK, and mcp-go. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const BUILT = join(BUILD_CACHE, 'go/clients')
const LEGACY = { MCP_REVISION: '2025-11-25' }
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

const needsGo = builtWith(['go', 'version'], ['go', 'build', '-C', join(ROOT, 'test/interop/sdks/go'), '-o', `${BUILT}/`, './...'])

type Options = Pick<RestartPlan, 'by' | 'transport' | 'asks' | 'reconnects'> & { readonly env?: Readonly<Record<string, string>> }

function through(name: string, program: string, { env = {}, ...plan }: Options): Proof {
  const command = join(BUILT, program)
  return restartProof({ name, needs: needsGo, program: () => Promise.resolve({ command: [command], env }), ...plan })
}

const goSdk = (name: string, options: Options): Proof => through(`go-sdk 1.8.0${name}`, 'official', options)
const mcpGo = (name: string, options: Options): Proof => through(`mcp-go 1.2.1${name}`, 'mark3labs', options)

export const goProofs: readonly Proof[] = [
  goSdk('', { transport: 'http', by: 'key', asks: ASKS_ALL }),
  goSdk(' of 2025-11-25', { transport: 'http', by: 'bearer', asks: ASKS_ALL, env: LEGACY }),
  goSdk('', { transport: 'sse', by: 'key', asks: ASKS_ALL, reconnects: 'its event stream is opened once' }),
  mcpGo('', { transport: 'http', by: 'key', asks: ASKS_ALL }),
  mcpGo(' of 2025-11-25', { transport: 'http', by: 'bearer', asks: ASKS_ALL, env: LEGACY }),
  // Over this transport the library takes what the server asks for an answer that nobody waits for.
  mcpGo('', { transport: 'sse', by: 'bearer', asks: [], reconnects: 'its event stream is opened once' }),
]
