/** Keeps a link up: decides what the end of one means, when to dial again and when to give up. No socket, no clock of its own. */
import { CLOSE } from '../../protocol/handshake.ts'
import { GRACE_MS } from '../../protocol/limits.ts'
import type { Backoff } from './backoff.ts'
import { AgentExit, EXIT } from '../exit.ts'
import { DIAL_MS, FIRST_REDIAL_MS, HEALTHY_MS, RECONNECT_AWAITED_MAX_MS } from '../limits.ts'
import type { LinkEnd } from './link.ts'
import type { Log } from '../log.ts'
import { finalRefusal, strangerFacts } from './refusal.ts'

interface ReconnectOptions {
  /** Dials, for so many milliseconds at most, and serves. */
  readonly connect: (dialMs: number) => Promise<LinkEnd>
  readonly backoff: Backoff
  /** Whether being replaced or refused by name is final: it is on the first lane of a share, which the others follow. */
  readonly isFirstLane: boolean
  /** Failures in a row after which to give up; 0: never. */
  readonly maxRetries: number
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Waits; ends early, and never rejects, with the loop's signal. */
  readonly pause: (ms: number) => Promise<void>
  /** Ends the loop. */
  readonly signal: AbortSignal
}

/**
 * Keeps a link up until the signal.
 *
 * @throws {AgentExit} when the relay has ended this agent for good, or the retries are spent.
 */
export async function keepConnected({
  connect,
  backoff,
  isFirstLane,
  maxRetries,
  log,
  now,
  pause,
  signal,
}: ReconnectOptions): Promise<void> {
  /** When the last link that let us in ended. */
  let lostMs = -Infinity
  let dialMs = DIAL_MS
  for (;;) {
    const end = await connect(dialMs)
    if (signal.aborted) return
    const final = isFirstLane || !isDisplaced(end) ? finalExit(end) : undefined
    if (final !== undefined) throw final
    if (end.kind === 'closed' && end.livedMs >= HEALTHY_MS) backoff.reset()
    const isLost = end.kind === 'closed' && end.livedMs > 0
    if (isLost) lostMs = now()
    dialMs = isLost ? FIRST_REDIAL_MS : DIAL_MS
    if (maxRetries > 0 && backoff.failures >= maxRetries)
      throw new AgentExit(
        EXIT.UNREACHABLE,
        'RELAY_UNREACHABLE',
        `The relay could not be reached in ${maxRetries + 1} attempts: ${describeEnd(end)}.`,
      )
    const waitMs = backoff.nextMs(now() - lostMs < GRACE_MS ? RECONNECT_AWAITED_MAX_MS : Infinity)
    log.warn('link.lost', { reason: describeEnd(end), retryMs: waitMs, ...(end.kind === 'refused' && strangerFacts(end)) })
    await pause(waitMs)
    if (signal.aborted) return
  }
}

/** Whether a link ended in favour of another agent. */
export function isDisplaced(end: LinkEnd): boolean {
  return end.kind === 'closed' && (end.code === CLOSE.REPLACED || end.code === CLOSE.NAME_REFUSED)
}

/** The exit that an end of a link means, or undefined where dialling again may help. */
function finalExit(end: LinkEnd): AgentExit | undefined {
  if (end.kind === 'refused') return finalRefusal(end)
  if (end.kind !== 'closed') return undefined
  switch (end.code) {
    case CLOSE.REPLACED:
      return new AgentExit(
        EXIT.ENDED,
        'REPLACED',
        "Another agent took this one's place. To serve a share with several, give each its own --name and --replica.",
      )
    case CLOSE.NAME_REFUSED:
      return new AgentExit(
        EXIT.ENDED,
        'NAME_REFUSED',
        'Another agent serves this share. Join it with --replica, or take its place with --replace.',
      )
    case CLOSE.SHARE_GONE:
      return new AgentExit(
        EXIT.ENDED,
        'SHARE_GONE',
        'The share was deleted or has expired, or its owner has removed this server. Make a new one.',
      )
    case CLOSE.TOKEN_REVOKED:
      return new AgentExit(
        EXIT.AUTH,
        'TOKEN_REFUSED',
        "The relay takes this agent's token no more: it was revoked, or has ended. Ask the share's owner for a new one.",
      )
    default:
      return undefined
  }
}

/** The end of a link, or of the try for one, in words. */
export function describeEnd(end: LinkEnd): string {
  switch (end.kind) {
    case 'refused':
      return `HTTP ${end.status}${end.detail === '' ? '' : ` ${end.detail}`}`
    case 'unreachable':
      return end.reason
    case 'closed':
      return `closed ${end.code}${end.reason === '' ? '' : ` ${end.reason}`}`
  }
}
