/** Calls that wait for the owner, in a test: a server whose tools are listed, the owner who looks and decides, and clients of each kind. */
import { runInDurableObject } from 'cloudflare:test'
import { expect } from 'vitest'
import type { Call, RelayFrame } from '../../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../../protocol/frame-codec.ts'
import { scanMessage } from '../../../../protocol/json/json-scan.ts'
import { order } from '../orders.ts'
import { callOf } from '../tool-calls.ts'
import { stubOf, type TestShare } from '../relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent } from '../scripted-agent.ts'
import { MUTE } from '../bridged-session.ts'
import { refuseReplayed } from '../left-stream.ts'

export const HOLDS = { hold: ['write_*'] }

/** What the server lists of its tools. */
export function toolsText(description = 'writes'): string {
  const tool = (name: string): object => ({ name, description, inputSchema: { type: 'object' } })
  return JSON.stringify({ tools: [tool('write_file'), tool('write_other'), tool('read_file')] })
}

export function callText(id: number, args: object | string = { path: '/a' }, name = 'write_file'): string {
  return callOf(id, name, args)
}

/** Answers handshakes and lists; the calls of tools are the test's. */
export class ToolServer {
  readonly agent: ScriptedAgent
  /** What it lists. */
  tools = toolsText()
  /** Whether the agent has forgotten all calls that clients come back for. */
  hasForgotten = false
  readonly #calls: DecodedFrame<Call>[] = []
  #came = Promise.withResolvers<void>()

  constructor(agent: ScriptedAgent) {
    this.agent = agent
    void this.#serve()
  }

  static async connect(share: TestShare, hello: Parameters<typeof ScriptedAgent.connect>[1] = {}, lane = 0): Promise<ToolServer> {
    return new ToolServer(await ScriptedAgent.connect(share, hello, lane))
  }

  /** The next call of a tool that has reached it. */
  async next(): Promise<DecodedFrame<Call>> {
    for (;;) {
      const call = this.#calls.shift()
      if (call !== undefined) return call
      await this.#came.promise
    }
  }

  /** Resolves when a call comes. */
  get came(): Promise<void> {
    return this.#came.promise
  }

  /** Calls that have come and were not taken. */
  get waiting(): number {
    return this.#calls.length
  }

  /** Takes the next call, and answers it. */
  async answerNext(result = '{"content":[]}'): Promise<DecodedFrame<Call>> {
    const frame = await this.next()
    this.answer(frame, result)
    return frame
  }

  answer(frame: DecodedFrame<Call>, result = '{"content":[]}'): void {
    this.agent.answer(frame.header, bodyText(frame).slice(...frame.header.id), result)
  }

  /** The server asks its client in the middle of a call. */
  elicit({ ch, ra }: Call, rawId: string): void {
    const body = new TextEncoder().encode(
      `{"jsonrpc":"2.0","id":${rawId},"method":"elicitation/create","params":{"message":"Sure?","requestedSchema":{"type":"object","properties":{}}}}`,
    )
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad ask')
    const place = { ...this.agent.number(ch, body.length), size: body.length, id: facts.value.id.span, rawId, ra, sure: true } as const
    this.agent.send({ type: 'ask', ...place, method: 'elicitation/create' }, body)
  }

  /** The server says that its tools have changed. */
  change(ch: string, tools: string): void {
    this.tools = tools
    this.agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  }

  async #serve(): Promise<void> {
    for (;;) this.#take(await this.agent.next())
  }

  #take({ header, body }: DecodedFrame<RelayFrame>): void {
    if (header.type === 'notify' || header.type === 'respond') this.agent.send({ type: 'receipts', keys: [header.key] })
    if (header.type === 'replay' && header.key !== undefined && this.hasForgotten) refuseReplayed(this.agent, header, 'EVENTS_LOST')
    if (header.type !== 'call') return
    const frame = { header, body }
    switch (header.method) {
      case 'initialize':
        return this.answer(frame, BARE_SERVER)
      case 'server/discover':
        return this.answer(frame, MUTE)
      case 'tools/list':
        return this.answer(frame, this.tools)
      case 'tools/call':
        this.#calls.push(frame)
        this.#came.resolve()
        this.#came = Promise.withResolvers<void>()
        return
      default:
    }
  }
}

export interface Approval {
  readonly id: string
  readonly at: string
  readonly expires_at: string | null
  readonly principal: string
  readonly link: { readonly id: string; readonly name: string | null }
  readonly client: string | null
  readonly tool: string
  readonly arguments: string | null
  readonly other_params: string | null
  readonly decision?: string
}

/** Requests in a row after which nothing comes any more. */
export const MAX_ASKED = 2_000

/** The owner of a share, at the relay's API. */
export class Owner {
  readonly share: TestShare

  constructor(share: TestShare) {
    this.share = share
  }

  /** Has calls of some tools wait. */
  async holds(policy: object = HOLDS): Promise<void> {
    expect((await order('PATCH', `/api/shares/${this.share.id}`, { policy })).status).toBe(200)
  }

  async list(): Promise<{ readonly approvals: readonly Approval[]; readonly decisions: readonly Approval[]; readonly next?: string }> {
    const { status, told } = await order('GET', this.#path())
    expect(status).toBe(200)
    return told as never
  }

  /** What waits, once it is so many. */
  async waiting(count = 1): Promise<readonly Approval[]> {
    for (let asked = 0; asked < MAX_ASKED; asked++) {
      const { approvals } = await this.list()
      if (approvals.length === count) return approvals
      if (approvals.length > count) throw new Error(`${count} were to wait, and ${approvals.length} do`)
    }
    throw new Error(`${count} were to wait, and never did`)
  }

  /** The one that waits, once there is one. */
  async sole(): Promise<Approval> {
    const [approval] = await this.waiting()
    if (approval === undefined) throw new Error('nothing waits')
    return approval
  }

  async decide(decision: string, id?: string): Promise<Approval> {
    const { status, told } = await order('POST', this.#path(id ?? (await this.sole()).id), { decision })
    expect(status).toBe(200)
    return told as never
  }

  async forget(id: string): Promise<number> {
    return (await order('DELETE', this.#path(id))).status
  }

  #path(id?: string): string {
    return `/api/shares/${this.share.id}/approvals${id === undefined ? '' : `/${id}`}`
  }
}

/** Resolves once so many Workers wait for the owner by their sockets. */
export async function heldWaits(share: TestShare, count: number): Promise<void> {
  const waiting = (): Promise<number> =>
    runInDurableObject(stubOf(share), (_, ctx) => {
      const sockets = ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN)
      return sockets.filter((socket) => (socket.deserializeAttachment() as { kind?: string } | null)?.kind === 'held').length
    })
  for (let asked = 0; (await waiting()) !== count; asked++) if (asked > MAX_ASKED) throw new Error(`${count} were to wait`)
}

/** What a model reads of a call that was not made: the code, or undefined of a call that was. */
export function heldCode(message: unknown): string | undefined {
  const { result } = message as { result?: { isError?: boolean; content?: unknown[]; _meta?: Record<string, string> } }
  if (result?.isError !== true) return undefined
  expect(result.content).toMatchObject([{ type: 'text', text: expect.stringContaining('owner') }])
  return result._meta?.['mcp-edge/code']
}
