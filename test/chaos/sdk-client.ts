/** Owns the clients of a run that are made of the official SDK, in either era: what a user of it would be told. */
import { setTimeout as delay } from 'node:timers/promises'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { asObject, toolText } from '../harness/json.ts'
import { answerText, type Outcome } from './account.ts'
import { type ChaosClient, DEADLINE_MS, errorOutcome } from './clients.ts'
import type { PlannedCall } from './plan.ts'
import type { ChaosRelay, ShareAccess } from './relay.ts'

/** How long it tries to connect, and the pause between two tries. */
const CONNECT_MS = 60_000
const RECONNECT_MS = 500

const CLIENT_INFO = { name: 'chaos-sdk', version: '1.0.0' }

export class SdkClient implements ChaosClient {
  readonly name: string
  readonly #relay: ChaosRelay
  readonly #share: ShareAccess
  /** Revision to pin, or undefined for the handshake. */
  readonly #pin: string | undefined
  #connecting: Promise<Client> | undefined
  /** Outages of the relay that there had been when it connected. */
  #outages = 0

  constructor(name: string, relay: ChaosRelay, share: ShareAccess, pin?: string) {
    this.name = name
    this.#relay = relay
    this.#share = share
    this.#pin = pin
  }

  async begin(): Promise<void> {
    await this.#client()
  }

  async make({ arg, tool, ms, kib, steps, progress, log }: PlannedCall): Promise<Outcome> {
    try {
      const client = await this.#client()
      const name = tool === 'note' || tool === 'visit' ? 'once' : tool
      let last = -Infinity
      let isFalling = false
      const onprogress = (told: { readonly progress: number }): void => {
        isFalling ||= told.progress <= last
        last = told.progress
      }
      const options = { timeout: DEADLINE_MS, maxTotalTimeout: DEADLINE_MS, ...(progress ? { onprogress } : {}) }
      const result = await client.callTool({ name, arguments: { arg, ms, kib, steps, log } }, options)
      if (isFalling) return { kind: 'wrong', detail: 'progress that does not rise' }
      const text = toolText(result)
      return text === answerText(arg, kib) ? { kind: 'answered' } : { kind: 'wrong', detail: `the answer ${text.slice(0, 80)}` }
    } catch (error) {
      return outcomeOfError(error)
    }
  }

  /** The session of a client lives on in a relay that was killed; its streams do not, and the SDK does not always notice. */
  async #client(): Promise<Client> {
    const outages = this.#relay.outages.length
    if (this.#connecting === undefined || outages !== this.#outages) {
      this.#outages = outages
      this.#connecting = this.#connect()
      this.#connecting.catch(() => {
        this.#connecting = undefined
      })
    }
    return this.#connecting
  }

  /** A relay without its agents refuses the SDK's first question at once; a user would try again. */
  async #connect(): Promise<Client> {
    for (const untilMs = Date.now() + CONNECT_MS; ;) {
      try {
        return await this.#connectOnce()
      } catch (error) {
        if (Date.now() > untilMs) throw error
        await delay(RECONNECT_MS)
      }
    }
  }

  async #connectOnce(): Promise<Client> {
    const options = this.#pin === undefined ? {} : { versionNegotiation: { mode: { pin: this.#pin } } }
    const client = new Client(CLIENT_INFO, { capabilities: {}, ...options })
    const requestInit = { headers: { authorization: `Bearer ${this.#share.clientToken}` } }
    await client.connect(new StreamableHTTPClientTransport(new URL(this.#share.url), { requestInit }))
    return client
  }
}

/** JSON-RPC errors come as they are; those with another HTTP status have the response's text in them. */
function outcomeOfError(error: unknown): Outcome {
  const text = error instanceof Error ? `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}` : String(error)
  const typed = errorOutcome(0, { error })
  if (typed.kind === 'failed') return typed
  const facts = typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined
  const said = typeof facts === 'object' && facts !== null ? Object.values(facts).map(String) : []
  for (const one of [text, ...said]) {
    const [body] = /\{"jsonrpc".*\}/s.exec(one) ?? []
    if (body !== undefined) return errorOutcome(0, asObject(JSON.parse(body)))
  }
  // The SDK hears nothing of a stream that breaks off, and waits on: whether that is lost depends on what broke it.
  if (/timed? ?out/i.test(text)) return { kind: 'disconnected', detail: `the SDK waited in vain: ${text}`, isInVain: true }
  const isBroken = error instanceof TypeError || /fetch failed|terminated|socket|connection closed/i.test(text)
  return isBroken ? { kind: 'disconnected', detail: text } : { kind: 'untyped', detail: `${text} ${said.join(' ')}`.slice(0, 300) }
}
