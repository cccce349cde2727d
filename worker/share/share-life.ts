/** How the object of a share comes to be, goes on after sleep, changes as its owner wants, and ends. */
import { CLOSE } from '../../protocol/handshake.ts'
import { GRACE_MS } from '../../protocol/limits.ts'
import { CUT_CLOSE } from '../contract/trust/pass.ts'
import type { Adoption } from '../contract/registry/registry-rpc.ts'
import type { CallOutcome } from '../contract/share-rpc.ts'
import { STREAM_CLOSE } from '../contract/streams.ts'
import type { TrustChange } from '../contract/trust/trust-rpc.ts'
import { END_RETRY_MS } from '../trust-limits.ts'
import type { AlarmClock } from './alarm-clock.ts'
import type { ShareParts } from './share-parts.ts'

/** Why a share has come to its end: its time is over, or its owner has deleted it. */
type End = 'SHARE_EXPIRED' | 'SHARE_NOT_FOUND'

interface Surroundings {
  readonly parts: ShareParts
  readonly clock: AlarmClock
  readonly storage: Pick<DurableObjectStorage, 'deleteAll'>
  /** What the registry knows of the share, if it does. */
  readonly adoption: () => Promise<Adoption | undefined>
}

export class ShareLife {
  readonly #parts: ShareParts
  readonly #clock: AlarmClock
  readonly #storage: Surroundings['storage']
  readonly #adopted: Surroundings['adoption']

  constructor({ parts, clock, storage, adoption }: Surroundings) {
    this.#parts = parts
    this.#clock = clock
    this.#storage = storage
    this.#adopted = adoption
  }

  /**
   * An object without rows comes to be: it is the share's, or one of its lanes, if the registry says so. Made by its first
   * visitor and not with the share, since the platform puts it where that is: most often where the agent is.
   */
  async adopt(): Promise<void> {
    const adoption = await this.#adopted()
    if (adoption === undefined || adoption.trust.expiresAtMs <= Date.now()) return
    const { settings, trust } = adoption
    this.#parts.store.create(settings)
    await this.#parts.gate.adopt(trust)
    await this.#clock.sweepAt(trust.expiresAtMs)
  }

  /** The object has slept or was reset, and has its rows. */
  goOn(): void {
    const { agentMessages, streams, streamSockets, subscriptions, web, upstream } = this.#parts
    const nowMs = Date.now()
    const hasLost = agentMessages.noteLost(nowMs)
    for (const { socket } of streams.closing()) streamSockets.closed(socket)
    subscriptions.prune()
    web.prune()
    upstream.prune()
    if (hasLost) void this.#clock.sweepBy(nowMs + GRACE_MS)
  }

  /** The owner has changed something: what is not let in any more ends at once. */
  async change(change: TrustChange): Promise<void> {
    const { gate, cutOff, servedSets, restartNews } = this.#parts
    const before = gate.pins
    await gate.apply(change)
    const nowMs = Date.now()
    if (this.#parts.store.settings === undefined) return
    // What an agent of other names offers is accepted a moment after clients were told that it has come.
    if (servedSets.hasAny && gate.pins !== before) restartNews.namesChanged()
    if (!gate.isCapturing) this.#parts.callLedger.dropCaptured()
    cutOff.look(nowMs)
    const told = cutOff.tell()
    const endMs = gate.endsAtMs ?? Infinity
    if (endMs <= nowMs) await this.end('SHARE_EXPIRED')
    else await this.#clock.sweepBy(Math.min(endMs, gate.nextLinkEndMs ?? Infinity))
    await told
  }

  async end(code: End): Promise<void> {
    const { store, standbyAnswers, usage, gate, spending, approvals, serverEntries, links, streams, waiters, web, upstream } = this.#parts
    const { postedCalls } = this.#parts
    const streamCode = code === 'SHARE_EXPIRED' ? CUT_CLOSE[code] : STREAM_CLOSE.ENDED
    web.closeAll(streamCode, 'the share was deleted or has expired')
    upstream.closeAll(streamCode, 'the share was deleted or has expired')
    store.forget()
    usage.forget()
    spending.forget()
    approvals.forget()
    standbyAnswers.forget()
    postedCalls.forget()
    gate.forget()
    serverEntries.forget()
    links.closeAll(CLOSE.SHARE_GONE, 'the share was deleted or has expired')
    streams.closeAll(streamCode, 'the share was deleted or has expired')
    const outcome: CallOutcome =
      code === 'SHARE_EXPIRED' ? { kind: 'cut', code } : { kind: 'failed', failure: { code, executed: 'unknown' } }
    for (const waiter of waiters.where(() => true)) waiters.settle(waiter, outcome)
    await this.#storage.deleteAll()
  }

  /** The alarm has rung. */
  async rang(): Promise<void> {
    const { store, gate, cutOff, news, agentMessages, sessions, modernOnLegacy, legacyOnModern, approvalKeeper } = this.#parts
    const { settings } = store
    if (settings === undefined) return
    // As far as it is known here; the registry may say another.
    const endMs = (): number => gate.endsAtMs ?? settings.expiresAtMs
    const nowMs = Date.now()
    this.#parts.callLedger.flush()
    await this.#parts.slidingEnd.move()
    if (!(await this.#clock.rang(nowMs))) return
    if (endMs() <= nowMs && (await this.#endIfOver(nowMs))) return
    news.tell()
    cutOff.look(nowMs)
    const next = [agentMessages, sessions, modernOnLegacy, legacyOnModern, gate, approvalKeeper].map((part) => part.sweep(nowMs))
    const lookMs = endMs() > nowMs ? endMs() : nowMs + END_RETRY_MS
    await this.#clock.sweepAt(Math.min(lookMs, ...next.filter((time) => time !== undefined)))
  }

  /** False when the share goes on, or the registry could not be asked. */
  async #endIfOver(nowMs: number): Promise<boolean> {
    const hasEnded = await this.#parts.gate.hasEnded(nowMs).catch(() => false)
    if (hasEnded) await this.end('SHARE_EXPIRED')
    return hasEnded
  }
}
