/** The servers of both eras that are tried, and the one place where they are pinned. */
import { join } from 'node:path'
import { NODE, ROOT, run } from '../../harness/program.ts'
import type { Command } from '../../harness/selfhost.ts'
import type { Proof } from '../proof.ts'
import { needsUv, pythonScript, UV_MS } from '../uv.ts'
import { bothErasProofs } from './both-eras.ts'

const FASTMCP = 'fastmcp==4.2.3'
const FOLDER = join(ROOT, 'test/interop/servers')

async function fastMcpServer(): Promise<Command> {
  // The first start downloads; the share's own time limits are not meant for that.
  const command = pythonScript([FASTMCP], join(FOLDER, 'fastmcp_server.py'))
  const [name, ...args] = command
  const warm = await run(name, [...args.slice(0, -1), '-c', ''], { boundMs: UV_MS })
  if (warm.code !== 0) throw new Error(warm.stderr)
  return command
}

/** FastMCP 4 refuses an InputRequiredResult on a connection of the handshake era, and says so. */
const HANDSHAKE_PUSHES = 'in the handshake era its tools ask by a request'

export const bothErasServerProofs: readonly Proof[] = [
  ...bothErasProofs({ name: '@modelcontextprotocol/server', command: async () => [NODE, join(FOLDER, 'sdk2-server.ts')] }),
  ...bothErasProofs({
    name: FASTMCP,
    needs: needsUv,
    command: fastMcpServer,
    cannot: { legacy: { elicit: HANDSHAKE_PUSHES, sample: HANDSHAKE_PUSHES, roots: HANDSHAKE_PUSHES } },
  }),
]
