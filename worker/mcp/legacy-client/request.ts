/** A session's request: the call it becomes, as it came or translated for a child without sessions; and kept for other Workers. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import { scanMessage } from '../../../protocol/json-scan.ts'
import { envelopeMembers, initializeResult, readDiscoverResult } from '../../bridge/discover.ts'
import { type InputRound, retryRequest } from '../../bridge/input-rounds.ts'
import { legacyVerdict, toModernRequest } from '../../bridge/legacy-to-modern.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { BridgeFacts, Caller, CallRequest } from '../../contract/share-rpc.ts'
import { RETRY_MS } from '../../limits.ts'
import { pause } from '../../within.ts'
import { callRequest } from '../call/call-request.ts'
import type { News, Renew, Renewal } from '../call/renewal.ts'
import { type Item, responseItem } from '../call/item.ts'
import { type ClientMessage, readPosted } from '../message.ts'
import { resultResponse } from '../response/own-answers.ts'
import { forgetModernServer, knownModernServer, learnModernServer, type ModernServer } from './known-modern-servers.ts'

/** What a client has posted, and how it takes what comes. `single`: it can take nothing but the answer. */
export interface PostedRequest {
  readonly message: ClientMessage
  readonly delivery: 'stream' | 'single'
}

/** What makes a request another attempt of the same call. */
export interface Retry {
  readonly round: InputRound
  readonly answers: ReadonlyMap<string, string>
}

/** The call as it goes to the Share. */
interface MadeCall {
  readonly request: CallRequest
  readonly body: Uint8Array
}

/** Times that a request is looked for which another Worker may be about to keep. */
const KEPT_TRIES = 3

export class SessionRequest {
  readonly #share: ShareClient
  readonly #caller: Caller
  /** Undefined for a call of another Worker, until `find` finds it. */
  #posted: PostedRequest | undefined
  /** Set while the child is one without sessions, for which the request is translated. */
  #server: ModernServer | undefined

  constructor(share: ShareClient, caller: Caller, posted?: PostedRequest) {
    this.#share = share
    this.#caller = caller
    this.#posted = posted
    if (posted !== undefined && legacyVerdict(posted.message.facts.method) === 'forward')
      this.#server = knownModernServer(share.id, caller.session)
  }

  get posted(): PostedRequest | undefined {
    return this.#posted
  }

  get isTranslated(): boolean {
    return this.#server !== undefined
  }

  /** The call that it becomes under a key, and how that is made anew when the Share knows better of which era the child is. */
  call(posted: PostedRequest, key: string, retry?: Retry): MadeCall & { readonly renew: Renew } {
    const { request, body } = this.#server === undefined ? this.#plain(posted, key) : this.#translated(this.#server, posted, key, retry)
    return { request, body, renew: (news) => Promise.resolve(this.#renewal(news, posted, key, retry)) }
  }

  /** What is known of the child, asked for where another Worker has made the call. */
  async server(key: string): Promise<ModernServer | undefined> {
    const { session } = this.#caller
    this.#server ??= knownModernServer(this.#share.id, session)
    if (this.#server !== undefined) return this.#server
    const facts = (await this.#share.keptCall(this.#caller, key))?.facts
    if (facts !== undefined) this.#server = learnModernServer(this.#share.id, session, facts)
    return this.#server
  }

  /** Keeps what another Worker needs to go on with the attempt of this key; `asked` is the answer that asks for input. */
  async keep(key: string, asked?: Uint8Array): Promise<void> {
    if (this.#posted?.delivery !== 'stream') return
    const request = this.#posted.message.bytes
    await this.#share.keepCall({ ...this.#caller, key, request, ...(asked === undefined ? {} : { asked }) })
  }

  /** Looks for the request that another Worker has kept. */
  async find(key: string): Promise<void> {
    for (let tries = 0; tries < KEPT_TRIES && this.#posted === undefined; tries++) {
      if (tries > 0) await pause(RETRY_MS)
      const kept = (await this.#share.keptCall(this.#caller, key))?.call
      const read = kept === undefined ? undefined : readPosted(kept.request)
      const [message] = read?.ok === true ? read.value.messages : []
      if (message !== undefined) this.#posted = { message, delivery: 'stream' }
    }
  }

  #renewal(news: News, posted: PostedRequest, key: string, retry: Retry | undefined): Renewal {
    if (news.kind === 'bridge' && news.facts.childEra === 'modern') {
      this.#server = learnModernServer(this.#share.id, this.#caller.session, news.facts)
      const item = ownAnswer(posted.message, news.facts)
      return item === undefined ? { kind: 'call', ...this.#translated(this.#server, posted, key, retry) } : { kind: 'item', item }
    }
    // What was asked of a child without sessions cannot be brought to one that has them.
    if (news.kind !== 'native' || retry !== undefined)
      return { kind: 'item', item: { kind: 'failed', failure: { code: 'INTERNAL', executed: 'no' } } }
    forgetModernServer(this.#share.id, this.#caller.session)
    this.#server = undefined
    return { kind: 'call', ...this.#plain(posted, key) }
  }

  #plain({ message, delivery }: PostedRequest, key: string): MadeCall {
    return { request: { ...callRequest(this.#caller, message, delivery), key }, body: message.bytes }
  }

  #translated(
    { client, level, version }: ModernServer,
    { message, delivery }: PostedRequest,
    key: string,
    retry: Retry | undefined,
  ): MadeCall {
    // A client that can take nothing but the answer cannot be asked meanwhile.
    const modern = toModernRequest(message.bytes, envelopeMembers(client, delivery === 'stream', level))
    const body = retry === undefined ? modern : retryRequest(modern, retry.round, retry.answers)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error(`a translated request cannot be read: ${facts.error}`)
    const request = callRequest(this.#caller, { bytes: body, facts: facts.value, params: message.params }, delivery)
    return { request: { ...request, key, bridge: version }, body }
  }
}

/** The relay's own answer to what a child without sessions is not asked; undefined for a request that it is. */
function ownAnswer({ facts, params }: ClientMessage, { server }: BridgeFacts): Item | undefined {
  const { method } = facts
  const rawId = facts.id?.raw ?? 'null'
  const refused = (failure: Failure): Item => responseItem(errorResponse(rawId, failure))
  switch (legacyVerdict(method)) {
    case 'discover': {
      const read = readDiscoverResult(server)
      const { protocolVersion } = params
      const revision = typeof protocolVersion === 'string' ? protocolVersion : ''
      if (read !== undefined) return responseItem(resultResponse(rawId, initializeResult(read, revision)))
      const detail = 'its server/discover result is malformed'
      return { kind: 'failed', failure: { code: 'CHILD_START_FAILED', executed: 'no', detail } }
    }
    case 'level':
      return refused({ code: 'PARAMS_INVALID', at: 'level' })
    case 'subscriptions':
      return refused({ code: 'PARAMS_INVALID', at: 'uri' })
    case 'unknown':
      return refused({ code: 'METHOD_UNKNOWN' })
    case 'empty':
      return responseItem(resultResponse(rawId, '{}'))
    case 'forward':
      return undefined
  }
}
