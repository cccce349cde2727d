/** Remembers how calls over HTTP+SSE have failed, which no agent says again, for the next stream of their session: the one before may not have brought it. In memory, the newest of all, within limits. */
import { KEEPALIVE_MS, UNTAKEN_MS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import { MAX_POSTED_FAILURE_BYTES, MAX_POSTED_FAILURES } from '../../routing-limits.ts'

interface PostedFailure {
  readonly session: string
  readonly frame: Uint8Array
  readonly atMs: number
}

export class PostedFailures {
  readonly #failures = new Newest<PostedFailure>(MAX_POSTED_FAILURES, {
    most: MAX_POSTED_FAILURE_BYTES,
    sizeOf: ({ frame }) => frame.length,
  })

  /** The call of this key has failed, and was told so if its session has a stream. */
  note(session: string, key: string, frame: Uint8Array, nowMs: number): void {
    this.#failures.set(key, { session, frame: frame.slice(), atMs: nowMs })
  }

  /** What a stream that broke just now may not have brought, oldest first. */
  of(session: string, nowMs: number): readonly Uint8Array[] {
    return [...this.#failures.entries()].flatMap(([, failure]) =>
      failure.session === session && nowMs - failure.atMs < KEEPALIVE_MS + UNTAKEN_MS ? [failure.frame] : [],
    )
  }

  forget(): void {
    this.#failures.clear()
  }
}
