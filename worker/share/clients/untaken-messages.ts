/**
 * Remembers from where on the messages of a session's listening stream may not have reached its client: that a connection is gone is noticed
 * only by writing to it, and what was written before that went nowhere. No I/O, no timers.
 */
import { KEEPALIVE_MS, MAX_LEFT_STREAMS, UNTAKEN_MS } from '../../limits.ts'
import { groupOf } from '../../contract/groups.ts'
import { Newest } from '../../newest.ts'
import type { Streams } from './streams.ts'
import type { ChildPlace, StreamAttachment, UntakenSpans } from './stream-attachment.ts'

export class UntakenMessages {
  readonly #streams: Pick<Streams, 'attachmentOf' | 'markUntaken'>
  /** What the attachments say; undefined for a stream that is not kept account of. */
  readonly #known = new WeakMap<WebSocket, UntakenSpans | undefined>()
  /** Places at which streams ended, by session. */
  readonly #left = new Newest<ChildPlace>(MAX_LEFT_STREAMS)
  /** Places behind which messages were held, by group, until one has gone out since. */
  readonly #held = new Newest<ChildPlace>(MAX_LEFT_STREAMS)
  /** Channels whose child surely holds nothing yet, or nothing that is not being asked for: of others something may have been held before the object slept. */
  readonly #holdsNothing = new Newest<true>(MAX_LEFT_STREAMS)

  constructor(streams: Pick<Streams, 'attachmentOf' | 'markUntaken'>) {
    this.#streams = streams
  }

  /** A message has gone out onto these streams. */
  sent(sockets: readonly WebSocket[], { ch, n }: { readonly ch: string; readonly n: number }, nowMs: number): void {
    for (const socket of sockets) {
      if (!this.#known.has(socket)) this.#read(socket, this.#streams.attachmentOf(socket))
      const known = this.#known.get(socket)
      if (known === undefined) continue
      this.#released(ch, n)
      const noted = withMessage(known, ch, n, nowMs)
      if (noted === known) continue
      this.#known.set(socket, noted)
      this.#streams.markUntaken(socket, noted)
    }
  }

  /** From where on a stream's client may have missed something; undefined when it has surely seen all. */
  of(socket: WebSocket, nowMs: number): ChildPlace | undefined {
    const { untaken, resume } = this.#streams.attachmentOf(socket) ?? {}
    const place = untaken === undefined ? undefined : placeOf(untaken, nowMs)
    // What was missing when it was opened has not come yet.
    if (resume === undefined || resume.stage === 'caught-up' || (place !== undefined && place.ch !== resume.ch)) return place
    return { ch: resume.ch, after: Math.min(resume.after, place?.after ?? Infinity) }
  }

  /** Up to where a stream's client has surely taken what it was told, in order: later than where it was opened only if all that was missing has begun to come. */
  taken(socket: WebSocket, { ch, after }: ChildPlace, nowMs: number): number {
    const { untaken } = this.#streams.attachmentOf(socket) ?? {}
    if (untaken?.ch !== ch) return after
    return Math.max(after, (placeOf(untaken, nowMs) ?? { after: untaken.spans.at(-1)?.[0] ?? after }).after)
  }

  /** A stream has ended at this place. Kept while the object is awake, the latest MAX_LEFT_STREAMS of them. */
  leave(session: string, place: ChildPlace): void {
    this.#left.set(session, place)
  }

  /** A child holds nothing: it was just started, or all that it holds is being asked for. */
  holdsNothing(ch: string): void {
    this.#holdsNothing.set(ch, true)
  }

  /** A message was held, since nobody has a stream for it: those that are opened now are to have it before all that is new. */
  held({ ch, n }: { readonly ch: string; readonly n: number }): void {
    const group = groupOf(ch)
    const before = this.#held.get(group)
    // What was held before would stay so if only what followed this was asked for.
    if (before?.ch !== ch && this.#holdsNothing.get(ch) === undefined) return
    this.#holdsNothing.delete(ch)
    this.#held.set(group, earlier(before, { ch, after: n - 1 }))
  }

  /**
   * The place at which the session's last stream ended, once, or behind which messages of its child are held. `group`: of that child; `ch`:
   * its channel now, undefined while its agent is away.
   */
  takeLeft(session: string, group: string, ch: string | undefined): ChildPlace | undefined {
    const left = this.#left.get(session)
    this.#left.delete(session)
    const held = this.#held.get(group)
    if (ch !== undefined) this.holdsNothing(ch)
    if (held === undefined) return left
    // What a child held that is gone nobody can say, and of its successor nothing is held.
    if (ch === undefined || held.ch === ch) return earlier(left, held)
    this.#held.delete(group)
    return left
  }

  #released(ch: string, n: number): void {
    if (this.#held.size === 0) return
    const group = groupOf(ch)
    const held = this.#held.get(group)
    if (held !== undefined && (held.ch !== ch || n > held.after)) this.#held.delete(group)
  }

  #read(socket: WebSocket, attachment: StreamAttachment | undefined): void {
    const isListener = attachment?.kind === 'listen' || attachment?.kind === 'session'
    this.#known.set(socket, isListener ? (attachment.untaken ?? { ch: '', spans: [] }) : undefined)
  }
}

/** The one of two places behind which more is missing; of two children, that of the later message. */
function earlier(before: ChildPlace | undefined, { ch, after }: ChildPlace): ChildPlace {
  return { ch, after: before?.ch === ch ? Math.min(before.after, after) : after }
}

/** The spans with a message more; the same object while that lies in the newest of them. */
function withMessage(before: UntakenSpans, ch: string, n: number, nowMs: number): UntakenSpans {
  const after = n - 1
  // What another child said is of no use to anybody now.
  const spans = before.ch === ch ? before.spans.filter(([, atMs]) => isRecent(atMs, nowMs)) : []
  const last = spans.at(-1)
  if (last === undefined || nowMs - last[1] >= KEEPALIVE_MS) return { ch, spans: [...spans, [after, nowMs]] }
  // What is sent again comes with its old number.
  if (after < last[0]) return { ch, spans: [...spans.slice(0, -1), [after, last[1]]] }
  return before
}

function placeOf({ ch, spans }: UntakenSpans, nowMs: number): ChildPlace | undefined {
  const recent = spans.filter(([, atMs]) => isRecent(atMs, nowMs)).map(([after]) => after)
  return recent.length === 0 ? undefined : { ch, after: Math.min(...recent) }
}

/** Whether a span that began then may hold a message that is not yet proved to be taken. */
function isRecent(atMs: number, nowMs: number): boolean {
  return nowMs - atMs < KEEPALIVE_MS + UNTAKEN_MS
}
