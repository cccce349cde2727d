/**
 * Finds out whether the server speaks revision 2026-07-28 or needs `initialize`, by asking a throw-away process of it:
 * some servers die of the question, and others speak one era for the rest of their life.
 */
import { canonicalId, scanMessage } from '../../protocol/json-scan.ts'
import type { Child, ChildHandlers } from './child.ts'
import { PROBE_GIVE_UP_MS, PROBE_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import type { EraChoice } from '../config/settings.ts'

/** `legacy`: revisions up to 2025-11-25, with a handshake. `modern`: 2026-07-28, without. */
export type Era = 'legacy' | 'modern'

/** What is known of the server's era. One per agent, since an agent runs one command; nothing here ever rejects. */
export interface EraFinding {
  /** The verdict, once the process that gave it is gone; after PROBE_MS what is known by then, `legacy` when nothing is. */
  readonly soon: Promise<Era>
  /** The verdict, however late. */
  readonly sure: Promise<Era>
  /** Ends the process that was asked, by the ladder. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): void
}

interface ProbeOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** The agent's version, for the server's eyes. */
  readonly version: string
  readonly log: Log
}

const REVISION = '2026-07-28'
const UNSUPPORTED_VERSION = -32022
/** A small integer: some servers hold ids in 32 bits. */
const PROBE_ID = 1

/** What the user said, where the user said it; else a probe. */
export function findEra(choice: EraChoice, options: ProbeOptions): EraFinding {
  if (choice === 'auto') return new Probe(options)
  const told = Promise.resolve(choice)
  return { soon: told, sure: told, stop: () => Promise.resolve(), kill: () => {} }
}

class Probe implements EraFinding {
  readonly soon: Promise<Era>
  readonly sure: Promise<Era>
  readonly #log: Log
  readonly #child: Child
  readonly #verdict = Promise.withResolvers<Era>()
  readonly #gone = Promise.withResolvers<void>()
  readonly #giveUpTimer: NodeJS.Timeout
  #found: Era | undefined

  constructor({ startChild, version, log }: ProbeOptions) {
    this.#log = log
    this.sure = this.#verdict.promise
    this.#child = startChild({
      line: (bytes) => {
        const era = verdictOf(bytes)
        if (era !== undefined) this.#settle(era, 'its answer')
      },
      tooLong: () => {},
      // The processes that serve say the same again, for all to see.
      stderr: (line) => log.debug('era.stderr', { line }),
      gone: () => {
        this.#settle('legacy', 'it ended without an answer')
        this.#gone.resolve()
      },
    })
    this.#giveUpTimer = setTimeout(() => this.#settle('legacy', 'no answer'), PROBE_GIVE_UP_MS)
    this.#child.write(Buffer.from(`${discoverRequest(version)}\n`), (taken) => {
      if (!taken) this.#settle('legacy', 'it does not read')
    })
    this.soon = this.#soon()
  }

  async stop(): Promise<void> {
    this.#settle('legacy', 'the agent is leaving')
    await this.#child.stop()
  }

  kill(): void {
    this.#child.kill()
  }

  async #soon(): Promise<Era> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      if (this.#found === undefined)
        this.#log.warn('era.unknown', { waitedMs: PROBE_MS, meaning: 'the server is silent, and taken for legacy: --era says which it is' })
      late.resolve()
    }, PROBE_MS)
    // Until it is gone it may hold a port or a lock that the processes to come need as well.
    await Promise.race([this.#gone.promise, late.promise])
    clearTimeout(timer)
    return this.#found ?? 'legacy'
  }

  #settle(era: Era, because: string): void {
    if (this.#found !== undefined) return
    this.#found = era
    clearTimeout(this.#giveUpTimer)
    this.#log.debug('era', { era, because })
    this.#verdict.resolve(era)
    void this.#child.stop()
  }
}

/**
 * What a line of the server says of its era, or undefined when it does not answer the question. Modern is only who names
 * 2026-07-28, in a result or as a version it would have taken; any other answer, whatever its code, means `initialize`.
 */
export function verdictOf(line: Uint8Array): Era | undefined {
  const scanned = scanMessage(line)
  if (!scanned.ok) return undefined
  const { kind, id } = scanned.value
  if ((kind !== 'result' && kind !== 'error') || id === undefined) return undefined
  // Nothing else was asked, so an error without an id answers this.
  if (id.raw !== 'null' && canonicalId(id.raw) !== canonicalId(String(PROBE_ID))) return undefined
  const versions = versionsIn(line)
  return Array.isArray(versions) && versions.includes(REVISION) ? 'modern' : 'legacy'
}

function versionsIn(line: Uint8Array): unknown {
  try {
    const message: unknown = JSON.parse(Buffer.from(line).toString('utf8'))
    const error = member(message, 'error')
    if (error === undefined) return member(member(message, 'result'), 'supportedVersions')
    return member(error, 'code') === UNSUPPORTED_VERSION ? member(member(error, 'data'), 'supported') : undefined
  } catch {
    return undefined
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}

function discoverRequest(version: string): string {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'mcp-edge-agent', version },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return JSON.stringify({ jsonrpc: '2.0', id: PROBE_ID, method: 'server/discover', params: { _meta: meta } })
}
