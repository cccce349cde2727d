/** Remembers the credentials that this isolate has verified, so that a client that comes again costs no cryptography. */
import { Newest } from '../newest.ts'

/** More than the clients that one isolate serves at a time; tokens are up to 2 KiB long. */
const MAX_VERIFIED = 1024

/** What a credential stands for, and until when, in milliseconds since 1970. */
interface Verified {
  readonly expiresAtMs: number
}

/** Only what was verified is kept, and never past its expiry; of too many the oldest goes. */
export class VerifiedCredentials<V extends Verified> {
  readonly #byCredential = new Newest<V>(MAX_VERIFIED)

  get size(): number {
    return this.#byCredential.size
  }

  /** What the credential was verified to stand for, unless that has expired by now. */
  recall(credential: string, nowMs: number): V | undefined {
    const known = this.#byCredential.get(credential)
    if (known === undefined || known.expiresAtMs > nowMs) return known
    this.#byCredential.delete(credential)
    return undefined
  }

  keep(credential: string, verified: V): void {
    this.#byCredential.set(credential, verified)
  }
}
