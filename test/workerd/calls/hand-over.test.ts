/** A call moves from RPC to a socket: whatever comes at whichever step of that, its client gets it exactly once. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import app from '../../../worker/index.ts'
import { FIRST_ANSWER_MS, MOVE_AFTER_MS } from '../../../worker/limits.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { verifies } from '../../requirements/verifies.ts'
import { BigAnswer } from '../harness/big-answer.ts'
import { EventReader, ORIGIN, resetShare, type TestClient } from '../harness/relay.ts'
import { connected, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"t"}}'
const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const ANSWER = '{"jsonrpc":"2.0","id":7,"result":{"moved":true}}'
const BIG_BYTES = 700_000

/** Something that is held up until it is let go. */
class Hold {
  readonly #reached = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()

  /** Resolves when what is held up has come this far. */
  get reached(): Promise<void> {
    return this.#reached.promise
  }

  pass(): Promise<void> {
    this.#reached.resolve()
    return this.#open.promise
  }

  release(): void {
    this.#open.resolve()
  }
}

/** Holds up the Worker's first request for a socket before it leaves and before it is answered, and the word over RPC. */
function holdUp(): { readonly request: Hold; readonly socket: Hold; readonly word: Hold } {
  const holds = { request: new Hold(), socket: new Hold(), word: new Hold() }
  // Used up once it is called: from within, the real one is.
  vi.spyOn(ShareClient.prototype, 'open').mockImplementationOnce(async function (this: ShareClient, target) {
    await holds.request.pass()
    const socket = await this.open(target)
    await holds.socket.pass()
    return socket
  })
  vi.spyOn(ShareClient.prototype, 'call').mockImplementationOnce(async function (this: ShareClient, ...args) {
    const outcome = await this.call(...args)
    await holds.word.pass()
    return outcome
  })
  return holds
}

/** The steps of the hand-over, in order: what may come, comes between them. */
const SOCKET_FIRST = [
  'before the Worker asks for the socket',
  'while the request for the socket is on its way',
  'when the Share has the socket, and the Worker has neither it nor the word',
  'when the Worker has the socket, and not the word',
  'when the call has moved',
] as const
const WORD_FIRST = [...SOCKET_FIRST.slice(0, 3), 'when the Worker has the word, and not the socket', 'when the call has moved'] as const
const LAST_STEP = SOCKET_FIRST.length - 1

type Order = 'the socket first' | 'the word first'
const ORDERS: Readonly<Record<Order, readonly string[]>> = { 'the socket first': SOCKET_FIRST, 'the word first': WORD_FIRST }

class Scene {
  readonly agent: ScriptedAgent
  readonly call: Call
  #big: BigAnswer | undefined

  constructor(agent: ScriptedAgent, call: Call) {
    this.agent = agent
    this.call = call
  }

  /** Takes the channel's next number when it is first asked for. */
  get big(): BigAnswer {
    this.#big ??= new BigAnswer(this.call, '7', BIG_BYTES, this.agent.lastNumber(this.call.ch) + 1)
    return this.#big
  }
}

/** What an agent says in one go, and what the client must hear of it. */
interface Line {
  readonly say: (scene: Scene) => void
  readonly heard?: (scene: Scene) => unknown
}

const WHOLE: Line = { say: ({ agent, call }) => agent.answer(call, '7', '{"moved":true}'), heard: () => JSON.parse(ANSWER) }
const FAILURE: Line = {
  say: ({ agent, call }) => agent.fail(call, 'CHILD_DIED', 'unknown'),
  heard: () =>
    expect.objectContaining({ id: 7, error: expect.objectContaining({ data: expect.objectContaining({ code: 'CHILD_DIED' }) }) }),
}
const PROGRESSED: Line = {
  say: ({ agent, call }) => agent.notify(call.ch, PROGRESS, { ra: call.ra, sure: true }),
  heard: () => JSON.parse(PROGRESS),
}
const FIRST_PART: Line = { say: ({ agent, big }) => big.send(agent, 0, 1) }
const OTHER_PARTS: Line = { say: ({ agent, big }) => big.send(agent, 1), heard: ({ big }) => JSON.parse(big.text) }
const ALL_PARTS: Line = { say: ({ agent, big }) => big.send(agent), heard: ({ big }) => JSON.parse(big.text) }

const SCRIPTS: Readonly<Record<string, readonly [Line] | readonly [Line, Line]>> = {
  'an answer': [WHOLE],
  'a failure': [FAILURE],
  'an answer in chunks': [ALL_PARTS],
  'progress, and then the answer': [PROGRESSED, WHOLE],
  'progress, and then the answer in chunks': [PROGRESSED, ALL_PARTS],
  'progress, and then a failure': [PROGRESSED, FAILURE],
  'the first chunk of an answer, and then the others': [FIRST_PART, OTHER_PARTS],
}

interface Case {
  readonly script: string
  readonly lines: readonly Line[]
  readonly order: Order
  /** The step at which each line is said. */
  readonly at: readonly number[]
  readonly title: string
}

