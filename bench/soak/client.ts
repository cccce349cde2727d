/** A client of a soak: calls, leaves its stream, ends its session and begins another, and keeps count of what came of it. */
import type { HttpClient } from '../cases/http-client.ts'
import { Session } from '../cases/session.ts'

const CALL_BOUND_MS = 60_000

export interface Tally {
  answered: number
  failed: Map<string, number>
  faults: Map<string, number>
}

export function note(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** One client after the other in the same place: each has its session until that is ended. */
export class Place {
  readonly #client: HttpClient
  readonly #tally: Tally
  #session: Session | undefined
  #endsNext = false

  constructor(client: HttpClient, tally: Tally) {
    this.#client = client
    this.#tally = tally
  }

  async call(): Promise<void> {
    try {
      if (this.#endsNext) await this.close()
      this.#session ??= await Session.open(this.#client, { stream: 'asked', boundMs: CALL_BOUND_MS })
      await this.#session.echo(CALL_BOUND_MS)
      this.#tally.answered++
    } catch (error) {
      note(this.#tally.failed, (error instanceof Error ? error.message : String(error)).replaceAll(/[0-9a-f]{32}|\d+/g, '#').slice(0, 120))
    }
  }

  /** The GET stream is left; calls go on. */
  leave(): void {
    this.#session?.leave()
  }

  /** The session ends before its next call, which begins another. */
  end(): void {
    this.#endsNext = true
  }

  async close(): Promise<void> {
    this.#endsNext = false
    const session = this.#session
    this.#session = undefined
    const status = await session?.end()
    if (status !== undefined && status !== 200 && status !== 204) note(this.#tally.failed, `DELETE answered ${status}`)
  }
}
