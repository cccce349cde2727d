/**
 * Remembers for a minute how refreshes were answered, so that processes that share a refresh token all live on. In memory, and in rows
 * that only the same request can read: the object may sleep between two of them.
 */
import { decode, encode } from 'jose/base64url'
import { hashSecret, randomBytes } from '../access/secrets/secret.ts'
import { Newest } from '../newest.ts'
import type { GrantStore } from './grant-store.ts'
import { MAX_KEPT_REFRESHES, REFRESH_MEMO_MS } from './limits.ts'

/** An answer of the token endpoint. */
export interface TokenAnswer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

const MEMO = 'memo:'
const IV_BYTES = 12
const SECOND_MS = 1000

export class RefreshMemo {
  readonly #store: GrantStore
  /** Refreshes that run, or ran not long ago, by their requests. */
  readonly #answers = new Newest<{ readonly answer: Promise<TokenAnswer>; readonly atMs: number }>(MAX_KEPT_REFRESHES)

  constructor(store: GrantStore) {
    this.#store = store
  }

  /** Forgets what is in memory. */
  forget(): void {
    this.#answers.clear()
  }

  /** The answer to a request, given as text: that of the first of those that are the same to the letter. */
  async once(request: string, ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    const name = encode(await hashSecret(request))
    const known = this.#answers.get(name)
    if (known !== undefined && Date.now() - known.atMs < REFRESH_MEMO_MS) return known.answer
    const answer = this.#answer(name, request, ask)
    this.#answers.set(name, { answer, atMs: Date.now() })
    const drop = (): void => this.#answers.delete(name)
    // What was refused may be right when it comes again.
    void answer.then(({ status }) => (status === 200 ? undefined : drop()), drop)
    return answer
  }

  async #answer(name: string, request: string, ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    const kept = await this.#store.get(`${MEMO}${name}`)
    if (typeof kept === 'string') return open(kept, request)
    const answer = await ask()
    if (answer.status === 200)
      await this.#store.put(`${MEMO}${name}`, await seal(answer, request), { expirationTtl: REFRESH_MEMO_MS / SECOND_MS })
    return answer
  }
}

/** What the row holds are tokens, so its key is the request itself, of which only a hash is kept. */
async function keyOf(request: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', await hashSecret(`${MEMO}${request}`), 'AES-GCM', false, ['encrypt', 'decrypt'])
}

async function seal(answer: TokenAnswer, request: string): Promise<string> {
  const iv = randomBytes(IV_BYTES)
  const text = new TextEncoder().encode(JSON.stringify(answer))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await keyOf(request), text)
  return `${encode(iv)}.${encode(new Uint8Array(sealed))}`
}

async function open(kept: string, request: string): Promise<TokenAnswer> {
  const [iv = '', sealed = ''] = kept.split('.')
  const text = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: decode(iv) }, await keyOf(request), decode(sealed))
  return JSON.parse(new TextDecoder().decode(text)) as TokenAnswer
}
