/** The ways to one web app that are measured side by side: ours, pipenet's, and none but the loopback interface. */
import { join } from 'node:path'
import { asObject, textField } from '../../test/harness/json.ts'
import { NODE } from '../../test/harness/program.ts'
import { createShare, type Share, startAgent, startRelay } from '../../test/harness/selfhost.ts'
import { freePort, portOpen, Processes } from '../contenders/contender.ts'
import { pipenet } from '../contenders/peers.ts'
import { CHILD_FILE } from '../profile/relay.ts'
import type { WebEndpoint } from './client.ts'

export interface Ways {
  readonly direct: WebEndpoint
  readonly pipenet: WebEndpoint
  /** On the app's own host, with a bearer token. */
  readonly ours: WebEndpoint
  /** MCP URL of the same share, whose agent has the bench's own server beside the app. */
  readonly share: Share
}

/** Starts the app and the ways to it, all of which `ending` ends. */
export async function openWays(ending: AsyncDisposableStack): Promise<Ways> {
  const processes = ending.use(new Processes())
  const appPort = await freePort()
  processes.start(NODE, [join(import.meta.dirname, 'app-server.ts'), String(appPort)], 'node bench/web/app-server.ts')
  await portOpen(appPort)
  const { endpoint } = await pipenet(processes, appPort)
  const relay = ending.use(await startRelay())
  const share = await createShare(relay)
  const origin = `http://127.0.0.1:${appPort}`
  ending.use(await startAgent(share, { command: [NODE, CHILD_FILE], args: ['--http', origin] }))
  const { port } = new URL(relay.origin)
  return {
    direct: { port: appPort, host: `127.0.0.1:${appPort}` },
    pipenet: { port: endpoint.port, host: endpoint.host ?? '' },
    ours: {
      port: Number(port),
      host: `${share.id}-app.localhost:${port}`,
      headers: { authorization: `Bearer ${await webToken(share)}` },
    },
    share,
  }
}

async function webToken({ relay, id }: Share): Promise<string> {
  const made = await relay.api('POST', `shares/${id}/tokens`, { kind: 'client', name: 'bench', policy: { access: 'admin' } })
  if (made.status !== 201) throw new Error(`the token was not made: ${made.status} ${await made.text()}`)
  return textField(asObject(await made.json()), 'token')
}
