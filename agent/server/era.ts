/**
 * Finds out whether the server speaks revision 2026-07-28, needs `initialize`, or takes either. It asks processes that serve
 * nobody, one for each question: some servers die of it, and others speak the era of their first message for the rest of their life.
 */
import { canonicalId } from '../../protocol/json/json-scan.ts'
import { otherTypeId } from '../../protocol/json/json-id.ts'
import { scanWithoutNulls } from '../../protocol/members/null-members.ts'
import type { Child, ChildEnd, ChildHandlers } from './child.ts'
import { discoverRequest, initializeRequest, PROBE_ID, PROBED_REVISION } from './era-questions.ts'
import { LastWords, urlHint } from '../last-words.ts'
import { JUNK_VERDICT_MS, LAST_WORD_CHARS, PROBE_AGAIN_MS, PROBE_GIVE_UP_MS, PROBE_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import type { EraChoice } from '../config/settings.ts'
import { StartCheck } from './start-check.ts'
import { StdoutFormat } from './stdout-format.ts'

/** `legacy`: revisions up to 2025-11-25, with a handshake. `modern`: 2026-07-28, without. `both`: whichever a process is first spoken to in. */
export type Era = 'legacy' | 'modern' | 'both'

/** The era of the agent's server, as it becomes known. Nothing here ever rejects. */
export interface EraFinding {
  /** For the first hello: the era, once the process that told it is gone; after PROBE_MS what is known by then, else `legacy`. */
  readonly initial: Promise<Era>
  /** The era, however late it is known. */
  readonly final: Promise<Era>
  /** Stops the process that was asked. */
  stop(): Promise<void>
  /** Kills it. */
  kill(): void
}

interface ProbeOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** The agent's version, for the server's eyes. */
  readonly version: string
  readonly log: Log
  /** How long the first hello waits. */
  readonly probeMs?: number
}

const UNSUPPORTED_VERSION = -32022

/** Takes the user's word, or with `auto` starts a process of the server and asks it. */
export function findEra(choice: EraChoice, options: ProbeOptions): EraFinding {
  if (choice === 'auto') return new Probe(options)
  const told = Promise.resolve(choice)
  return { initial: told, final: told, stop: () => Promise.resolve(), kill: () => {} }
}

class Probe implements EraFinding {
  readonly initial: Promise<Era>
  readonly final: Promise<Era>
  readonly #log: Log
  readonly #options: ProbeOptions
  #child: Child
  readonly #final = Promise.withResolvers<Era>()
  readonly #gone = Promise.withResolvers<void>()
  readonly #startedMs = performance.now()
  #giveUpTimer: NodeJS.Timeout
  #answeredMs = 0
  #verdictTimer: NodeJS.Timeout | undefined
  readonly #format = new StdoutFormat()
  /** Of the first process. */
  readonly #words = new LastWords()
  #isWaitedFor = true
  #check: StartCheck | undefined
  #firstEnd: (ChildEnd & { readonly ranMs: number }) | undefined
  /** Whether the end of the first process says something of it: until it has answered, or is told to go. */
  #mayCheck = true
  /** What is true as far as is known, and stays so if the next question gets no answer. */
  #known: Era = 'legacy'
  #found: Era | undefined

