/** Asks a session's client for the input that its server requires before the call can be made again (MCP 2026-07-28, basic/patterns/mrtr). */
import { type CapabilitySet, declare, declaresExtensions, readCapabilities } from '../../bridge/capabilities.ts'
import { inputFailure, type InputRound, lackingFor, readInputRound, serverRequest } from '../../bridge/input/input-rounds.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { randomKey } from '../../call-key.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { InputWait, type InputOutcome } from './ask-wait.ts'
import type { ModernServer } from './known-modern-servers.ts'
import type { PostedRequest, Retry } from './request.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { type Item, responseItem } from '../call/item.ts'

/** What asking came to. `last`: what the call ends with, if it does not just end. */
type Outcome = { readonly kind: 'retry'; readonly retry: Retry } | { readonly kind: 'last'; readonly item: Item | undefined }

/** What is asked, and for which call. */
interface Round {
  /** The answer that asks. */
  readonly answer: Uint8Array
  /** Which round of the call it is, from 1 on. */
  readonly round: number
  /** Key under which the call will be made again. */
  readonly key: string
  readonly posted: PostedRequest | undefined
  readonly server: ModernServer | undefined
}

const NOBODY: CapabilitySet = new Set()

export class ClientInput {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #rawId: string
  readonly #method: string
  #wait: InputWait | undefined
  #isAsking = false
  #isOver = false

  constructor(share: ShareClient, caller: Caller, rawId: string, method: string) {
    this.#share = share
    this.#caller = caller
    this.#rawId = rawId
    this.#method = method
  }

  /** Whether answers are waited for. */
  get isAsking(): boolean {
    return this.#isAsking
  }

  /** Yields the questions, and waits for their answers. Until `settled` the client may still cancel what they lead to. */
  async *ask({ answer, round, key, posted, server }: Round): AsyncGenerator<Item, Outcome> {
    const read = readInputRound(answer, round, server !== undefined && declaresExtensions(server.client.capabilities))
    if (!read.ok) return this.#failed(read.error)
    if (posted === undefined || server === undefined) return this.#failed({ code: 'INPUT_LOST' })
    const { client } = server
    const capabilities = posted.delivery === 'stream' ? readCapabilities(client.capabilities) : NOBODY
    const lacking = lackingFor(read.value, capabilities)
    if (lacking.length > 0)
      return this.#failed({ code: 'INPUT_IMPOSSIBLE', at: lacking.join(', '), requiredCapabilities: declare(new Set(lacking)) })
    return yield* this.#gather(read.value, key, client.revision)
  }

  /** The call was made again: it is for itself that it can be cancelled now. */
  settled(): void {
    this.#wait?.close()
    this.#wait = undefined
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#isOver = true
    this.settled()
  }

  async *#gather(round: InputRound, key: string, revision: string): AsyncGenerator<Item, Outcome> {
    const { wanted } = round
    const answers = new Map<string, string>()
    if (wanted.length === 0) return { kind: 'retry', retry: { round, answers } }
    const wait = await InputWait.open(this.#share, this.#caller, { key, call: this.#rawId, count: wanted.length })
    this.#wait = wait
    if (this.#isOver) wait.close()
    this.#isAsking = true
    for (const [index, input] of wanted.entries())
      yield { kind: 'message', text: serverRequest(input, wait.rawId(index), randomKey(), revision) }
    const outcome = await wait.gather(this.#share.inputWaitMs)
    this.#isAsking = false
    if (outcome?.kind !== 'answers') {
      this.settled()
      return this.#withoutAnswers(outcome)
    }
    for (const [index, { key: name }] of wanted.entries()) answers.set(name, outcome.answers.get(index) ?? '{}')
    return { kind: 'retry', retry: { round, answers } }
  }

  #withoutAnswers(outcome: Exclude<InputOutcome, { readonly kind: 'answers' }> | undefined): Outcome {
    switch (outcome?.kind) {
      case 'cut':
        return { kind: 'last', item: { kind: 'failed', failure: outcome.failure } }
      case 'cancelled':
        return { kind: 'last', item: { kind: 'failed', failure: { code: 'CANCELLED', executed: 'unknown' } } }
      case 'over':
        return { kind: 'last', item: { kind: 'failed', failure: { code: 'CHANNEL_CLOSED', executed: 'unknown' } } }
      case 'replaced':
        return { kind: 'last', item: undefined }
      case 'refused':
      case undefined:
        return this.#failed({ code: 'INPUT_REFUSED' })
    }
  }

  #failed(failure: Failure): Outcome {
    return { kind: 'last', item: responseItem(inputFailure(this.#rawId, this.#method, failure)) }
  }
}
