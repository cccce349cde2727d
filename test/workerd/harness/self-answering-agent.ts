/** An agent whose server answers by itself: lists what it was given, and says its own name in answer to calls. */
import type { Call, Open, RelayFrame, Replay } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { isObject } from '../../../protocol/json/json-object.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import type { TestShare } from './relay.ts'
import { bodyText, ScriptedAgent } from './scripted-agent.ts'

/** What its server offers. */
interface Offered {
  readonly tools?: readonly string[]
  readonly prompts?: readonly string[]
  readonly resources?: readonly string[]
  /** What it says that it can do; all that it offers where nothing is said. */
  readonly capabilities?: object
}

/** A call that came, with the params that it had. */
interface Heard {
  readonly header: Call
  /** As JSON text. */
  readonly rawId: string
  readonly params: Record<string, unknown>
}

export class SelfAnsweringAgent {
  readonly agent: ScriptedAgent
  readonly name: string
  /** Calls that have come, but for handshakes, and were not asked for; and what opened the channels. */
  readonly heard: Heard[] = []
  readonly opened = new Map<string, Open>()
  /** Channels that were closed. */
  readonly closed: string[] = []
  /** Cancelled calls, by tag; answers of clients, by the ids of what they answer; and what was asked for again. */
  readonly cancelled: string[] = []
  readonly responded: string[] = []
  readonly replays: Replay[] = []
  /** Calls of these tools are not answered: the test does it. */
  readonly held = new Set<string>()
  /** Its tools that say that they only read. */
  readonly readOnly = new Set<string>()
  offered: Offered
  /** Whether its server speaks 2026-07-28. */
  readonly #isModern: boolean
  readonly #waiting: { readonly found: (heard: Heard) => boolean; readonly resolve: (heard: Heard) => void }[] = []

  constructor(agent: ScriptedAgent, name: string, offered: Offered, isModern: boolean) {
    this.agent = agent
    this.name = name
    this.offered = offered
    this.#isModern = isModern
    void this.#run()
  }

  static async connect(
    share: TestShare,
    name: string,
    offered: Offered,
    hello: Partial<Omit<Hello, 'type'>> = {},
  ): Promise<SelfAnsweringAgent> {
    const agent = await ScriptedAgent.connect(share, { agent: name, instance: `${name}-1`, ...hello })
    return new SelfAnsweringAgent(agent, name, offered, hello.era === 'modern')
  }

  /** The next call of this method that comes, or has come and was not asked for. */
  call(method: string, tool?: string): Promise<Heard> {
    const found = ({ header, params }: Heard): boolean => header.method === method && (tool === undefined || params['name'] === tool)
    const { promise, resolve } = Promise.withResolvers<Heard>()
    const before = this.heard.findIndex(found)
    const [heard] = before === -1 ? [] : this.heard.splice(before, 1)
    if (heard === undefined) this.#waiting.push({ found, resolve })
    else resolve(heard)
    return promise
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.heard.filter(({ header }) => header.method === method).length
  }

  answer(heard: Heard, text: string): void {
    this.answerAs(heard, `{"content":[{"type":"text","text":${JSON.stringify(text)}}]`)
  }

  /** `result`: its members, without what ends it. */
  answerAs({ header, rawId }: Heard, result: string): void {
    this.agent.answer(header, rawId, this.#complete(result))
  }

  /** The child of a call asks its client. */
  elicit({ header: { ch, ra } }: Heard, id: string): void {
    const body = new TextEncoder().encode(
      `{"jsonrpc":"2.0","id":${id},"method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}`,
    )
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad ask')
    const at = {
      ...this.agent.number(ch, body.length),
      size: body.length,
      method: 'elicitation/create',
      id: facts.value.id.span,
      rawId: id,
    }
    this.agent.send({ type: 'ask', ...at, ra, sure: true }, body)
  }

  async #run(): Promise<void> {
    for (;;) this.#take(await this.agent.next())
  }

  #take(frame: DecodedFrame<RelayFrame>): void {
    const { header } = frame
    if (header.type === 'notify' || header.type === 'respond') this.agent.send({ type: 'receipts', keys: [header.key] })
    if (header.type === 'notify' && header.cancels !== undefined) this.cancelled.push(header.cancels)
    if (header.type === 'respond') this.responded.push(header.rawId)
    if (header.type === 'replay') this.replays.push(header)
    if (header.type === 'open') this.opened.set(header.ch, header)
    if (header.type === 'close') this.closed.push(header.ch)
    if (header.type !== 'call') return
    const { params } = JSON.parse(bodyText(frame)) as { readonly params?: unknown }
    const heard = { header, rawId: bodyText(frame).slice(...header.id), params: isObject(params) ? params : {} }
    const result = this.#resultOf(heard)
    if (header.method !== 'initialize' && header.method !== 'server/discover') this.#hear(heard)
    if (result !== undefined) this.agent.answer(header, bodyText(frame).slice(...header.id), this.#complete(result))
  }

  #hear(heard: Heard): void {
    const at = this.#waiting.findIndex(({ found }) => found(heard))
    const [waiting] = at === -1 ? [] : this.#waiting.splice(at, 1)
    if (waiting === undefined) this.heard.push(heard)
    else waiting.resolve(heard)
  }

  /** The members of the result, without what ends it. */
  #resultOf({ header: { method }, params }: Heard): string | undefined {
    const { tools = [], prompts = [], resources = [] } = this.offered
    const declared = {
      ...(this.offered.tools && { tools: {} }),
      ...(this.offered.prompts && { prompts: {} }),
      ...(this.offered.resources && { resources: {} }),
    }
    const capabilities = JSON.stringify(this.offered.capabilities ?? declared)
    const text = `${this.name}: ${String(params['name'] ?? params['uri'])}`
    switch (method) {
      case 'initialize':
        return `{"protocolVersion":"2025-11-25","capabilities":${capabilities},"serverInfo":{"name":"${this.name}","version":"1"}`
      case 'tools/list':
        return `{"tools":[${tools.map((name) => this.#tool(name)).join(',')}]`
      case 'prompts/list':
        return `{"prompts":[${prompts.map((name) => `{"name":"${name}"}`).join(',')}]`
      case 'resources/list':
        return `{"resources":[${resources.map((uri) => `{"name":"r","uri":"${uri}"}`).join(',')}]`
      case 'tools/call':
        return this.held.has(String(params['name'])) ? undefined : `{"content":[{"type":"text","text":${JSON.stringify(text)}}]`
      case 'prompts/get':
        return `{"messages":[],"description":${JSON.stringify(text)}`
      case 'resources/read':
        return `{"contents":[{"uri":${JSON.stringify(params['uri'])},"text":${JSON.stringify(text)}}]`
      default:
        return '{"said":true'
    }
  }

  #tool(name: string): string {
    const more = this.readOnly.has(name) ? ',"annotations":{"readOnlyHint":true}' : ''
    return `{"name":"${name}","inputSchema":{"type":"object"},"n":1.0${more}}`
  }

  #complete(result: string): string {
    return `${result}${this.#isModern ? ',"resultType":"complete"' : ''}}`
  }
}
