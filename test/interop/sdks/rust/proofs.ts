/** A client written in Rust: rmcp, the official SDK, which has no HTTP+SSE. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const BUILT = join(BUILD_CACHE, 'rust')
const MANIFEST = join(ROOT, 'test/interop/sdks/rust/Cargo.toml')
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

const needsCargo = builtWith(
  ['cargo', '--version'],
  ['cargo', 'build', '--quiet', '--locked', '--manifest-path', MANIFEST, '--target-dir', BUILT],
)

function rmcp(name: string, by: RestartPlan['by'], env: Readonly<Record<string, string>>): Proof {
  const command = join(BUILT, 'debug/rmcp-client')
  const program: RestartPlan['program'] = () => Promise.resolve({ command: [command], env })
  return restartProof({ name, needs: needsCargo, program, by, transport: 'http', asks: ASKS_ALL })
}

export const rustProofs: readonly Proof[] = [
  rmcp('rmcp 3.11.0', 'key', {}),
  rmcp('rmcp 3.11.0 of 2026-07-28', 'bearer', { MCP_LIFECYCLE: 'auto' }),
]