function* cases(): Generator<Case> {
  for (const [script, lines] of Object.entries(SCRIPTS)) {
    for (const [order, steps] of Object.entries(ORDERS) as [Order, readonly string[]][]) {
      for (let first = 0; first <= LAST_STEP; first++) {
        for (let second = first; second <= (lines.length === 1 ? first : LAST_STEP); second++) {
          const at = lines.length === 1 ? [first] : [first, second]
          yield { script, lines, order, at, title: at.map((step) => steps[step]).join('; ') }
        }
      }
    }
  }
}

/** Shows that the Share has had all that the agent has sent before. */
async function heardByShare(agent: ScriptedAgent, ch: string): Promise<void> {
  const { n } = agent.notify(ch, LIST_CHANGED, { ack: true }).header
  for (;;) {
    const { header } = await agent.next()
    if (header.type === 'receipt' && header.n === n) return
  }
}

/** Posts in the test's own context: what the test holds up there cannot be let go by another. */
async function post({ share, token, session = '' }: TestClient): Promise<Response> {
  const headers = {
    authorization: `Bearer ${token}`,
    'mcp-session-id': session,
    accept: 'text/event-stream',
    'content-type': 'application/json',
  }
  return app.fetch(new Request(`${ORIGIN}${share.url}`, { method: 'POST', body: CALL, headers }), env, createExecutionContext())
}

async function begin(client: TestClient, agent: ScriptedAgent): Promise<{ response: Promise<Response>; call: Call }> {
  const response = post(client)
  const { header } = await agent.expect('call')
  return { response, call: header }
}

async function allEvents(response: Promise<Response>): Promise<unknown[]> {
  const events = new EventReader(await response)
  const heard: unknown[] = []
  for (let data = await events.next(); data !== undefined; data = await events.next()) heard.push(JSON.parse(data))
  return heard
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('a call that moves to a socket', () => {
  test.each([...cases()])('has $script ($order): $title', async ({ lines, order, at }) => {
    verifies('promise.6.moves')
    const { agent, client, ch } = await connected()
    const holds = holdUp()
    const { response, call } = await begin(client, agent)
    const scene = new Scene(agent, call)
    const say = async (step: number): Promise<void> => {
      const due = lines.filter((_, index) => at[index] === step)
      for (const line of due) line.say(scene)
      if (due.length > 0) await heardByShare(agent, ch)
    }
    const [first, second] = order === 'the socket first' ? [holds.socket, holds.word] : [holds.word, holds.socket]
    const steps: readonly (() => Promise<unknown> | void)[] = [
      () => vi.advanceTimersByTimeAsync(FIRST_ANSWER_MS + MOVE_AFTER_MS).then(() => holds.request.reached),
      () => {
        holds.request.release()
        return Promise.all([holds.socket.reached, holds.word.reached])
      },
      () => first.release(),
      () => second.release(),
    ]
    for (const [step, advance] of steps.entries()) {
      await say(step)
      await advance()
    }
    await say(LAST_STEP)
    expect(await allEvents(response)).toEqual(lines.flatMap((line) => (line.heard === undefined ? [] : [line.heard(scene)])))
  })

  test.each([...SOCKET_FIRST.entries()])('reaches the agent again when it was lost on the way there (%i: %s)', async (lostAt) => {
    verifies('promise.6.moves')
    const { share, agent, client, ch } = await connected()
    const holds = holdUp()
    const { response, call } = await begin(client, agent)
    holds.word.release()
    let back: Promise<ScriptedAgent> | undefined
    const steps: readonly (() => Promise<unknown> | void)[] = [
      () =>
        vi.advanceTimersByTimeAsync(FIRST_ANSWER_MS + MOVE_AFTER_MS).then(() => (back === undefined ? holds.request.reached : undefined)),
      () => holds.request.release(),
      () => holds.socket.release(),
    ]
    for (const [step, advance] of steps.entries()) {
      if (step === lostAt) await (back = ScriptedAgent.connect(share, survivorOf(ch, agent)))
      await advance()
    }
    const returned = await (back ?? ScriptedAgent.connect(share, survivorOf(ch, agent)))
    const again = await returned.expect('call')
    expect(again.header.key).toBe(call.key)
    returned.answer(again.header, '7', '{"moved":true}')
    expect(await allEvents(response)).toEqual([JSON.parse(ANSWER)])
  })

  test('and is made again meanwhile lives on when the Share is reset after that', async () => {
    verifies('promise.5.share-reset')
    const { share, agent, client, ch } = await connected()
    const holds = holdUp()
    const { response, call } = await begin(client, agent)
    holds.word.release()
    await vi.advanceTimersByTimeAsync(FIRST_ANSWER_MS + MOVE_AFTER_MS)
    await holds.request.reached
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    await back.expect('call')
    // The request for a socket that belongs to the first try takes the second one over.
    holds.request.release()
    await holds.socket.reached
    holds.socket.release()
    back.notify(ch, PROGRESS, { ra: call.ra, sure: true })
    const events = new EventReader(await response)
    expect(await events.next()).toBe(PROGRESS)
    vi.useRealTimers()
    await resetShare(share)
    const survivor = await ScriptedAgent.connect(share, survivorOf(ch, back, [call.key]))
    const again = await survivor.expect('call')
    expect(again.header.key).toBe(call.key)
    survivor.answer(again.header, '7', '{"moved":true}')
    expect(await events.next()).toBe(ANSWER)
  })
})
