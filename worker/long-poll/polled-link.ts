/**
 * One link of an agent that polls: a WebSocket to its Share, and what has come by it until the agent has said that it has that. Messages
 * keep their order, none is lost between two polls, and none is passed on twice.
 */
import type { PolledMessage, Batch } from '../../protocol/long-poll.ts'
import { UnackedMessages } from '../../protocol/long-poll.ts'
import { PING, PONG } from '../../protocol/handshake.ts'
import { log } from '../log.ts'
import { MAX_UNPOLLED_BYTES, POLL_SIGN_MS } from './limits.ts'
import { PollWaiter } from './poll-waiter.ts'

/** RFC 6455 §7.4.1. To a Share it is a cut: whoever polls again is waited for. */
const NORMAL_CLOSURE = 1000

export class PolledLink {
  readonly #socket: WebSocket
  readonly #unpolled = new UnackedMessages()
  readonly #waiter: PollWaiter
  readonly #over: () => void
  /** Number of the agent's last message that was passed on. */
  #passed = 0
  #isClosed = false
  #signedAtMs = 0
  /** Pings of this object's own, whose answers are for nobody else. */
  #ownPings = 0

  /** `socket`: of the Share, not accepted yet. `over` is called when nothing can come of this link any more. */
  constructor(socket: WebSocket, over: () => void) {
    this.#socket = socket
    this.#over = over
    this.#waiter = new PollWaiter(() => this.#stopped())
    socket.addEventListener('message', ({ data }) => this.#receive(data as string | ArrayBuffer))
    socket.addEventListener('close', ({ code, reason }) => this.#closed(code, reason))
    socket.addEventListener('error', () => this.#closed(NORMAL_CLOSURE, 'the link to the share broke'))
    socket.accept()
  }

  /**
   * What has come behind message `ack`, as a batch; undefined when that is nothing in `maxMs`. What an earlier poll was answered and is not
   * acknowledged comes again.
   */
  async poll({ name, ack, maxMs }: { readonly name: string; readonly ack: number; readonly maxMs: number }) {
    this.#unpolled.acknowledge(ack)
    this.#sign()
    if (!this.#unpolled.isEmpty) this.#waiter.heard()
    else if (this.#isClosed) this.#end()
    else if (!(await this.#waiter.wait(name, maxMs))) return undefined
    return this.#unpolled.batch()?.body
  }

  /** Passes on what the agent says, but for what was passed on before. False when messages are missing in front of it. */
  take({ first, messages }: Batch): boolean {
    if (first > this.#passed + 1) return false
    for (const message of messages.slice(this.#passed + 1 - first)) {
      this.#passed++
      this.#pass(message)
    }
    return true
  }

  left(name: string): void {
    this.#waiter.left(name)
  }

  #pass(message: PolledMessage): void {
    try {
      if (message.kind === 'binary') this.#socket.send(message.data)
      else if (message.kind === 'text') this.#socket.send(message.text)
      else this.#socket.close(message.code, message.reason)
    } catch {
      // Closed meanwhile: the agent is told of that by its next poll.
    }
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#isClosed) return
    if (data === PONG && this.#ownPings > 0) {
      this.#ownPings--
      return
    }
    this.#unpolled.push(typeof data === 'string' ? { kind: 'text', text: data } : { kind: 'binary', data: new Uint8Array(data) })
    if (this.#unpolled.bytes > MAX_UNPOLLED_BYTES) this.#overflow()
    else this.#waiter.wake()
  }

  #overflow(): void {
    log('poll.full', { code: 'POLL_BACKLOG_FULL' })
    this.#close('POLL_BACKLOG_FULL')
    this.#closed(NORMAL_CLOSURE, 'POLL_BACKLOG_FULL')
  }

  /** The Share has closed, or was closed: that is the last thing the agent is told. */
  #closed(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#close('')
    this.#unpolled.push({ kind: 'close', code, reason })
    this.#waiter.wake()
  }

  #stopped(): void {
    this.#isClosed = true
    this.#close('the agent polls no more')
    this.#end()
  }

  #end(): void {
    this.#waiter.end()
    this.#over()
  }

  #close(reason: string): void {
    try {
      this.#socket.close(NORMAL_CLOSURE, reason)
    } catch {
      // Closed already.
    }
  }

  /** That the agent polls tells the Share that it lives, as a ping over a WebSocket would. */
  #sign(): void {
    const nowMs = Date.now()
    if (this.#isClosed || nowMs - this.#signedAtMs < POLL_SIGN_MS) return
    this.#signedAtMs = nowMs
    this.#ownPings++
    this.#pass({ kind: 'text', text: PING })
  }
}
