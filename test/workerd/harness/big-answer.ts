/** Answers that need several frames, part by part, as an agent sends them. */
import type { Call } from '../../../protocol/frame.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES } from '../../../protocol/limits.ts'
import type { ScriptedAgent } from './scripted-agent.ts'

/** An agent asks for credit when half of its window is used. */
const ACK_EVERY_PARTS = CHANNEL_WINDOW_BYTES / 2 / CHUNK_BYTES

export class BigAnswer {
  readonly text: string
  readonly #call: Call
  readonly #body: Uint8Array
  readonly #n: number
  readonly #idTo: number

  /** `n`: the answer's number in its channel. `members`: what its result begins with, each member with a comma behind it. */
  constructor(call: Call, rawId: string, bytes: number, n: number, members = '') {
    const head = '{"jsonrpc":"2.0","id":'
    // No two parts are alike, so that a part which is missing, repeated or misplaced shows.
    const filler = Array.from({ length: Math.ceil(bytes / 8) }, (_, at) => String(at).padStart(8, '0')).join('')
    this.text = `${head}${rawId},"result":{${members}"t":"${filler}"}}`
    this.#call = call
    this.#body = new TextEncoder().encode(this.text)
    this.#n = n
    this.#idTo = head.length + rawId.length
  }

  get bytes(): number {
    return this.#body.length
  }

  get parts(): number {
    return Math.ceil(this.#body.length / CHUNK_BYTES)
  }

  /** Sends the parts from one to before another, all by default, without a look at the credit. */
  send(agent: ScriptedAgent, from = 0, to = this.parts): void {
    for (let index = from; index < to; index++) this.#sendPart(agent, index)
  }

  /** Sends everything as fast as the relay's credit allows. Takes in all frames that come meanwhile. */
  async flow(agent: ScriptedAgent): Promise<void> {
    let upto = CHANNEL_WINDOW_BYTES
    for (let index = 0; index < this.parts; index++) {
      while (agent.advance(this.#call.ch, 0, 0) + CHUNK_BYTES > upto) {
        const { header } = await agent.next()
        if (header.type === 'credit' && header.ch === this.#call.ch) upto = header.upto
      }
      this.#sendPart(agent, index)
    }
  }

  #sendPart(agent: ScriptedAgent, index: number): void {
    const { ch, key, ra } = this.#call
    const offset = index * CHUNK_BYTES
    const part = this.#body.subarray(offset, offset + CHUNK_BYTES)
    const ack = index % ACK_EVERY_PARTS === ACK_EVERY_PARTS - 1 ? ({ ack: true } as const) : {}
    const number = { ch, n: this.#n, at: agent.advance(ch, this.#n, part.length), ...ack }
    const id = [this.#idTo - 1, this.#idTo] as const
    const last = index === this.parts - 1 ? ({ last: true } as const) : {}
    if (index === 0) agent.send({ type: 'answer', ...number, size: this.#body.length, key, ra, id, failed: false }, part)
    else agent.send({ type: 'chunk', ...number, offset, ra, ...last }, part)
  }
}
