/** The servers of both eras that are tried, and the one place where they are pinned. */
import { join } from 'node:path'
import { NODE, ROOT } from '../../harness/program.ts'
import type { Proof } from '../proof.ts'
import { fetched, needsUv, pythonScript } from '../uv.ts'
import { bothErasProofs } from './both-eras.ts'

const FASTMCP = 'fastmcp==4.2.3'
const FOLDER = join(ROOT, 'test/interop/servers')

/** FastMCP 4 refuses an InputRequiredResult on a connection of the handshake era, and says so. */
const HANDSHAKE_PUSHES = 'in the handshake era its tools ask by a request'

export const bothErasServerProofs: readonly Proof[] = [
  ...bothErasProofs({ name: '@modelcontextprotocol/server', command: async () => [NODE, join(FOLDER, 'sdk2-server.ts')] }),
  ...bothErasProofs({
    name: FASTMCP,
    needs: needsUv,
    command: () => fetched(pythonScript([FASTMCP], join(FOLDER, 'fastmcp_server.py'))),
    cannot: { legacy: { elicit: HANDSHAKE_PUSHES, sample: HANDSHAKE_PUSHES, roots: HANDSHAKE_PUSHES } },
  }),
]
