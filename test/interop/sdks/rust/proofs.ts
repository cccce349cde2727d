/** A client written in Rust: rmcp, the official SDK, which has no HTTP+SSE. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { lostCallProof } from '../lost-calls.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const BUILT = join(BUILD_CACHE, 'rust')
const MANIFEST = join(ROOT, 'test/interop/sdks/rust/Cargo.toml')
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

const needsCargo = builtWith({
  toolchain: ['cargo', '--version'],
  fetch: ['cargo', 'fetch', '--locked', '--manifest-path', MANIFEST],
  compile: ['cargo', 'build', '--quiet', '--locked', '--manifest-path', MANIFEST, '--target-dir', BUILT],
})

type Plan = Pick<RestartPlan, 'name' | 'needs' | 'program' | 'by' | 'transport'>

function rmcp(name: string, by: Plan['by'], env: Readonly<Record<string, string>>): Plan {
  const command = join(BUILT, 'debug/rmcp-client')
  return { name, needs: needsCargo, program: () => Promise.resolve({ command: [command], env }), by, transport: 'http' }
}

const byHandshake = rmcp('rmcp 3.11.0', 'key', {})
const modern = rmcp('rmcp 3.11.0 of 2026-07-28', 'bearer', { MCP_LIFECYCLE: 'auto' })

export const rustProofs: readonly Proof[] = [
  restartProof({ ...byHandshake, asks: ASKS_ALL }),
  restartProof({ ...modern, asks: ASKS_ALL }),
  restartProof({ ...modern, asks: ASKS_ALL, server: 'both eras' }),
  lostCallProof({ ...byHandshake, resumes: true }),
  lostCallProof(modern),
]
