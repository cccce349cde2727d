/** Remembers the keys of calls across channels and links, and for a while how they ended, so that nothing runs twice. */
import type { Executed, Failure } from '../../../protocol/errors.ts'
import type { Failed } from '../../../protocol/frame.ts'
import { CALL_KEY_MS, MAX_HELD_KEYS } from '../../../protocol/limits.ts'
import { type CallAnswer, KeptAnswers } from './kept-answers.ts'
import { ByAge } from '../../by-age.ts'
import { REMEMBERED_KEYS } from '../../limits.ts'

/** A client's request that an agent has taken, until it ends. */
export interface RunningCall {
  readonly key: string
  readonly ch: string
  readonly method: string
  readonly tag: string
  /** Its answer may be that a task was begun. */
  readonly mayBeginTask?: true
  /** Of such a call: its progress token as the child sees it, in canonical spelling. */
  token?: string
  /** When it came, in monotonic milliseconds. */
  readonly sinceMs: number
  /** The newest return address wins: the relay may have asked again. */
  ra: string
  /** Whether the child's stdin has taken it. */
  written: boolean
}

/** Whether a call is a `subscriptions/listen` (2026-07-28): it runs until someone ends it, and its messages carry its subscription id. */
export function isListen({ method }: Pick<RunningCall, 'method'>): boolean {
  return method === 'subscriptions/listen'
}

/** A failure of a call, with what is known of its execution. */
export type CallFailure = Omit<Failure, 'retryAfterMs' | 'supported'> & { readonly executed: Executed }

/** Whether a call is the first of its child: MCP up to 2025-11-25, basic/lifecycle, and the question that takes its place since. */
export function isHandshake({ method }: Pick<RunningCall, 'method'>): boolean {
  return method === 'initialize' || method === 'server/discover'
}

/** How a call ended. */
export type CallEnd = CallAnswer | { readonly kind: 'failure'; readonly failure: CallFailure }

/** What is known of a key. `passing` and `passed` are said of notifications and responses, the rest of calls. */
export type KeyState =
  | { readonly kind: 'running'; readonly call: RunningCall }
  | { readonly kind: 'passing' }
  | { readonly kind: 'passed' }
  | { readonly kind: 'ended'; readonly outcome: CallEnd | undefined }

interface Ended {
  /** A notification or a response, not a call. */
  readonly passed: boolean
  /** The return address of a call. */
  readonly ra?: string | undefined
  /** Kept as long as the key: it is short, and says whether the call ran. */
  readonly failure: CallEnd | undefined
}

export class CallMemory {
  readonly #open = new Map<string, RunningCall | 'passing'>()
  readonly #ended = new ByAge<Ended>()
  readonly #answers: KeptAnswers
  readonly #maxKeys: () => number

  /** `maxKeys`: how many keys of calls that have ended are remembered. */
  constructor(answers = new KeptAnswers(), maxKeys = (): number => REMEMBERED_KEYS) {
    this.#answers = answers
    this.#maxKeys = maxKeys
  }

  begin(call: RunningCall): void {
    this.#open.set(call.key, call)
  }

  /** A notification or a response has come, which the child has not taken yet. */
  beginPassing(key: string): void {
    this.#open.set(key, 'passing')
  }

  known(key: string): KeyState | undefined {
    const open = this.#open.get(key)
    if (open === 'passing') return { kind: 'passing' }
    if (open !== undefined) return { kind: 'running', call: open }
    const ended = this.#ended.get(key)
    if (ended === undefined) return undefined
    return ended.passed ? { kind: 'passed' } : { kind: 'ended', outcome: ended.failure ?? this.#answers.get(key) }
  }

  /** Whether a failure that was reported is not how its call ended: it was made again since then, perhaps on another channel. */
  isOutdated({ key, code, executed }: Failed): boolean {
    const known = this.known(key)
    if (known?.kind === 'running') return true
    if (known?.kind !== 'ended' || code === 'ALREADY_EXECUTED') return false
    const { outcome } = known
    if (outcome?.kind !== 'failure') return outcome !== undefined || executed === 'no'
    return outcome.failure.code !== code || outcome.failure.executed !== executed
  }

  /** As `known`, for a client that comes back for a call: only under the return address with which the call came. */
  knownFor(key: string, ra: string): KeyState | undefined {
    const open = this.#open.get(key)
    const own = open === 'passing' ? undefined : (open?.ra ?? this.#ended.get(key)?.ra)
    return own === ra ? this.known(key) : undefined
  }

  end(key: string, outcome: CallEnd, nowMs: number): void {
    const open = this.#open.get(key)
    const ra = open === 'passing' ? undefined : open?.ra
    this.#open.delete(key)
    // What never ran may be tried again with the same key, perhaps by a new child, unless its client cancelled it.
    if (outcome.kind === 'failure' && outcome.failure.executed === 'no' && outcome.failure.code !== 'CANCELLED') return
    this.#ended.set(key, { passed: false, ra, failure: outcome.kind === 'failure' ? outcome : undefined }, nowMs)
    if (outcome.kind === 'answer') this.#answers.keep(key, outcome, nowMs)
    this.sweep(nowMs)
  }

  /** The child has taken a notification or a response. */
  endPassing(key: string, nowMs: number): void {
    this.#open.delete(key)
    this.#ended.set(key, { passed: true, failure: undefined }, nowMs)
    this.sweep(nowMs)
  }

  /** Forgets a key whose message never came whole. */
  forget(key: string): void {
    this.#open.delete(key)
  }

  /** Keys for a hello, newest last, at most MAX_HELD_KEYS. */
  held(nowMs: number): string[] {
    this.sweep(nowMs)
    return [...this.#ended.keys(), ...this.#open.keys()].slice(-MAX_HELD_KEYS)
  }

  /** Drops what is over the limits of age, bytes and number. */
  sweep(nowMs: number): void {
    this.#answers.sweep(nowMs)
    const maxKeys = this.#maxKeys()
    for (let oldest = this.#ended.oldest(); oldest !== undefined; oldest = this.#ended.oldest()) {
      if (nowMs - oldest.sinceMs <= CALL_KEY_MS && this.#ended.size <= maxKeys) return
      this.#ended.delete(oldest.key)
      this.#answers.drop(oldest.key)
    }
  }
}
