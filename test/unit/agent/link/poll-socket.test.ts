import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { PollAnswer } from '../../../../agent/link/poll-requests.ts'
import { PollSocket } from '../../../../agent/link/poll-socket.ts'
import { type Batch, decodeBatch, type PolledMessage, UnackedMessages } from '../../../../protocol/long-poll.ts'
import { verifies } from '../../../requirements/verifies.ts'

const TIMES = { pollTimeoutMs: 30_000, pollRetryMs: 1 }
const NOTHING: PollAnswer = { kind: 'nothing' }
const BLOCKED: PollAnswer = { kind: 'refused', status: 403, detail: '' }

interface Asked<T> {
  readonly what: T
  answer(answer: PollAnswer): void
  fail(): void
}

/** The relay, which answers what a test tells it to. */
class FakeRelay {
  readonly #polls: Asked<number>[] = []
  readonly #posts: Asked<Batch>[] = []
  #wake = Promise.withResolvers<void>()
  readonly requests = {
    poll: (_: string, ack: number, __: number, signal: AbortSignal) => this.#ask(this.#polls, ack, signal),
    post: (_: string, body: Uint8Array, signal: AbortSignal) => {
      const batch = decodeBatch(body)
      if (!batch.ok) throw new Error('no batch')
      return this.#ask(this.#posts, batch.value, signal)
    },
  }

  poll(): Promise<Asked<number>> {
    return this.#next(this.#polls)
  }

  post(): Promise<Asked<Batch>> {
    return this.#next(this.#posts)
  }

  get waiting(): { readonly polls: number; readonly posts: number } {
    return { polls: this.#polls.length, posts: this.#posts.length }
  }

  #ask<T>(list: Asked<T>[], what: T, signal: AbortSignal): Promise<PollAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<PollAnswer>()
    signal.addEventListener('abort', () => reject(new Error('aborted')))
    list.push({ what, answer: resolve, fail: () => reject(new Error('ECONNRESET')) })
    this.#wake.resolve()
    return promise
  }

  async #next<T>(list: Asked<T>[]): Promise<Asked<T>> {
    for (;;) {
      const asked = list.shift()
      if (asked !== undefined) return asked
      this.#wake = Promise.withResolvers()
      await this.#wake.promise
    }
  }
}

function scene(times = TIMES) {
  const relay = new FakeRelay()
  const socket = new PollSocket(relay.requests, 's', times)
  const came: string[] = []
  socket.on('message', (data: Buffer, isBinary: boolean) => came.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`))
  const closed = once(socket, 'close').then(([code, reason]) => `${String(code)} ${String(reason)}`)
  return { relay, socket, came, closed }
}

function answerOf(first: number, ...messages: readonly PolledMessage[]): PollAnswer {
  const unacked = new UnackedMessages(first)
  for (const message of messages) unacked.push(message)
  return { kind: 'body', contentType: 'application/octet-stream', body: Buffer.from(unacked.batch()?.body ?? []) }
}

function binary(text: string): PolledMessage {
  return { kind: 'binary', data: Buffer.from(text) }
}

function texts({ messages }: Batch): string[] {
  return messages.map((message) => (message.kind === 'binary' ? Buffer.from(message.data).toString() : message.kind))
}

describe('PollSocket', () => {
  test('hands on what comes, in order, and acknowledges it with the next poll', async () => {
    verifies('link.poll.in-order')
    const { relay, socket, came } = scene()
    ;(await relay.poll()).answer(answerOf(1, binary('a'), { kind: 'text', text: 'pong' }))
    const second = await relay.poll()
    expect([second.what, came]).toEqual([2, ['binary a', 'text pong']])
    second.answer(answerOf(2, { kind: 'text', text: 'pong' }, binary('b')))
    expect((await relay.poll()).what).toBe(3)
    expect(came).toEqual(['binary a', 'text pong', 'binary b'])
    socket.terminate()
  })

  test('polls again for what was lost, and ends when messages are missing', async () => {
    verifies('link.poll.in-order')
    const { relay, came, closed } = scene()
    ;(await relay.poll()).fail()
    const again = await relay.poll()
    expect(again.what).toBe(0)
    again.answer(BLOCKED)
    ;(await relay.poll()).answer(answerOf(1, binary('a')))
    ;(await relay.poll()).answer(answerOf(3, binary('c')))
    expect(await closed).toBe('1006 messages of the relay are missing')
    expect(came).toEqual(['binary a'])
  })

  test('posts one batch after the other, what waits together, and the same again after a loss', async () => {
    verifies('link.poll.in-order')
    const { relay, socket } = scene()
    const sent: string[] = []
    for (const text of ['a', 'b', 'c']) socket.send(Buffer.from(text), () => sent.push(text))
    const first = await relay.post()
    expect([first.what.first, texts(first.what)]).toEqual([1, ['a']])
    expect(relay.waiting.posts).toBe(0)
    first.fail()
    const again = await relay.post()
    // What was given meanwhile may go along: its numbers tell what came before.
    expect([again.what.first, texts(again.what)[0]]).toEqual([1, 'a'])
    expect(socket.bufferedAmount).toBeGreaterThan(0)
    again.answer(NOTHING)
    const next = await relay.post()
    expect([next.what.first, texts(next.what)]).toEqual([2, ['b', 'c']])
    expect(sent).toEqual(['a'])
    next.answer(NOTHING)
    while (socket.bufferedAmount > 0) await new Promise((done) => setImmediate(done))
    expect(sent).toEqual(['a', 'b', 'c'])
    socket.terminate()
  })

  test('close() sends what waits and then the close, and ends with it', async () => {
    verifies('link.poll.ends')
    const { relay, socket, closed } = scene()
    socket.send('ping')
    socket.close(4005, 'agent stopped')
    socket.send('too late')
    ;(await relay.post()).answer(NOTHING)
    const last = await relay.post()
    expect(last.what.messages).toEqual([{ kind: 'close', code: 4005, reason: 'agent stopped' }])
    last.answer(NOTHING)
    expect(await closed).toBe('4005 agent stopped')
  })

  test('ends with the close that comes, and with what the relay itself refuses', async () => {
    verifies('link.poll.ends')
    const replaced = scene()
    ;(await replaced.relay.poll()).answer(answerOf(1, binary('a'), { kind: 'close', code: 4001, reason: 'replaced' }))
    expect(await replaced.closed).toBe('4001 replaced')
    expect(replaced.came).toEqual(['binary a'])
    const over = scene()
    over.socket.send('ping')
    ;(await over.relay.post()).answer({ kind: 'refused', status: 503, code: 'POLL_LINK_OVER', detail: '' })
    expect(await over.closed).toBe('1006 POLL_LINK_OVER')
  })

  test('terminate() ends at once, with its requests', async () => {
    const { relay, socket, closed } = scene()
    await relay.poll()
    socket.terminate()
    socket.terminate()
    expect(await closed).toBe('1006 ')
    await new Promise((done) => setImmediate(done))
    expect(relay.waiting).toEqual({ polls: 0, posts: 0 })
  })

  test('takes an empty answer for a sign of life, but not one that comes too soon', async () => {
    const { relay, socket, came } = scene()
    ;(await relay.poll()).answer(NOTHING)
    await relay.poll()
    expect(came).toEqual([])
    socket.terminate()
    const patient = scene({ pollTimeoutMs: 0, pollRetryMs: 1 })
    ;(await patient.relay.poll()).answer(NOTHING)
    await patient.relay.poll()
    expect(patient.came).toEqual(['text pong'])
    patient.socket.terminate()
  })
})
