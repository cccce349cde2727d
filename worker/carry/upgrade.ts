/** Asks an object of a share for a socket: a stream's, that of an agent's link, or of a request that goes to a web app or an upstream. */
import { type Gated, VERDICT_STATUS } from '../contract/trust/pass.ts'
import type { ShareObject } from '../contract/objects.ts'
import type { PassVerdict } from '../contract/trust/trust-rpc.ts'

export async function upgraded(
  stub: DurableObjectStub<ShareObject>,
  path: 'stream' | 'agent',
  query: Readonly<Record<string, string>>,
): Promise<Gated<Response>> {
  // What a client shows for its server stands in no URL, and no stream needs it.
  const { authorization: _, ...told } = query
  const url = `https://share/${path}?${new URLSearchParams(told).toString()}`
  const response = await stub.fetch(url, { headers: { upgrade: 'websocket' } })
  return response.status === VERDICT_STATUS ? response.json<PassVerdict>() : response
}

/** Why a Share does not begin a request to a web app or an upstream. */
export interface RequestRefused {
  readonly code: 'AGENT_AWAY' | 'SHARE_BUSY' | 'NO_WEB_APP' | 'SHARE_NOT_FOUND'
}

/** The socket that was asked for; undefined when it was not given. */
export function socketIn({ webSocket }: Response): WebSocket | undefined {
  if (webSocket === null) return undefined
  webSocket.binaryType = 'arraybuffer'
  return webSocket
}

/** The socket of such a request, or why it is not begun. */
export async function requestSocketIn(response: Response): Promise<WebSocket | RequestRefused> {
  const socket = socketIn(response)
  if (socket !== undefined) return socket
  return response.status === 503 ? response.json<RequestRefused>() : { code: 'SHARE_NOT_FOUND' }
}
