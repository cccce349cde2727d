/** A link that goes by polls from its beginning to its end. Never begins again. */
import { err, ok, type Result } from '../../protocol/result.ts'
import { POLL_SLACK_MS } from '../limits.ts'
import { type LinkEnd, type LinkHandlers, type LinkOptions, serveLink } from './link.ts'
import { PollRequests } from './poll-requests.ts'
import { PollSocket, type PollTimes } from './poll-socket.ts'
import { unreachableReason } from './unreachable.ts'

/** Registers once. Resolves, never rejects, when there is no link or none any more. `registered` is called once the relay has let this agent in. */
export async function pollOnce(options: LinkOptions, times: PollTimes, handlers: LinkHandlers, registered: () => void): Promise<LinkEnd> {
  const { signal } = options
  if (signal.aborted) return { kind: 'unreachable', reason: 'stopped' }
  const requests = new PollRequests(options)
  try {
    const session = await register(requests, signal)
    if (!session.ok) return session.error
    registered()
    const socket = new PollSocket(requests, session.value, times)
    const cancel = (): void => socket.terminate()
    signal.addEventListener('abort', cancel, { once: true })
    // Each poll that comes back is a sign of life, so that pings are for what outlasts one.
    const keepaliveMs = Math.max(options.keepaliveMs, times.pollTimeoutMs + POLL_SLACK_MS)
    const end = await serveLink(socket, { ...options, keepaliveMs }, handlers)
    signal.removeEventListener('abort', cancel)
    return end
  } finally {
    requests.close()
  }
}

async function register(requests: PollRequests, signal: AbortSignal): Promise<Result<string, LinkEnd>> {
  try {
    const answer = await requests.register(signal)
    if (answer.kind === 'refused') return err(answer)
    const session = answer.kind === 'body' ? sessionIn(answer.body) : undefined
    if (session !== undefined) return ok(session)
    const contentType = answer.kind === 'body' ? answer.contentType : ''
    return err({ kind: 'refused', status: answer.kind === 'body' ? 200 : 204, detail: '', contentType })
  } catch (error) {
    return err({ kind: 'unreachable', reason: unreachableReason(error) })
  }
}

function sessionIn(body: Buffer): string | undefined {
  try {
    const { session_id: session } = JSON.parse(body.toString('utf8')) as { readonly session_id?: unknown }
    return typeof session === 'string' ? session : undefined
  } catch {
    return undefined
  }
}
