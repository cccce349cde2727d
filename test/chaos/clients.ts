/** Owns what the clients of a run do: make one planned call and tell what came of it, without any kindness of an SDK. */
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '../harness/deadline.ts'
import { asObject, type JsonObject, toolText } from '../harness/json.ts'
import { type Listener, RawClient } from '../harness/raw-client.ts'
import type { Executed } from '../../protocol/errors.ts'
import { answerText, type Interval, type Outcome } from './account.ts'
import { ask } from './exchange.ts'
import type { PlannedCall } from './plan.ts'
import type { ShareAccess } from './relay.ts'

/** By then every promise of the relay has run out: a long call, the grace time, the wait for an agent, and some. */
export const DEADLINE_MS = 150_000

type OnAbsence = (absence: Interval) => void

/** One client of a share. */
export interface ChaosClient {
  readonly name: string
  /** Makes itself known, before any fault. */
  begin(): Promise<void>
  /** Never rejects. `onAbsence` is told when the client goes away from the answer, and comes back for it. */
  make(call: PlannedCall, onAbsence: OnAbsence): Promise<Outcome>
  end?(): void
  readonly strays?: readonly string[]
}

/** Bound of a wait that only the end of the run ends, and the pause before a GET stream that has ended is opened again. */
const NEVER_MS = 2 ** 31 - 1
const RELISTEN_MS = 300

export const MODERN_REVISION = '2026-07-28'
const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': MODERN_REVISION,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'chaos', version: '1.0.0' },
}

/** A client of the handshake era that writes its HTTP by hand. */
export class LegacyClient implements ChaosClient {
  readonly name: string
  readonly #share: ShareAccess
  readonly #client: RawClient
  readonly #listens: boolean
  #listener: Listener | undefined
  #hasEnded = false
  #lastId = 0
  /** Messages on the listening stream that were not for this client. */
  readonly strays: string[] = []

  /** @param listens whether it keeps a GET stream open. */
  constructor(name: string, share: ShareAccess, listens: boolean) {
    this.name = name
    this.#share = share
    this.#listens = listens
    this.#client = new RawClient(share.url, share.clientToken)
  }

  async begin(): Promise<void> {
    await this.#client.initialize()
    if (this.#listens) void this.#listen()
  }

  end(): void {
    this.#hasEnded = true
    void this.#listener?.[Symbol.asyncDispose]()
  }

  async make(call: PlannedCall, onAbsence: OnAbsence): Promise<Outcome> {
    if (call.tool === 'note') return outcomeOf(() => this.#note(call))
    if (call.tool === 'visit') return outcomeOf(() => this.#visit(call, onAbsence))
    return outcomeOf(() => callTool(this.#client, ++this.#lastId, call, { name: this.name, onAbsence }))
  }

  /** Keeps a GET stream open, and another when that ends. */
  async #listen(): Promise<void> {
    while (!this.#hasEnded) {
      try {
        this.#listener = await this.#client.listen()
        for (
          let message = await this.#listener.nextMessage(NEVER_MS);
          message !== undefined;
          message = await this.#listener.nextMessage(NEVER_MS)
        )
          this.#hear(message)
      } catch {
        // The relay was killed, or we are through; that calls are answered shows whether the session lives.
      }
      await delay(RELISTEN_MS)
    }
  }

  #hear(message: JsonObject): void {
    const { method } = message
    // Clients of a server that was started anew are told that its lists may have changed.
    if (typeof method === 'string' && method.endsWith('/list_changed')) return
    const { data } = asObject(message['params'] ?? {})
    if (method !== 'notifications/message' || typeof data !== 'string' || !data.startsWith(`${this.name}.`))
      this.strays.push(JSON.stringify(message).slice(0, 200))
  }

  async #note({ arg }: PlannedCall): Promise<Outcome> {
    const response = await this.#client.notify('notifications/chaos', { arg }, { boundMs: DEADLINE_MS })
    const text = await response.text()
    return response.status === 202 ? { kind: 'answered' } : errorOutcome(response.status, text === '' ? {} : asObject(JSON.parse(text)))
  }

  /** A whole session for one call. What fails before the call leaves it unexecuted. */
  async #visit(call: PlannedCall, onAbsence: OnAbsence): Promise<Outcome> {
    const client = new RawClient(this.#share.url, this.#share.clientToken)
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'visitor', version: '1.0.0' } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
    const { status, headers, messages } = await ask(client, body, { boundMs: DEADLINE_MS })
    const answer = messages.at(-1) ?? {}
    const sessionId = headers.get('mcp-session-id')
    if (answer['result'] === undefined || sessionId === null) return notBegun(errorOutcome(status, answer))
    client.sessionId = sessionId
    client.protocolVersion = '2025-11-25'
    const noted = await client.notify('notifications/initialized', undefined, { boundMs: DEADLINE_MS })
    const text = await noted.text()
    if (noted.status !== 202) return notBegun(errorOutcome(noted.status, text === '' ? {} : asObject(JSON.parse(text))))
    const outcome = await callTool(client, 1, { ...call, tool: 'once' }, { name: this.name, onAbsence })
    await client.raw('DELETE').catch(() => undefined)
    return outcome
  }
}

/** A client of revision 2026-07-28, which has no session. */
export class ModernClient implements ChaosClient {
  readonly name: string
  readonly #client: RawClient
  #lastId = 0

