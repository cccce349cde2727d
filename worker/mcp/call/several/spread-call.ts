/** One call of a tool that only reads, made on several agents at once: brings one answer, in which what each agent says stands behind a line with its name. */
import type { ErrorCode } from '../../../../protocol/errors.ts'
import { failureOf } from '../../../../protocol/failed-frame.ts'
import type { Answer } from '../../../../protocol/frame.ts'
import type { ShareClient } from '../../../carry/share-client.ts'
import { randomKey } from '../../../call-key.ts'
import { encodeReturnAddress } from '../../../contract/return-address.ts'
import { MAX_BATCH_CALLS } from '../../../limits.ts'
import { MAX_SPREAD_ANSWER_BYTES, SPREAD_ANSWER_MS } from '../../../routing-limits.ts'
import { timeout } from '../../../within.ts'
import { Courier } from '../courier.ts'
import type { Item, ItemSource } from '../item.ts'
import { JOINED_ID, joinedAnswer, type Said } from './joined-answer.ts'
import { PaidBytes } from '../paid-bytes.ts'
import type { PartCheck } from './part-check.ts'
import type { Sent, SpreadOffer } from '../renewal.ts'
import { readAnswer, WholeMessage } from '../whole-message.ts'

/** To which agents a call goes. */
interface Plan extends Pick<SpreadOffer, 'own' | 'agents' | 'count'> {
  /** The tool lists a form for its structured content. */
  readonly isTyped: boolean
}

/** How a call fails whose agent is not there; all other failures that the relay finds are of the client, and end the call. */
const OF_AGENTS: ReadonlySet<ErrorCode> = new Set(['AGENT_AWAY', 'AGENT_LOST'])

/** Other agents that are called at a time, beside the client's own. */
const MOST_AT_ONCE = MAX_BATCH_CALLS - 1

type FrameItem = Extract<Item, { readonly kind: 'frame' }>

export class SpreadCall implements ItemSource {
  readonly #key: string
  readonly #plan: Plan
  readonly #childEra: 'legacy' | 'modern'
  readonly #late = timeout(SPREAD_ANSWER_MS)
  readonly #couriers: Courier[] = []
  readonly #others: readonly Promise<readonly [agent: string, said: Said]>[]
  #source: ItemSource | undefined
  readonly #answer = new WholeMessage<Answer>()
  readonly #paid = new PaidBytes()
  #first: { readonly item: Item | undefined } | undefined
  #isLingering = false
  #isOver = false

  /** Calls the other agents, each once `check` has found that its own list allows it. */
  constructor(share: ShareClient, { request, body }: Sent, plan: Plan, check: PartCheck) {
    const { key, isRetry: _, mayBeginTask: __, toolsVersion: ___, ...call } = request
    this.#key = key
    this.#plan = plan
    this.#childEra = 'session' in request === (request.bridge === undefined) ? 'legacy' : 'modern'
    const others: Promise<readonly [agent: string, said: Said]>[] = []
    for (const [at, agent] of plan.agents.entries()) {
      const spread = { agent, of: key }
      const part = { ...call, spread, key: randomKey(), delivery: 'single', isRelays: true } as const
      const send = (): Courier => {
        const own = share.fork()
        return new Courier(own, { ...part, ...check.named(own) }, body, check.turns(own, spread, { request: part, body }))
      }
      others.push(this.#ask(agent, others[at - MOST_AT_ONCE], send))
    }
    this.#others = others
  }

  /** Goes on with what the client's own agent says: `own` brings it, and `first` has come already. */
  over(own: ItemSource, first: Item | undefined): this {
    this.#source = own
    this.#first = { item: first }
    return this
  }

  async next(): Promise<Item | undefined> {
    for (;;) {
      const item = await this.#nextOfOwn()
      if (item === 'late') return this.#join('late')
      if (item === undefined || this.#isOver) return undefined
      if (item.kind === 'failed' && OF_AGENTS.has(item.failure.code)) return this.#join(item.failure)
      if (item.kind !== 'frame' || isCancelled(item)) return item
      const said = this.#ownAnswer(item)
      if (said === 'message') return item
      if (said !== 'part') return this.#join(said, item)
    }
  }

  taken(bytes: number): void {
    this.#source?.taken(this.#paid.unpaid(bytes))
  }

  linger(): void {
    this.#isLingering = true
    this.#source?.linger?.()
    for (const courier of this.#couriers) courier.linger()
  }

  close(): void {
    this.#isOver = true
    this.#late.clear()
    this.#source?.close()
    for (const courier of this.#couriers) courier.close()
  }

  async #nextOfOwn(): Promise<Item | undefined | 'late'> {
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) return first.item
    return Promise.race([this.#source?.next(), this.#late.passed.then(() => 'late' as const)])
  }

  /** What a frame is of the answer: all of it or its end, a part that is kept, or another message. */
  #ownAnswer({ header, body }: FrameItem): Said | 'part' | 'message' {
    if (header.type === 'failed') return failureOf(header)
    const isFirst = header.type === 'answer'
    if (!isFirst && !(header.type === 'chunk' && this.#answer.owns(header))) return 'message'
    this.#source?.taken(body.length)
    if (isFirst && header.size > MAX_SPREAD_ANSWER_BYTES) return 'long'
    const whole = isFirst ? this.#answer.begin(header, body) : this.#answer.goOn(header, body)
    return whole?.body ?? 'part'
  }

  /** What another agent says. It is asked once the one `before` it has answered, where there is such. */
  async #ask(agent: string, before: Promise<unknown> | undefined, call: () => Courier): Promise<readonly [string, Said]> {
    if (before !== undefined) await before
    if (this.#isOver) return [agent, 'late']
    const courier = call()
    if (this.#isLingering) courier.linger()
    this.#couriers.push(courier)
    const said = await Promise.race([readAnswer(courier, MAX_SPREAD_ANSWER_BYTES), this.#late.passed.then(() => 'late' as const)])
    courier.close()
    return [agent, said ?? 'long']
  }

  /** The answer for the client, as its own agent's: all that is done with that is done with this. */
  async #join(own: Said, item?: FrameItem): Promise<Item | undefined> {
    const all = [[this.#plan.own, own] as const, ...(await Promise.all(this.#others))]
    if (this.#isOver) return undefined
    this.#late.clear()
    this.#source?.close()
    const left = this.#plan.count - all.length
    const body = joinedAnswer(
      all.map(([agent, said]) => ({ agent, said })),
      { left, isTyped: this.#plan.isTyped, era: this.#childEra },
    )
    this.#paid.passed(body.length)
    const { ch = '', n = 0, at = 0 } = item?.header.type === 'answer' ? item.header : {}
    const ra =
      item !== undefined && 'ra' in item.header && item.header.ra !== undefined
        ? item.header.ra
        : encodeReturnAddress({ to: 'call', key: this.#key })
    const header = { type: 'answer', ch, n, at, size: body.length, key: this.#key, ra, id: JOINED_ID, failed: false } as const
    return { kind: 'frame', header, body, restarted: item?.restarted === true }
  }
}

/** Whether its client has cancelled the call. */
function isCancelled({ header }: FrameItem): boolean {
  return header.type === 'failed' && header.code === 'CANCELLED'
}
