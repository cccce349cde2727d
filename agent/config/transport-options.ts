/** Reads how the link to the relay is carried, from options. No I/O but through what it is given. */
import { rootCertificates } from 'node:tls'
import { POLL_MS } from '../../protocol/limits.ts'
import { usageError } from '../exit.ts'
import { MAX_POLL_RETRY_MS } from '../limits.ts'
import { durationMs } from './option-values.ts'
import { allOf, Faults } from './faults.ts'

/** `auto`: a WebSocket, and polls where none gets through. */
export const TRANSPORTS = ['auto', 'websocket', 'poll'] as const

export interface RawTransportOptions {
  readonly transport?: string
  readonly pollTimeout?: string
  readonly pollRetryDelay?: string
  readonly websocketRetry?: string
  /** Files. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface TransportSettings {
  readonly kind: (typeof TRANSPORTS)[number]
  readonly pollTimeoutMs: number
  readonly pollRetryMs: number
  /** How often a link that polls tries whether a WebSocket gets through by now. */
  readonly webSocketRetryMs: number
}

/** Certificates for the relay's TLS, in PEM: whom to trust, and who the agent is. */
export interface TlsFiles {
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
}

/** @throws {AgentExit} that names each option that is wrong. */
export function readTransport({
  transport = 'auto',
  pollTimeout = '30s',
  pollRetryDelay = '1s',
  websocketRetry = '5m',
}: RawTransportOptions): TransportSettings {
  return allOf({
    kind: () => {
      const kind = TRANSPORTS.find((known) => known === transport)
      if (kind === undefined) throw usageError(`--transport ${transport} must be one of: ${TRANSPORTS.join(', ')}.`)
      return kind
    },
    pollTimeoutMs: () => {
      const pollTimeoutMs = durationMs('--poll-timeout', pollTimeout, 1000)
      if (pollTimeoutMs > POLL_MS) throw usageError(`--poll-timeout ${pollTimeout} must be at most 30s, after which the relay answers.`)
      return pollTimeoutMs
    },
    pollRetryMs: () => {
      const pollRetryMs = durationMs('--poll-retry-delay', pollRetryDelay, 10)
      if (pollRetryMs > MAX_POLL_RETRY_MS)
        throw usageError(`--poll-retry-delay ${pollRetryDelay} must be at most 10s, or the relay takes the agent for gone.`)
      return pollRetryMs
    },
    webSocketRetryMs: () => durationMs('--websocket-retry', websocketRetry, 1),
  })
}

/**
 * Certificates beside those that Node trusts, whom it trusts still; undefined where none are named. `readText`: the text of the file that an option names.
 *
 * @throws {AgentExit} that names each option that is wrong.
 */
export function readTls({ ca, cert, key }: RawTransportOptions, readText: (option: string, path: string) => string): TlsFiles | undefined {
  if (ca === undefined && cert === undefined && key === undefined) return undefined
  const faults = new Faults()
  if ((cert === undefined) !== (key === undefined)) faults.add(usageError('--cert and --key belong together. Give both.'))
  const read = (option: string, path: string | undefined, label: string): string[] =>
    path === undefined ? [] : faults.collect(() => readPem(option, path, label, readText))
  const [[trusted], [shown], [secret]] = [
    read('--ca', ca, 'CERTIFICATE'),
    read('--cert', cert, 'CERTIFICATE'),
    read('--key', key, 'PRIVATE KEY'),
  ]
  faults.throwAny()
  return {
    ...(trusted !== undefined && { ca: [...rootCertificates, trusted] }),
    ...(shown !== undefined && secret !== undefined && { cert: shown, key: secret }),
  }
}

function readPem(option: string, path: string, label: string, readText: (option: string, path: string) => string): string {
  const text = readText(option, path)
  // A private key may say of which kind it is.
  if (new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text)) return text
  throw usageError(`${option} ${path} holds no ${label.toLowerCase()} in PEM.`)
}
