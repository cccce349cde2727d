/** mr-pilot's slave, unmodified, behind a share: calls of two clients with equal ids, and a share that lives on when its slave is killed. Its reviewer is a program of ours. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { Program } from '../../harness/program.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { createShare, type Relay, StateFolder, untilPinned } from '../../harness/selfhost.ts'
import { installed } from '../npm-packages.ts'
import type { Proof } from '../proof.ts'
import { publicFile } from './public-files.ts'
import { proveApart, untilServed } from './served.ts'

const REPOSITORY = 'javimosch/mr-pilot@7d5d26fe6b0feb836dca05cad634dbf7fb7269ac'
const PACKAGES = ['ws@8.18.3']
const TOOL = 'review_merge_request'

/** Stands for the reviewer that the slave runs, whose report has a score: the number of what it reviews. */
const REVIEWER = `#!/bin/sh
echo "MR REVIEW REPORT"
echo "Goal Status: met"
echo "Quality Score: $1"
`

async function prove(relay: Relay): Promise<void> {
  const file = await publicFile(REPOSITORY, 'mcp-server/server.js')
  const packages = await installed('mr-pilot', PACKAGES)
  await using folder = await StateFolder.create()
  // Where it finds its library. What a folder of modules would take for ESM is CommonJS.
  const home = join(packages, 'slave')
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'package.json'), '{"type":"commonjs"}')
  await copyFile(file, join(home, 'server.js'))
  await writeFile(join(folder.path, 'mr-pilot'), REVIEWER)
  await chmod(join(folder.path, 'mr-pilot'), 0o755)
  const share = await createShare(relay)
  const env = {
    NODE_ENV: 'production',
    PATH: `${folder.path}${delimiter}${process.env['PATH'] ?? ''}`,
    PROXY_SLAVE: '1',
    SLAVE_CODE: share.id,
    PROXY_SERVER_URL: `${relay.origin.replace('http', 'ws')}/mr-pilot/${share.id}/${share.agentToken}`,
    MCP_SERVER_PORT: '0',
  }
  const spawn = (): Program => new Program(process.execPath, [join(home, 'server.js')], { cwd: folder.path, env })
  const slave = spawn()
  try {
    await untilServed(share)
    await untilPinned(share)
    await using one = await connectSdk1Http(share.url, share.clientToken)
    await using two = await connectSdk1Http(share.url, share.clientToken)
    const tell = (text: string) => ({ args: { mrUrlOrId: `1${text}` }, answer: `"score": 1${text},` })
    await proveApart([one, two], TOOL, tell, 5)
    await slave.kill9()
    await using again = spawn()
    await untilServed(share)
    await proveApart([two], TOOL, tell, 1)
    await again.kill9()
  } finally {
    await slave.kill9()
  }
}

export const mrPilotProofs: readonly Proof[] = [{ name: `mr-pilot (slave, ${REPOSITORY.slice(-40, -32)})`, run: prove }]
