/** Begins with an agent of another make: its registration, the one handshake with its server for all callers, and what it is told of both. */
import { findMember } from '../../../../protocol/json/json-scan.ts'
import { MAX_HANDSHAKE_BYTES } from '../../../limits.ts'
import type { Dialect } from './dialect.ts'
import { HANDSHAKE, INITIALIZE, INITIALIZED, OWN_HANDSHAKE } from './foreign-messages.ts'
import type { ForeignState } from './foreign-state.ts'

/** What the handshake does to its link. */
interface Surroundings {
  /** Sends a text as it is, or a JSON-RPC message to the server. */
  readonly send: (text: string) => void
  readonly say: (message: string, key?: string) => void
  readonly close: (code: number, reason: string) => void
  /** It has registered, and its server has yet to answer. */
  readonly registered: () => void
  /** Its server is ready; `result`: the JSON text of what it has answered to `initialize`. */
  readonly served: (result: string) => void
}

const OPEN_OBJECT = 0x7b
const decoder = new TextDecoder()

export class ForeignHandshake {
  readonly #dialect: Dialect
  readonly #surroundings: Surroundings
  #id: string
  #isRegistered: boolean
  #isServing: boolean
  #name: string
  /** What its server has answered to the agent's own `initialize`, before the agent has registered. */
  #begun: Uint8Array | undefined

  constructor(dialect: Dialect, { id, name, isRegistered, isServing }: ForeignState, surroundings: Surroundings) {
    this.#dialect = dialect
    this.#surroundings = surroundings
    this.#id = id
    this.#name = name
    this.#isRegistered = isRegistered
    this.#isServing = isServing
  }

  get state(): Pick<ForeignState, 'id' | 'name' | 'isRegistered' | 'isServing'> {
    return { id: this.#id, name: this.#name, isRegistered: this.#isRegistered, isServing: this.#isServing }
  }

  /** The same agent begins with its server anew. */
  again(): void {
    this.register(this.#name, false)
  }

  /** Once more on the same socket, it is another process. `isBegun`: it makes the handshake by itself. */
  register(name: string, isBegun: boolean): void {
    this.#name = name
    if (this.#isServing) this.#id = crypto.randomUUID()
    this.#isServing = false
    this.#isRegistered = true
    this.#surroundings.registered()
    if (this.#dialect.registered !== undefined) this.#surroundings.send(this.#dialect.registered)
    if (!isBegun) this.#surroundings.say(INITIALIZE, HANDSHAKE)
    else if (this.#begun !== undefined) this.#shakeHands(this.#begun)
  }

  /** An answer of its server to this JSON text of an id, which is the relay's if it has a key; false for one that is not of the handshake. */
  takes(rawId: string, key: string | undefined, body: Uint8Array): boolean {
    const isOwn = OWN_HANDSHAKE.test(rawId)
    if (!isOwn && key !== HANDSHAKE) return false
    if (this.#isServing) return true
    if (this.#isRegistered) this.#shakeHands(body)
    else if (isOwn) this.#begun = body
    return true
  }

  /** Nothing comes any more for what was sent under this key. */
  over(key: string): void {
    if (key === HANDSHAKE && !this.#isServing) this.#fail()
  }

  #fail(): void {
    if (this.#dialect.failed !== undefined) this.#surroundings.send(this.#dialect.failed)
    this.#surroundings.close(1008, 'the server behind this agent did not answer initialize')
  }

  /** What its server says of itself is told to each client from now on. */
  #shakeHands(answer: Uint8Array): void {
    const result = findMember(answer, answer.indexOf(OPEN_OBJECT), 'result')
    if (result === undefined || answer.length > MAX_HANDSHAKE_BYTES) return this.#fail()
    this.#begun = undefined
    this.#isServing = true
    if (this.#dialect.takesNotifications) this.#surroundings.say(INITIALIZED)
    if (this.#dialect.ready !== undefined) this.#surroundings.send(this.#dialect.ready)
    this.#surroundings.served(decoder.decode(answer.subarray(...result)))
  }
}
