/** Clients written in Go: the official SDK, and mcp-go. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { lostCallProof } from '../lost-calls.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const FOLDER = join(ROOT, 'test/interop/sdks/go')
const BUILT = join(BUILD_CACHE, 'go/clients')
const LEGACY = { MCP_REVISION: '2025-11-25' }
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

const needsGo = builtWith({
  toolchain: ['go', 'version'],
  fetch: ['go', 'mod', '-C', FOLDER, 'download'],
  compile: ['go', 'build', '-C', FOLDER, '-o', `${BUILT}/`, './...'],
})

type Plan = Pick<RestartPlan, 'name' | 'needs' | 'program' | 'by' | 'transport'>

function plan(name: string, binary: string, way: Pick<Plan, 'by' | 'transport'>, env: Readonly<Record<string, string>> = {}): Plan {
  return { name, needs: needsGo, program: () => Promise.resolve({ command: [join(BUILT, binary)], env }), ...way }
}

const goSdk = plan('go-sdk 1.8.0', 'official', { transport: 'http', by: 'key' })
const goSdkLegacy = plan('go-sdk 1.8.0 of 2025-11-25', 'official', { transport: 'http', by: 'bearer' }, LEGACY)
const goSdkSse = plan('go-sdk 1.8.0', 'official', { transport: 'sse', by: 'key' })
const mcpGo = plan('mcp-go 1.2.1', 'mark3labs', { transport: 'http', by: 'key' })
const mcpGoLegacy = plan('mcp-go 1.2.1 of 2025-11-25', 'mark3labs', { transport: 'http', by: 'bearer' }, LEGACY)
const mcpGoSse = plan('mcp-go 1.2.1', 'mark3labs', { transport: 'sse', by: 'bearer' })

const OPENED_ONCE = 'its event stream is opened once'

export const goProofs: readonly Proof[] = [
  restartProof({ ...goSdk, asks: ASKS_ALL }),
  // As a client of 2026-07-28 it cannot read the ask for roots of the server of both eras, which has no params.
  restartProof({ ...goSdkLegacy, asks: ASKS_ALL, server: 'both eras' }),
  restartProof({ ...goSdkLegacy, asks: ASKS_ALL }),
  restartProof({ ...goSdkSse, asks: ASKS_ALL, reconnects: OPENED_ONCE }),
  restartProof({ ...mcpGo, asks: ASKS_ALL }),
  restartProof({ ...mcpGo, asks: ASKS_ALL, server: 'both eras' }),
  restartProof({ ...mcpGoLegacy, asks: ASKS_ALL }),
  // Over this transport the library takes what the server asks for an answer that nobody waits for.
  restartProof({ ...mcpGoSse, asks: [], reconnects: OPENED_ONCE }),
  lostCallProof(goSdk),
  lostCallProof({ ...goSdkLegacy, resumes: true }),
  lostCallProof({ ...goSdkSse, spared: OPENED_ONCE }),
  lostCallProof(mcpGo),
  lostCallProof(mcpGoLegacy),
  lostCallProof({ ...mcpGoSse, spared: OPENED_ONCE }),
]
