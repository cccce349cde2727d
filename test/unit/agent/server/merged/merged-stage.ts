/** A session with a merged server whose servers the test plays itself. */
import type { Child, ChildEnd, ChildHandlers } from '../../../../../agent/server/child.ts'
import { mergedStart } from '../../../../../agent/server/merged/merged-child.ts'
import { type MergedServer, MergedServers } from '../../../../../agent/server/merged/merged-servers.ts'
import { FakeChild } from '../../fake-child.ts'
import { SILENT_LOG } from '../../silent-log.ts'

export type Message = Readonly<Record<string, unknown>>

/** What a server answers to initialize. */
const HELLO = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, prompts: {}, resources: {} },
  serverInfo: { name: 's', version: '1' },
}

export class MergedStage {
  readonly servers: MergedServers
  readonly child: Child
  /** What the client was told. */
  readonly lines: string[] = []
  readonly ends: ChildEnd[] = []
  readonly tooLong: number[] = []
  /** How many messages of the client's were taken, or never can be. */
  taken = 0
  readonly #started = new Map<string, FakeChild[]>()

  constructor(...names: readonly string[]) {
    this.servers = new MergedServers(names.map((name) => this.server(name)))
    this.child = mergedStart(
      this.servers,
      '1.2.3',
    )({
      line: (bytes) => void this.lines.push(Buffer.from(bytes).toString()),
      tooLong: (_head, _tail, size) => void this.tooLong.push(size),
      stderr: () => {},
      gone: (end) => void this.ends.push(end),
    })
  }

  /** A name that ends in `!` is that of a server whose names have no prefix. */
  server(text: string, more: Partial<MergedServer> = {}): MergedServer {
    const name = text.replace('!', '')
    return {
      name,
      isBare: text.endsWith('!'),
      digest: '',
      tellsStderr: false,
      log: SILENT_LOG,
      start: (handlers) => {
        const fake = new FakeChild(handlers)
        this.#started.set(name, [...this.starts(name), fake])
        return fake
      },
      ...more,
    }
  }

  /** A process of the server `a` that never says whether it takes what it is sent. */
  mute(handlers: ChildHandlers): Child {
    const fake = new FakeChild(handlers)
    this.#started.set('a', [fake])
    return {
      pid: 1,
      unfinished: () => undefined,
      write: (bytes) => fake.write(bytes, () => {}),
      pause: () => {},
      resume: () => {},
      stop: () => fake.stop(),
      kill: () => {},
    }
  }

  starts(name: string): readonly FakeChild[] {
    return this.#started.get(name) ?? []
  }

  /** The latest process of a server. */
  of(name: string): FakeChild {
    const fake = this.starts(name).at(-1)
    if (fake === undefined) throw new Error(`${name} was not started`)
    return fake
  }

  sends(message: Message | string): void {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })
    this.child.write(Buffer.from(`${text}\n`), () => void this.taken++)
  }

  /** All that the client was told so far, and nothing of it again. */
  async heard(): Promise<Message[]> {
    await settled()
    return this.lines.splice(0).map((line) => JSON.parse(line) as Message)
  }

  /** A server answers the latest request of this method. */
  answers(name: string, method: string, result: unknown): void {
    this.of(name).says({ jsonrpc: '2.0', id: this.asked(name, method)['id'], result })
  }

  /** The latest request of this method that a server has got. */
  asked(name: string, method: string): Message {
    const request = this.of(name).written.findLast((message) => message['method'] === method)
    if (request === undefined) throw new Error(`${name} was not asked ${method}`)
    return request
  }

  /** Methods and ids of what a server was sent. */
  got(name: string): unknown[] {
    return this.of(name).written.map(({ method, id, result }) =>
      method === undefined ? { id, result } : id === undefined ? method : [method, id],
    )
  }

  initialize(): void {
    this.sends({
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
    })
  }

  /** A server takes the handshake. */
  greets(name: string, more: Message = {}): void {
    this.answers(name, 'initialize', { ...HELLO, ...more })
  }

  /** The session has begun, with all that are there. */
  async begin(more: Readonly<Record<string, Message>> = {}): Promise<void> {
    this.initialize()
    for (const { name } of this.servers.all) this.greets(name, more[name])
    this.sends({ method: 'notifications/initialized' })
    await this.heard()
  }
}

/** What was put off until an answer may come has come. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** The result of an answer; empty of anything else. */
export function resultOf(answer: Message | undefined): Message {
  const result = answer?.['result']
  return typeof result === 'object' && result !== null ? { ...result } : {}
}
