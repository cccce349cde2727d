/** The Share is reset under calls, and its agents come back in any order, or not at all: nothing runs twice. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { RETRY_MS } from '../../../worker/limits.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare, resetShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

const AGENTS = [0, 1, 2, 3] as const
const SERVER = '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}'
/** Sets of capabilities that no two clients share, so that each has a child of its own. */
const CAPABILITIES = [{}, { sampling: {} }, { elicitation: {} }, { sampling: {}, elicitation: {} }]

/** What each call was executed by, in order, whichever process it was: the journal that outlives them all. */
type Journal = Map<string, string[]>

/** One process of an agent: it runs a call whose key it does not know, and answers when it is told to. */
class Process {
  readonly instance: string
  readonly #journal: Journal
  /** Calls that have run here, by key. */
  readonly #known = new Map<string, Call>()
  readonly #channels = new Set<string>()
  /** Calls that the relay has sent and that never arrived, by what they say. */
  readonly #losing: Set<string>
  readonly #arrived = new Map<string, () => void>()
  #link: ScriptedAgent | undefined
  #isAnswering = false

  constructor(instance: string, journal: Journal, losing: Set<string>) {
    this.instance = instance
    this.#journal = journal
    this.#losing = losing
  }

  async connect(share: TestShare, hello: Pick<Hello, 'agent' | 'isolation' | 'era'>): Promise<void> {
    const channels = [...this.#channels].map((ch) => ({ ch, n: this.#link?.lastNumber(ch) ?? 0 }))
    const link = await ScriptedAgent.connect(share, {
      ...hello,
      instance: this.instance,
      join: 'replica',
      held: [...this.#known.keys()],
      channels,
    })
    this.#link = link
    void this.#serve(link)
  }

  /** From now on calls are answered: those that wait, and those that come. */
  answer(): void {
    this.#isAnswering = true
    for (const call of this.#known.values()) this.#reply(call)
  }

  /** Resolves when a call has come this far, whether or not it is lost then. */
  came(text: string): Promise<void> {
    return new Promise((resolve) => this.#arrived.set(text, resolve))
  }

  async #serve(link: ScriptedAgent): Promise<void> {
    for (;;) {
      const frame = await link.next()
      const { header } = frame
      if (header.type === 'open') this.#channels.add(header.ch)
      if (header.type === 'notify') link.send({ type: 'receipts', keys: [header.key] })
      if (header.type === 'call') this.#take({ header, body: frame.body })
    }
  }

  #take(frame: DecodedFrame<Call>): void {
    const { header } = frame
    if (header.method !== 'tools/call') {
      this.#link?.answer(
        header,
        bodyText(frame).slice(...header.id),
        header.method === 'initialize' ? SERVER : '{"tools":[],"resultType":"complete"}',
      )
      return
    }
    const name = /"name":"(call-\d)"/.exec(bodyText(frame))?.[1] ?? ''
    if (this.#losing.delete(name)) {
      this.#arrived.get(name)?.()
      return
    }
    if (!this.#known.has(header.key)) this.#journal.set(name, [...(this.#journal.get(name) ?? []), this.instance])
    this.#known.set(header.key, header)
    this.#arrived.get(name)?.()
    if (this.#isAnswering) this.#reply(header)
  }

  #reply(call: Call): void {
    this.#link?.answer(call, '7', '{"content":[],"resultType":"complete"}')
  }
}

const KINDS = {
  sessions: { isolation: 'session', era: 'legacy' },
  'sessions that share a child': { isolation: 'share', era: 'legacy' },
  'calls without session': { isolation: 'session', era: 'modern' },
} as const
type Kind = keyof typeof KINDS

/** What becomes of the agents. */
interface Fate {
  /** Who comes back, in this order; the others stay away. */
  readonly order: readonly number[]
  /** Who is a new process under the old name. */
  readonly reborn: readonly number[]
  /** Calls that were lost on their way to their agent. */
  readonly lost: readonly number[]
}

type Caller = (name: string) => Promise<Response>

function toolCall(name: string): string {
  return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${name}"}}`
}

/** Clients whose children are spread over all agents, where each has one of its own. */
async function callers(kind: Kind, share: TestShare): Promise<Caller[]> {
  if (kind === 'calls without session')
    return CAPABILITIES.map((capabilities) => (name) => postModern(share, 'tools/call', { name, arguments: {} }, { id: 7, capabilities }))
  const made: Caller[] = []
  for (const _ of AGENTS) {
    const client = new TestClient(share)
    expect((await client.initialize()).status).toBe(200)
    made.push((name) => client.post(toolCall(name)))
  }
  return made
}

interface Told {
  readonly result?: object
  readonly error?: { readonly data: { readonly code: string; readonly executed: string } }
}

let clockAheadMs = 0

/** Four calls on four agents, a reset under them, and what then befalls. */
async function endure(kind: Kind, { order, reborn, lost }: Fate): Promise<void> {
  const share = await createShare()
  const journal: Journal = new Map()
  const losing = new Set(lost.map((at) => `call-${at}`))
  const processes = AGENTS.map((at) => new Process(`first-${at}`, journal, losing))
  for (const [at, process] of processes.entries()) await process.connect(share, { agent: `agent-${at}`, ...KINDS[kind] })
  const holders: number[] = []
  const answers: Promise<Told>[] = []
  for (const [at, call] of (await callers(kind, share)).entries()) {
    const came = processes.map((process, index) => process.came(`call-${at}`).then(() => index))
    answers.push(call(`call-${at}`).then((response) => response.json()))
    holders.push(await Promise.race(came))
  }
  expect(new Set(holders).size).toBe(kind === 'sessions that share a child' ? 1 : AGENTS.length)
  await resetShare(share)
  for (const at of order) {
    const process = reborn.includes(at) ? new Process(`second-${at}`, journal, losing) : processes[at]
    await process?.connect(share, { agent: `agent-${at}`, ...KINDS[kind] })
    process?.answer()
  }
  const isBack = (holder: number | undefined): boolean => holder !== undefined && order.includes(holder) && !reborn.includes(holder)
  const soon = await Promise.all(answers.filter((_, at) => isBack(holders[at])))
  for (const told of soon) expect(told).toHaveProperty('result')
  clockAheadMs += GRACE_MS + 1
  await runDurableObjectAlarm(stubOf(share))
  for (const [at, told] of (await Promise.all(answers)).entries()) {
    const ran = journal.get(`call-${at}`)?.length ?? 0
    expect(ran, `call-${at} has run`).toBeLessThanOrEqual(1)
    if (isBack(holders[at]) || told.result !== undefined) expect(ran).toBe(1)
    if (told.error?.data.executed === 'no') expect(ran).toBe(0)
    if (told.error?.data.executed === 'yes') expect(ran).toBe(1)
  }
}

beforeEach(() => {
  const [real, now] = [setTimeout, Date.now]
  const pausedFor = (ms: number | undefined): number | undefined => (ms === RETRY_MS ? 1 : ms)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms?: number) => real(run, pausedFor(ms))) as typeof setTimeout)
  vi.spyOn(Date, 'now').mockImplementation(() => now() + clockAheadMs)
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** All orders of some agents. */
function orders(agents: readonly number[]): number[][] {
  if (agents.length === 0) return [[]]
  return agents.flatMap((first) => orders(agents.filter((other) => other !== first)).map((rest) => [first, ...rest]))
}

test.each((Object.keys(KINDS) as Kind[]).flatMap((kind) => orders(AGENTS).map((order) => ({ kind, order }))))(
  '$kind: calls under a reset run exactly once when the agents come back in the order $order',
  async ({ kind, order }) => {
    await endure(kind, { order, reborn: [], lost: [] })
  },
)

test.each((Object.keys(KINDS) as Kind[]).flatMap((kind) => orders(AGENTS).map((order) => ({ kind, order }))))(
  '$kind: calls under a reset run at most once when new processes come in the order $order',
  async ({ kind, order }) => {
    await endure(kind, { order, reborn: AGENTS, lost: [] })
  },
)

const fate: fc.Arbitrary<Fate> = fc.record({
  order: fc.shuffledSubarray([...AGENTS]),
  reborn: fc.subarray([...AGENTS]),
  lost: fc.subarray([...AGENTS]),
})

test.each(Object.keys(KINDS) as Kind[])(
  '%s: calls under a reset run at most once whoever comes back, stays away, or is another process, and whatever was lost on the way',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(fate, (one) => endure(kind, one)),
      { numRuns: 40 },
    )
  },
)
