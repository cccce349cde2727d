/** Which Node this needs: whoever runs an older one is told so in words, before something fails that it does not have. */
import { AgentExit, EXIT } from './exit.ts'

/** The oldest Node release line whose language and library we use. */
const MIN_NODE_MAJOR = 22

/** @throws {AgentExit} for an older one. `version`: as in `process.versions.node`. */
export function requireNode(version: string): void {
  if (Number(version.split('.')[0]) >= MIN_NODE_MAJOR) return
  throw new AgentExit(EXIT.USAGE, 'NODE_TOO_OLD', `this needs Node ${MIN_NODE_MAJOR} or later, and is run by ${version}: update Node`)
}
