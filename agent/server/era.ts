/**
 * Finds out whether the server speaks revision 2026-07-28 or needs `initialize`. It asks a process that serves nobody: some
 * servers die of the question, and others speak the era of their first message for the rest of their life.
 */
import { canonicalId, scanMessage } from '../../protocol/json-scan.ts'
import type { Child, ChildHandlers } from './child.ts'
import { PROBE_GIVE_UP_MS, PROBE_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import type { EraChoice } from '../config/settings.ts'

/** `legacy`: revisions up to 2025-11-25, with a handshake. `modern`: 2026-07-28, without. */
export type Era = 'legacy' | 'modern'

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

const REVISION = '2026-07-28'
const UNSUPPORTED_VERSION = -32022
/** A small integer: some servers hold ids in 32 bits. */
const PROBE_ID = 1

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
  readonly #child: Child
  readonly #final = Promise.withResolvers<Era>()
  readonly #gone = Promise.withResolvers<void>()
  readonly #giveUpTimer: NodeJS.Timeout
  #found: Era | undefined

  constructor({ startChild, version, log, probeMs = PROBE_MS }: ProbeOptions) {
    this.#log = log
    this.final = this.#final.promise
    this.#child = startChild({
      line: (bytes) => {
        const era = eraOf(bytes)
        if (era !== undefined) this.#settle(era, 'its answer')
      },
      tooLong: () => {},
      // The processes that serve print the same again, and that is logged at every level.
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
    this.initial = this.#initial(probeMs)
  }

  async stop(): Promise<void> {
    this.#settle('legacy', 'the agent is leaving')
    await this.#child.stop()
  }

  kill(): void {
    this.#child.kill()
  }

  async #initial(probeMs: number): Promise<Era> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      if (this.#found === undefined)
        this.#log.warn('era.unknown', { waitedMs: probeMs, meaning: 'the server is silent, and taken for legacy: --era says which it is' })
      late.resolve()
    }, probeMs)
    // Until it is gone it may hold a port or a lock that the next process needs.
    await Promise.race([this.#gone.promise, late.promise])
    clearTimeout(timer)
    return this.#found ?? 'legacy'
  }

  #settle(era: Era, because: string): void {
    if (this.#found !== undefined) return
    this.#found = era
    clearTimeout(this.#giveUpTimer)
    this.#log.debug('era', { era, because })
    this.#final.resolve(era)
    void this.#child.stop()
  }
}

/**
 * What a line of the server says of its era, or undefined when it does not answer the question. Modern is only a server that
 * names 2026-07-28, in a result or as a version it supports; any other answer, whatever its code, means `initialize`.
 */
export function eraOf(line: Uint8Array): Era | undefined {
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
