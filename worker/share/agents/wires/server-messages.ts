/** What becomes of what a server behind an agent of another make says unasked. No I/O, no clock. */
import type { MessageFacts } from '../../../../protocol/json/json-scan.ts'
import { type ForeignCalls, keyOfForeignId } from './foreign-calls.ts'
import { NO_ASKING, PONG_OUTCOME } from './foreign-messages.ts'
import type { Outbound } from './message-parts.ts'

/** To whom a notification goes: progress to the call that it is of, all else to each channel that the one server serves. */
export function notificationsOf(facts: MessageFacts, calls: ForeignCalls, channels: Iterable<string>): Outbound[] {
  const { method, progressToken, progress, uri } = facts
  if (method === 'notifications/cancelled') return []
  if (method !== 'notifications/progress')
    return [...channels].map((ch) => ({ type: 'notification', ch, method, ...(uri === undefined ? {} : { uri }) }))
  const key = progressToken === undefined ? undefined : keyOfForeignId(progressToken.raw)
  const call = key === undefined ? undefined : calls.get(key)
  if (call === undefined || progressToken === undefined) return []
  const spans = { token: progressToken.span, ...(progress === undefined ? {} : { progress: progress.span }) }
  return [{ type: 'notification', ch: call.ch, method, ra: call.ra, sure: true, ...spans }]
}

/** How a request of the server is answered: one server for all callers cannot ask one of them. */
export function refusalOf({ method, id }: MessageFacts): string {
  return `{"jsonrpc":"2.0","id":${id?.raw ?? 'null'},${method === 'ping' ? PONG_OUTCOME : NO_ASKING}}`
}
