/** An agent whose servers answer at once, but what a test has them keep; and what they say when they are told to. */
import type { Call } from '../../../protocol/frame.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import type { TestShare } from './relay.ts'
import { bodyText, ScriptedAgent } from './scripted-agent.ts'

const SERVER =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{},"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"}}'

/** Where a server says something: a channel, and the call that it belongs to. */
export interface Place {
  readonly ch: string
  readonly ra?: string
}

export class ServingAgent {
  readonly agent: ScriptedAgent
  readonly channels: string[] = []
  /** Calls that are never answered. */
  readonly kept: Call[] = []
  /** Methods that are kept from now on. */
  readonly keeps: Set<string>
  /** Whether its servers read what they are notified of, and what they are answered. */
  isRead = true
  /** Keys of what they have not read. */
  readonly #unread: string[] = []
  #came = Promise.withResolvers<void>()

  private constructor(agent: ScriptedAgent, keeps: readonly string[]) {
    this.agent = agent
    this.keeps = new Set(keeps)
    void this.#serve()
  }

  static async connect(share: TestShare, keeps: readonly string[], hello: Partial<Omit<Hello, 'type'>> = {}): Promise<ServingAgent> {
    return new ServingAgent(await ScriptedAgent.connect(share, { era: 'legacy', ...hello }), keeps)
  }

  /** The channel that opens while `act` is done. */
  async channelOf(act: () => Promise<unknown>): Promise<string> {
    const next = this.#next(this.channels)
    await act()
    return next
  }

  /** The next call that is kept, while `act` is done or has been begun. */
  async callOf(act: () => unknown): Promise<Call> {
    const next = this.#next(this.kept)
    void act()
    return next
  }

  /** A notification, of `pad` and a little more. */
  say({ ch, ra }: Place, mark: string, pad = ''): void {
    const uri = `x:${mark}`
    if (ra !== undefined) this.agent.notify(ch, logged(mark, pad), { ra, sure: true })
    else if (ch.startsWith('b-')) this.agent.notify(ch, updated(uri, pad), { uri })
    else this.agent.notify(ch, logged(mark, pad))
  }

  /** The next message that is not read, while `act` is done. */
  async unreadOf(act: () => unknown): Promise<string> {
    const next = this.#next(this.#unread)
    void act()
    return next
  }

  #take(key: string): void {
    if (this.isRead) this.agent.send({ type: 'receipts', keys: [key] })
    else this.#unread.push(key)
  }

  async #next<T>(of: readonly T[]): Promise<T> {
    const count = of.length
    for (;;) {
      const next = of[count]
      if (next !== undefined) return next
      await this.#came.promise
    }
  }

  async #serve(): Promise<void> {
    for (;;) {
      const frame = await this.agent.next()
      const { header } = frame
      if (header.type === 'open') this.channels.push(header.ch)
      else if (header.type === 'notify' || header.type === 'respond') this.#take(header.key)
      else if (header.type !== 'call') continue
      else if (this.keeps.has(header.method)) this.kept.push(header)
      else this.agent.answer(header, bodyText(frame).slice(...header.id), header.method === 'initialize' ? SERVER : '{"tools":[]}')
      this.#came.resolve()
      this.#came = Promise.withResolvers()
    }
  }
}

function logged(mark: string, pad: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${mark}","pad":"${pad}"}}`
}

function updated(uri: string, pad: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}","pad":"${pad}"}}`
}
