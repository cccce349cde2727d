/** The agent's log: one line an event, fields not prose, never a payload, secrets masked. */
import { LOGGED_CALLS, LOGGED_CALLS_MS } from './limits.ts'
import { MASKED, type Mask } from './mask.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** A line that a child wrote to stderr. Passed on at every level, since it comes from the user's own server. */
  child(ch: string, line: string): void
}

interface LogOptions {
  readonly level: LogLevel
  /** One JSON object a line, for programs. */
  readonly json: boolean
  readonly mask: Mask
  readonly write: (line: string) => void
  readonly now: () => Date
}

export function createLog({ level, json, mask, write, now }: LogOptions): Log {
  const least = LOG_LEVELS.indexOf(level)
  const line = (at: LogLevel, event: string, fields: LogFields): string => {
    if (json) return JSON.stringify({ time: now().toISOString(), level: at, event, ...fields })
    const facts = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${plain(value)}`]))
    return ['mcp-edge-agent', at.padEnd(5), event, ...facts].join(' ')
  }
  const at =
    (own: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(own) >= least) write(`${mask.apply(line(own, event, fields))}\n`)
    }
  const child = (ch: string, text: string): void => {
    const masked = mask.apply(text)
    write(
      json
        ? `${JSON.stringify({ time: now().toISOString(), level: 'info', event: 'child.stderr', ch, line: masked })}\n`
        : `[${ch}] ${masked}\n`,
    )
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child }
}

/** The same log for one lane of a share: its lines name the lane while `isNamed`, and so do its children's. */
export function laneLog(log: Log, lane: number, isNamed: () => boolean): Log {
  const named = (fields: LogFields = {}): LogFields => (isNamed() ? { lane, ...fields } : fields)
  return {
    debug: (event, fields) => log.debug(event, named(fields)),
    info: (event, fields) => log.info(event, named(fields)),
    warn: (event, fields) => log.warn(event, named(fields)),
    error: (event, fields) => log.error(event, named(fields)),
    child: (ch, line) => log.child(isNamed() ? `${lane}:${ch}` : ch, line),
  }
}

/** The same log for one of several servers: its lines name it, and so do its children's. */
export function serverLog(log: Log, server: string): Log {
  return {
    debug: (event, fields) => log.debug(event, { server, ...fields }),
    info: (event, fields) => log.info(event, { server, ...fields }),
    warn: (event, fields) => log.warn(event, { server, ...fields }),
    error: (event, fields) => log.error(event, { server, ...fields }),
    child: (ch, line) => log.child(`${server}:${ch}`, line),
  }
}

/** Lines of one event at the level info; of a storm the rest is counted only. No timer. */
export class BoundedLines {
  readonly #log: Log
  readonly #event: string
  /** Monotonic milliseconds. */
  readonly #now: () => number
  #windowMs = -Infinity
  #inWindow = 0

  constructor(log: Log, event: string, now: () => number) {
    this.#log = log
    this.#event = event
    this.#now = now
  }

  add(fields: LogFields): void {
    const nowMs = this.#now()
    if (nowMs - this.#windowMs >= LOGGED_CALLS_MS) this.#open(nowMs)
    if (++this.#inWindow <= LOGGED_CALLS) this.#log.info(this.#event, fields)
  }

  #open(nowMs: number): void {
    const unlogged = this.#inWindow - LOGGED_CALLS
    if (unlogged > 0) this.#log.info(`${this.#event}s`, { unlogged })
    this.#windowMs = nowMs
    this.#inWindow = 0
  }
}

/** Quoted where a space or a line break would run into the next field. */
function plain(value: string | number | boolean | null): string {
  const text = String(value)
  return text === MASKED || /^[\w.:/@+%,[\]-]+$/.test(text) ? text : JSON.stringify(text)
}
