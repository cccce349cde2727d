/** An agent whose server answers handshakes, lists and calls by itself, until it is told to be silent about calls of tools; those are the test's to answer. */
import type { Call, RelayFrame } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import type { ScriptedAgent } from './scripted-agent.ts'

const TOOLS = JSON.stringify({
  tools: [
    { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
    { name: 'set', inputSchema: { type: 'object' }, annotations: { idempotentHint: true } },
    { name: 'pay', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } },
  ],
  resultType: 'complete',
})
const SERVER = { serverInfo: { name: 's', version: '1' }, capabilities: { tools: {} } }
const INITIALIZE = JSON.stringify({ protocolVersion: '2025-11-25', ...SERVER })
const DISCOVER = JSON.stringify({ supportedVersions: ['2026-07-28'], resultType: 'complete', ttlMs: 0, cacheScope: 'private', ...SERVER })

export class PlayingAgent {
  readonly agent: ScriptedAgent
  /** Methods of the calls that have come, in order. */
  readonly heard: string[] = []
  /** Channels that it was told to close. */
  readonly closed: string[] = []
  readonly #name: string
  /** What it answers to tools/list. */
  readonly #tools: string
  readonly #calls: DecodedFrame<Call>[] = []
  #wake: (() => void) | undefined
  isSilent = false

  constructor(agent: ScriptedAgent, name: string, tools = TOOLS) {
    this.agent = agent
    this.#name = name
    this.#tools = tools
    void this.#play()
  }

  /** The next call of a tool, which is then the test's to answer. */
  async call(): Promise<DecodedFrame<Call>> {
    for (let call = this.#calls.shift(); ; call = this.#calls.shift()) {
      if (call !== undefined) return call
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async #play(): Promise<void> {
    for (;;) {
      const frame = await this.agent.next()
      const { header } = frame
      if (isCall(frame)) this.#hear(frame)
      else if (header.type === 'close') this.closed.push(header.ch)
      else if (header.type === 'notify') this.agent.send({ type: 'receipts', keys: [header.key] })
    }
  }

  #hear(frame: DecodedFrame<Call>): void {
    const facts = scanMessage(frame.body)
    const rawId = facts.ok ? (facts.value.id?.raw ?? 'null') : 'null'
    const { header } = frame
    this.heard.push(header.method)
    if (header.method === 'initialize') this.agent.answer(header, rawId, INITIALIZE)
    else if (header.method === 'server/discover') this.agent.answer(header, rawId, DISCOVER)
    else if (header.method === 'tools/list') this.agent.answer(header, rawId, this.#tools)
    else if (!this.isSilent) this.agent.answer(header, rawId, `{"by":"${this.#name}","resultType":"complete"}`)
    else {
      this.#calls.push(frame)
      this.#wake?.()
    }
  }
}

function isCall(frame: DecodedFrame<RelayFrame>): frame is DecodedFrame<Call> {
  return frame.header.type === 'call'
}
