/** Clients written in Go. */
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

function goSdk(name: string, { env = {}, ...plan }: Options): Proof {
  const command = join(BUILT, 'official')
  return restartProof({ name, needs: needsGo, program: () => Promise.resolve({ command: [command], env }), ...plan })
}

export const goProofs: readonly Proof[] = [
  goSdk('go-sdk 1.8.0', { transport: 'http', by: 'key', asks: ASKS_ALL }),
  goSdk('go-sdk 1.8.0 of 2025-11-25', { transport: 'http', by: 'bearer', asks: ASKS_ALL, env: LEGACY }),
  goSdk('go-sdk 1.8.0', { transport: 'sse', by: 'key', asks: ASKS_ALL, reconnects: 'its event stream is opened once' }),
]
