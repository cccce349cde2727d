/** The relay as it is deployed, which notes when a call passes: at the Worker's door, at the Share's, and on the way back. */
import { type Env } from '../../../worker/env.ts'
import app, { Share as DeployedShare } from '../../../worker/index.ts'
import type { Gated } from '../../../worker/contract/trust/pass.ts'
import type { CallOutcome, CallRequest } from '../../../worker/contract/share-rpc.ts'
import type { Pass } from '../../../worker/contract/trust/trust-rpc.ts'

export { LongPollLink, Registry, SignIn } from '../../../worker/index.ts'

/** Name of the place, the call's id, milliseconds since 1970. Worker and object are one isolate here. */
const stamps: (readonly [string, string, number])[] = []
const ascii = new TextDecoder('latin1')

function note(place: string, id: string | undefined | null): void {
  if (id !== undefined && id !== null) stamps.push([place, id, Date.now()])
}

function idIn(bytes: Uint8Array): string | undefined {
  return /"id":(\d+)/.exec(ascii.decode(bytes))?.[1]
}

export class Share extends DeployedShare {
  override async call(pass: Pass, request: CallRequest): Promise<Gated<CallOutcome>> {
    note('share', idIn(request.body))
    return super.call(pass, request)
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== 'string') note('shareBack', idIn(new Uint8Array(message)))
    super.webSocketMessage(socket, message)
  }
}

const handler: ExportedHandler<Env> = {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === '/stamps') return Response.json(stamps)
    const id = request.headers.get('x-bench-call')
    note('worker', id)
    const response = await app.fetch(request, env, context)
    note('workerBack', id)
    return response
  },
}

export default handler