  constructor(name: string, share: ShareAccess) {
    this.name = name
    this.#client = new RawClient(share.url, share.clientToken)
    this.#client.protocolVersion = MODERN_REVISION
  }

  begin(): Promise<void> {
    return Promise.resolve()
  }

  async make(call: PlannedCall, onAbsence: OnAbsence): Promise<Outcome> {
    const headers = { 'mcp-method': 'tools/call', 'mcp-name': call.tool }
    return outcomeOf(() => callTool(this.#client, ++this.#lastId, call, { name: this.name, onAbsence, meta: MODERN_META, headers }))
  }
}

/** Whose call it is, and what its era adds. */
interface Manner {
  readonly name: string
  readonly onAbsence: OnAbsence
  readonly meta?: JsonObject
  readonly headers?: Readonly<Record<string, string>>
}

async function callTool(
  client: RawClient,
  id: number,
  { arg, tool, ms, kib, steps, progress, log, leaves }: PlannedCall,
  { name, onAbsence, meta = {}, headers = {} }: Manner,
): Promise<Outcome> {
  const token = `token of ${arg}`
  const params = { name: tool, arguments: { arg, ms, kib, steps, log }, _meta: progress ? { ...meta, progressToken: token } : meta }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  const { status, messages } = await ask(client, body, { boundMs: DEADLINE_MS, headers, leaves, onAbsence })
  const answer = messages.at(-1) ?? {}
  const stray = strayMessage(messages.slice(0, -1), name, progress ? token : undefined)
  if (stray !== undefined) return { kind: 'wrong', detail: stray }
  if (answer['result'] === undefined) return errorOutcome(status, answer)
  if (answer['id'] !== id) return { kind: 'wrong', detail: `the id ${String(answer['id'])} for ${id}` }
  const text = toolText(answer['result'])
  return text === answerText(arg, kib) ? { kind: 'answered' } : { kind: 'wrong', detail: `the answer ${text.slice(0, 80)}` }
}

/** What came before the answer and was not for this client, or not in order. */
function strayMessage(messages: readonly JsonObject[], name: string, token: string | undefined): string | undefined {
  let last = -Infinity
  for (const message of messages) {
    const params = asObject(message['params'] ?? {})
    if (message['method'] === 'notifications/progress') {
      const { progressToken, progress } = params
      if (progressToken !== token) return `progress with the token ${String(progressToken)} for ${token}`
      if (typeof progress !== 'number' || progress <= last) return `progress ${String(progress)} after ${last}`
      last = progress
    } else if (message['method'] === 'notifications/message') {
      const { data } = params
      if (typeof data !== 'string' || !data.startsWith(`${name}.`)) return `a log message of ${String(data)} for ${name}`
    } else return `${JSON.stringify(message).slice(0, 80)} before the answer`
  }
  return undefined
}

/** The error as the contract has it: JSON-RPC, saying whether the call ran, and whether to try again. */
export function errorOutcome(status: number, message: JsonObject): Outcome {
  const untyped = { kind: 'untyped', detail: `${status} ${JSON.stringify(message).slice(0, 300)}` } as const
  const error = message['error']
  if (typeof error !== 'object' || error === null) return untyped
  const data = asObject(error)['data']
  if (typeof data !== 'object' || data === null) return untyped
  const { code, executed, retryable } = asObject(data)
  if (typeof code !== 'string' || typeof retryable !== 'boolean' || !isExecuted(executed)) return untyped
  return { kind: 'failed', code, executed, retryable }
}

function isExecuted(value: unknown): value is Executed {
  return value === 'no' || value === 'yes' || value === 'unknown'
}

/** The call was never sent, whatever became of its session's beginning. */
function notBegun(outcome: Outcome): Outcome {
  return outcome.kind === 'failed' ? { ...outcome, code: `${outcome.code} at initialize`, executed: 'no' } : outcome
}

async function outcomeOf(make: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await within(make(), 'the outcome of a call', DEADLINE_MS)
  } catch (error) {
    const text =
      error instanceof Error ? `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}` : String(error)
    if (text.includes('in vain') || text.includes('timeout')) return { kind: 'lost' }
    return error instanceof TypeError && !text.startsWith('no ')
      ? { kind: 'disconnected', detail: text }
      : { kind: 'untyped', detail: text }
  }
}
