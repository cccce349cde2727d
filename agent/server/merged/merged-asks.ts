/** Requests of several servers to one client: each gets an id of its own, so that equal ids of two servers do not cross. For one session. Pure. */
import { canonicalId, type RoutingValue } from '../../../protocol/json/json-scan.ts'
import { replacement, splice, type Replacement } from '../../../protocol/splice.ts'

interface Ask {
  readonly server: string
  readonly rawId: string
  /** The progress token that its server gave it. */
  readonly rawToken: string | undefined
}

/** What a server's request has for its client to know it by. */
interface AskMarks {
  readonly id: RoutingValue
  readonly requestToken?: RoutingValue | undefined
}

export class MergedAsks {
  #next = 1
  /** By the id that the client sees, which is its progress token too. */
  readonly #open = new Map<string, Ask>()

  /** The request as its client is to see it. */
  ask(server: string, bytes: Uint8Array, { id, requestToken }: AskMarks, more: readonly Replacement[]): Uint8Array {
    const shown = String(this.#next++)
    this.#open.set(shown, { server, rawId: id.raw, rawToken: requestToken?.raw })
    const token = requestToken === undefined ? [] : [replacement(requestToken.span, shown)]
    return splice(bytes, [replacement(id.span, shown), ...token, ...more])
  }

  /** Whose request an id or a token of the client's names. */
  whose(rawId: string): Ask | undefined {
    return this.#open.get(canonicalId(rawId))
  }

  /** The same, of one that is over with that. */
  end(rawId: string): Ask | undefined {
    const ask = this.whose(rawId)
    this.#open.delete(canonicalId(rawId))
    return ask
  }

  /** By which id the client knows a server's request; it is over with that. */
  takenBack(server: string, rawId: string): string | undefined {
    const id = canonicalId(rawId)
    const [shown] = [...this.#open].find(([, ask]) => ask.server === server && canonicalId(ask.rawId) === id) ?? []
    if (shown !== undefined) this.#open.delete(shown)
    return shown
  }

  /** Ids by which the client knows the requests of a server that is gone. */
  lost(server: string): string[] {
    const shown = [...this.#open].filter(([, ask]) => ask.server === server).map(([id]) => id)
    for (const id of shown) this.#open.delete(id)
    return shown
  }
}
