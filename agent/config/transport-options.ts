/** Reads how the link to the relay is carried, from options. Pure. */
import { POLL_MS } from '../../protocol/limits.ts'
import { AgentExit, EXIT } from '../exit.ts'
import { MAX_POLL_RETRY_MS } from '../limits.ts'
import { durationMs } from './duration.ts'

/** `auto`: a WebSocket, and polls where none gets through. */
export const TRANSPORTS = ['auto', 'websocket', 'poll'] as const

export interface RawTransportOptions {
  readonly transport?: string
  readonly pollTimeout?: string
  readonly pollRetryDelay?: string
  readonly websocketRetry?: string
}

export interface TransportSettings {
  readonly kind: (typeof TRANSPORTS)[number]
  readonly pollTimeoutMs: number
  readonly pollRetryMs: number
  /** How often a link that polls tries whether a WebSocket gets through by now. */
  readonly webSocketRetryMs: number
}

/** @throws {AgentExit} that names the option that is wrong. */
export function readTransport({
  transport = 'auto',
  pollTimeout = '30s',
  pollRetryDelay = '1s',
  websocketRetry = '5m',
}: RawTransportOptions): TransportSettings {
  const kind = TRANSPORTS.find((known) => known === transport)
  if (kind === undefined) throw usage(`--transport ${transport} must be one of: ${TRANSPORTS.join(', ')}.`)
  const pollTimeoutMs = durationMs('--poll-timeout', pollTimeout, 1000)
  if (pollTimeoutMs > POLL_MS) throw usage(`--poll-timeout ${pollTimeout} must be at most 30s, after which the relay answers.`)
  const pollRetryMs = durationMs('--poll-retry-delay', pollRetryDelay, 10)
  if (pollRetryMs > MAX_POLL_RETRY_MS)
    throw usage(`--poll-retry-delay ${pollRetryDelay} must be at most 10s, or the relay takes the agent for gone.`)
  return { kind, pollTimeoutMs, pollRetryMs, webSocketRetryMs: durationMs('--websocket-retry', websocketRetry, 1) }
}

function usage(message: string): AgentExit {
  return new AgentExit(EXIT.USAGE, 'USAGE', message)
}
