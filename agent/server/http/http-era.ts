/**
 * Finds out which revisions an HTTP server speaks, as era.ts does of a process. A server that is not there says nothing of it,
 * and is asked again until it is: it may be started, or given what it wants, after the agent.
 */
import { isServerRefusal } from '../../../protocol/errors.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { EraChoice } from '../../config/settings.ts'
import { HTTP_PROBE_MAX_MS, HTTP_RETRY_MS, PROBE_GIVE_UP_MS, PROBE_MS } from '../../limits.ts'
import type { Log } from '../../log.ts'
import type { Child, ChildHandlers } from '../child.ts'
import type { HttpServer } from './http-server.ts'
import { type Era, type EraFinding, eraOf, takesHandshake } from '../era.ts'
import { discoverRequest, initializeRequest } from '../era-questions.ts'

interface HttpEraOptions {
  readonly server: HttpServer
  readonly startChild: (handlers: ChildHandlers) => Child
  /** The agent's version, for the server's eyes. */
  readonly version: string
  readonly log: Log
  /** How long the first hello waits. */
  readonly probeMs?: number
}

/** With `legacy`, of HTTP+SSE too, it is only seen whether the server is there. */
export function findHttpEra(choice: EraChoice, options: HttpEraOptions): EraFinding {
  return new HttpEra(choice, options)
}

class HttpEra implements EraFinding {
  readonly initial: Promise<Era>
  readonly final: Promise<Era>
  readonly #options: HttpEraOptions
  readonly #leaving = new AbortController()
  readonly #running: Promise<void>
  /** The server is not there, and nobody need wait for it. */
  readonly #missed = Promise.withResolvers<Era>()
  #child: Child | undefined

  constructor(choice: EraChoice, options: HttpEraOptions) {
    this.#options = options
    const told: Era | undefined = choice === 'auto' ? undefined : choice
    const final = Promise.withResolvers<Era>()
    this.#running = this.#find(told).then(final.resolve)
    this.final = told === undefined ? final.promise : Promise.resolve(told)
    const late = delay(options.probeMs ?? PROBE_MS, 'legacy' as const, { ref: false })
    this.initial = told === undefined ? Promise.race([final.promise, this.#missed.promise, late]) : Promise.resolve(told)
  }

  async stop(): Promise<void> {
    this.#leaving.abort()
    await Promise.all([this.#child?.stop(), this.#running])
  }

  kill(): void {
    this.#leaving.abort()
    this.#child?.kill()
  }

  async #find(told: Era | undefined): Promise<Era> {
    const { version, log } = this.#options
    let pauseMs = HTTP_RETRY_MS
    for (let isFirst = true; !this.#leaving.signal.aborted; isFirst = false) {
      const asksFirst = told === undefined || told === 'modern' ? discoverRequest(version) : initializeRequest(version)
      const answer =
        (await this.#ask(asksFirst, isFirst)) ?? (told === undefined ? await this.#ask(initializeRequest(version), false) : undefined)
      if (answer === 'sign-in') {
        const known = told ?? 'legacy'
        log.info('server.signs_in', {
          era: known,
          meaning: 'the server wants its clients to sign in, so it cannot be asked which revisions it speaks: --era says so',
        })
        return known
      }
      if (answer !== undefined) {
        const era = told ?? (await this.#eraFrom(answer))
        log[isFirst ? 'debug' : 'info']('server.found', { era })
        return era
      }
      this.#missed.resolve('legacy')
      await delay(pauseMs, undefined, { signal: this.#leaving.signal }).catch(() => {})
      pauseMs = Math.min(2 * pauseMs, HTTP_PROBE_MAX_MS)
    }
    return told ?? 'legacy'
  }

  async #eraFrom(discovered: Uint8Array): Promise<Era> {
    if (eraOf(discovered) !== 'modern') return 'legacy'
    const answer = await this.#ask(initializeRequest(this.#options.version), false)
    const isTaken = answer instanceof Uint8Array && takesHandshake(answer) === true
    // One that serves older clients without sessions can ask them nothing; through 2026-07-28 it can.
    return isTaken && this.#options.server.givesSessions ? 'both' : 'modern'
  }

  /** The answer to one question, in a session of its own; undefined when the server is not there, `sign-in` when it answers nobody who shows no credential. */
  async #ask(question: string, isFirst: boolean): Promise<Uint8Array | 'sign-in' | undefined> {
    const { log, startChild } = this.#options
    const answer = Promise.withResolvers<Uint8Array | 'sign-in' | undefined>()
    const child = startChild({
      line: (bytes) => {
        if (eraOf(bytes) !== undefined) answer.resolve(bytes)
      },
      tooLong: () => answer.resolve(undefined),
      refused: () => answer.resolve('sign-in'),
      stderr: () => {},
      gone: ({ startError, code }) => {
        if (isServerRefusal(code)) return answer.resolve('sign-in')
        if (isFirst && startError !== undefined) log.error('server.fails', { meaning: `${startError}; it is looked for until it is there` })
        answer.resolve(undefined)
      },
    })
    this.#child = child
    const timer = setTimeout(() => answer.resolve(undefined), PROBE_GIVE_UP_MS)
    child.write(Buffer.from(`${question}\n`), () => {})
    const found = await answer.promise
    clearTimeout(timer)
    await child.stop()
    return found
  }
}
