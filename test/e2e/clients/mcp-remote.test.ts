/** `mcp-remote` as hosts run it: stdio on one side, our URL on the other. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeClient } from './client-suite.ts'
import { NODE, ROOT } from '../../harness/program.ts'
import { connectSdk1Stdio } from '../../harness/sdk1-client.ts'

const PROXY = join(ROOT, 'node_modules/mcp-remote/dist/proxy.js')
const ENV = { HOME: tmpdir(), MCP_REMOTE_CONFIG_DIR: join(tmpdir(), `mcp-remote-${process.pid}`) }

describeClient('mcp-remote', (share) =>
  connectSdk1Stdio([NODE, PROXY, share.url, '--header', `Authorization: Bearer ${share.clientToken}`], ENV),
)