  constructor(options: ProbeOptions) {
    const { version, log, probeMs = PROBE_MS } = options
    this.#options = options
    this.#log = log
    this.final = this.#final.promise
    this.#giveUpTimer = setTimeout(() => {
      this.#mayCheck = false
      this.#settle('no answer')
    }, PROBE_GIVE_UP_MS)
    const hear = (bytes: Uint8Array): void => {
      const era = eraOf(bytes)
      if (era === undefined) return this.#junk(bytes)
      if (this.#known === 'modern') return
      this.#mayCheck = false
      this.#known = era
      this.#answeredMs = performance.now() - this.#startedMs
      if (era === 'legacy') this.#settle('its answer')
      // It is asked again as a process of its own, once this one has let go of what it holds.
      else void this.#child.stop()
    }
    this.#child = this.#ask(discoverRequest(version), hear, (end) => {
      if (this.#known === 'modern' && this.#found === undefined) this.#askForHandshake(version)
      else void this.#endFirst(end)
    })
    this.initial = this.#initial(probeMs)
  }

  async stop(): Promise<void> {
    this.#mayCheck = false
    this.#settle('the agent is leaving')
    await Promise.all([this.#child.stop(), this.#check?.stop()])
  }

  /** When it has not answered, another process tells whether the question was the reason. */
  async #endFirst(end: ChildEnd): Promise<void> {
    this.#settle('it ended without an answer')
    if (this.#mayCheck) {
      this.#firstEnd = { ...end, ranMs: Math.round(performance.now() - this.#startedMs) }
      this.#check = new StartCheck(this.#options)
      await this.#check.gone
    }
    this.#gone.resolve()
  }

  /** What the first process prints is kept while it may still answer, and passed on once its owner was told that it has not. */
  #heard(line: Uint8Array | string): void {
    if (this.#found !== undefined || this.#known === 'modern') return
    if (this.#isWaitedFor) this.#words.add(line)
    else this.#log.child('start', typeof line === 'string' ? line : Buffer.from(line.subarray(0, LAST_WORD_CHARS)).toString('utf8'))
  }

  /** The hello waits no longer: what is known of the server by now, for its owner. */
  #tellUnanswered(waitedMs: number): void {
    this.#isWaitedFor = false
    const unfinished = this.#child.unfinished(LAST_WORD_CHARS)
    if (unfinished !== undefined) this.#words.add(unfinished)
    for (const line of this.#words.lines) this.#log.child('start', line)
    if (this.#firstEnd !== undefined) {
      const { ranMs, exitCode, signal } = this.#firstEnd
      const meaning =
        'the server ended without an answer: for a reason that it may have printed, which clients would meet too, or because it was asked server/discover, which does no harm'
      return this.#log.warn('start.unclear', { ranMs, exitCode, signal, meaning })
    }
    this.#log.warn('era.unknown', {
      waitedMs,
      meaning: `the server does not answer, and is taken for legacy: --era says which it is.${urlHint(this.#words.lines)}`,
    })
  }

  /** A line that is no answer. Where the output as a whole can hold none, that is said at once, before anybody calls. */
  #junk(line: Uint8Array): void {
    this.#heard(line)
    const fault = this.#mayCheck && this.#verdictTimer === undefined ? this.#format.junk(line) : undefined
    if (fault === undefined) return
    this.#verdictTimer = setTimeout(() => {
      this.#mayCheck = false
      this.#log.error('server.fails', { meaning: fault.detail })
      this.#settle(fault.detail)
    }, JUNK_VERDICT_MS)
  }

  /** Whether a server that speaks 2026-07-28 takes initialize as well. */
  #askForHandshake(version: string): void {
    clearTimeout(this.#giveUpTimer)
    this.#giveUpTimer = setTimeout(() => this.#settle('no answer to initialize'), Math.max(PROBE_AGAIN_MS, 2 * this.#answeredMs))
    const hear = (bytes: Uint8Array): void => {
      const isTaken = takesHandshake(bytes)
      if (isTaken === undefined || this.#found !== undefined) return
      if (isTaken) this.#known = 'both'
      this.#settle('its answer to initialize')
    }
    this.#child = this.#ask(initializeRequest(version), hear, () => this.#end('it ended without an answer to initialize'))
  }

  #ask(question: string, hear: (line: Uint8Array) => void, gone: (end: ChildEnd) => void): Child {
    const child = this.#options.startChild({
      line: hear,
      tooLong: () => {},
      // The processes that serve print the same again, and that is logged at every level.
      stderr: (line) => {
        this.#log.debug('era.stderr', { line })
        this.#heard(line)
      },
      gone,
    })
    child.write(Buffer.from(`${question}\n`), (taken) => {
      if (!taken && this.#child === child) this.#settle('it does not read')
    })
    return child
  }

  #end(because: string): void {
    this.#settle(because)
    this.#gone.resolve()
  }

  kill(): void {
    this.#child.kill()
    this.#check?.kill()
  }

  async #initial(probeMs: number): Promise<Era> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      if (this.#check !== undefined || (this.#found === undefined && this.#known === 'legacy')) this.#tellUnanswered(probeMs)
      void this.#check?.stop()
      late.resolve()
    }, probeMs)
    // Until it is gone it may hold a port or a lock that the next process needs.
    await Promise.race([this.#gone.promise, late.promise])
    clearTimeout(timer)
    return this.#known
  }

  #settle(because: string): void {
    if (this.#found !== undefined) return
    this.#found = this.#known
    clearTimeout(this.#giveUpTimer)
    clearTimeout(this.#verdictTimer)
    this.#log.debug('era', { era: this.#found, because })
    this.#final.resolve(this.#found)
    void this.#child.stop()
  }
}

/** Whether a line of the server accepts initialize, or undefined when it does not answer that. A revision with a handshake must come of it. */
export function takesHandshake(line: Uint8Array): boolean | undefined {
  const kind = answerKind(line)
  if (kind === undefined) return undefined
  const version = kind === 'result' ? member(member(parsed(line), 'result'), 'protocolVersion') : undefined
  return typeof version === 'string' && version < PROBED_REVISION
}

/**
 * What a line of the server says of its era, or undefined when it does not answer the question. Modern is only a server that
 * names 2026-07-28, in a result or as a version it supports; any other answer, whatever its code, means `initialize`.
 */
export function eraOf(line: Uint8Array): 'legacy' | 'modern' | undefined {
  if (answerKind(line) === undefined) return undefined
  const versions = versionsIn(line)
  return Array.isArray(versions) && versions.includes(PROBED_REVISION) ? 'modern' : 'legacy'
}

/** Of a line that answers the one question that was asked; undefined for any other. */
function answerKind(line: Uint8Array): 'result' | 'error' | undefined {
  const { scanned } = scanWithoutNulls(line)
  if (!scanned.ok) return undefined
  const { kind, id } = scanned.value
  if ((kind !== 'result' && kind !== 'error') || id === undefined) return undefined
  // Nothing else was asked, so an error without an id answers this.
  const answered = canonicalId(id.raw)
  return id.raw === 'null' || [answered, otherTypeId(answered)].includes(String(PROBE_ID)) ? kind : undefined
}

function versionsIn(line: Uint8Array): unknown {
  const message = parsed(line)
  const error = member(message, 'error')
  if (error === undefined) return member(member(message, 'result'), 'supportedVersions')
  return member(error, 'code') === UNSUPPORTED_VERSION ? member(member(error, 'data'), 'supported') : undefined
}

function parsed(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(scanWithoutNulls(line).bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}
