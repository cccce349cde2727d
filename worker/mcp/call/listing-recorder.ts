/** Has the Share keep a server's lists, and its answer to the handshake, as they pass by on their way to a client. */
import { waitUntil } from 'cloudflare:workers'
import type { AgentFrame, Answer } from '../../../protocol/frame.ts'
import { encodeBase32 } from '../../../protocol/encoding/base32.ts'
import type { DeclaredClient } from '../../bridge/capabilities.ts'
import { MAX_LISTING_BYTES } from '../../limits.ts'
import type { CallRequest, GroupCallRequest, SessionCallRequest } from '../../contract/share-rpc.ts'
import { listClient, listingFrom, type ListingName, listingOf } from '../../contract/listings.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { WholeMessage } from './whole-message.ts'

/** Bytes of the digest that names an answer. */
const DIGEST_BYTES = 16

/** What of a request says whose answer it is. */
type Asker =
  | Pick<SessionCallRequest, 'principal' | 'session' | 'bridge' | 'delivery'>
  | Pick<GroupCallRequest, 'principal' | keyof DeclaredClient | 'bridge'>

export class ListingRecorder {
  readonly #share: ShareClient
  readonly #name: ListingName
  readonly #answer = new WholeMessage<Answer>()

  private constructor(share: ShareClient, name: ListingName) {
    this.#share = share
    this.#name = name
  }

  /** Undefined for a request whose answer is not kept. */
  static of(share: ShareClient, request: Pick<CallRequest, 'method' | 'cursor' | 'canStandBy'>): ListingRecorder | undefined {
    const name = request.canStandBy === true ? listingOf(request) : undefined
    return name === undefined ? undefined : new ListingRecorder(share, name)
  }

  /** Takes a frame of the answer. `listed`: digest of what the share keeps. */
  record(header: AgentFrame, body: Uint8Array, request: Asker, listed: string | undefined): void {
    // To a server that learns of its client with every request, a client that cannot be asked declares less, and is offered less.
    if (eraOf(request) === 'modern' && 'session' in request && request.delivery !== 'stream') return
    const whole =
      header.type === 'answer' && !header.failed && header.size <= MAX_LISTING_BYTES
        ? this.#answer.begin(header, body)
        : header.type === 'chunk'
          ? this.#answer.goOn(header, body)
          : undefined
    if (whole === undefined) return
    // Nobody waits for this: what is not kept now is kept the next time.
    waitUntil(this.#note(whole.header, whole.body, request, listed).catch(() => undefined))
  }

  async #note({ ch }: Answer, body: Uint8Array, request: Asker, listed: string | undefined): Promise<void> {
    const answer = listingFrom(body)
    if (answer === undefined) return
    const hash = await crypto.subtle.digest('SHA-256', answer)
    const digest = encodeBase32(new Uint8Array(hash).subarray(0, DIGEST_BYTES))
    if (digest === listed) return
    await this.#share.noteListing({ client: listClient(request), ch, name: this.#name, era: eraOf(request), answer, digest })
  }
}

/** Of the child that answers: a request that names a bridge was translated to the other era than its client's. */
function eraOf(request: Asker): 'legacy' | 'modern' {
  return 'session' in request === (request.bridge === undefined) ? 'legacy' : 'modern'
}
