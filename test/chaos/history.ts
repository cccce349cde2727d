/** Owns the memory of a run: faults, and every frame on every link, so that what led to a violation can be read afterwards. */
import { appendFileSync, writeFileSync } from 'node:fs'
import type { CallRecord } from './account.ts'
import type { SeenFrame } from './wire/link-parts.ts'

export interface HistoryEvent {
  readonly atMs: number
  /** `relay`, a world, or a world and an agent. */
  readonly where: string
  readonly text: string
}

interface FrameEvent extends HistoryEvent {
  readonly body: string
}

const KEY = /"key":"([0-9a-f]{32})"/
/** What else of a frame's header is worth reading. */
const SHOWN_CHARS = 300
/** How much of the past of a call is shown with it. */
const BEFORE_MS = 8000
const AFTER_MS = 1000
/** Lines of one call's story. */
const MAX_STORY = 200

export class History {
  readonly #startMs = Date.now()
  readonly #events: HistoryEvent[] = []
  readonly #frames: FrameEvent[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    writeFileSync(file, '')
  }

  event(where: string, text: string): void {
    const event = { atMs: Date.now(), where, text }
    this.#events.push(event)
    appendFileSync(this.#file, `${this.#line(event)}\n`)
  }

  frame(where: string, direction: 'up' | 'down', { header, bodyStart }: SeenFrame): void {
    this.#frames.push({ atMs: Date.now(), where, text: `${direction === 'up' ? '▲' : '▼'} ${header}`, body: bodyStart })
  }

  /** What happened around a call: faults of its world, and all frames that carried it or its key. */
  story({ arg, world, sentMs, endedMs }: CallRecord): string[] {
    const near = ({ atMs, where }: HistoryEvent): boolean =>
      atMs >= sentMs - BEFORE_MS && atMs <= endedMs + AFTER_MS && (where === 'relay' || where.split(' ')[0] === world)
    const quoted = `"arg":"${arg}"`
    const keys = new Set(this.#frames.flatMap(({ text, body }) => (body.includes(quoted) ? (KEY.exec(text)?.[1] ?? []) : [])))
    const carries = ({ text, body }: FrameEvent): boolean => body.includes(quoted) || keys.has(KEY.exec(text)?.[1] ?? '')
    const isGreeting = ({ text }: FrameEvent): boolean => /"type":"(?:hello|welcome)"/.test(text)
    const frames = this.#frames.filter((frame) => carries(frame) || (near(frame) && isGreeting(frame)))
    const all = [...this.#events.filter(near), ...frames].toSorted((a, b) => a.atMs - b.atMs)
    return all.slice(0, MAX_STORY).map((event) => this.#line(event))
  }

  /** All frames, for a run that went wrong. */
  writeFrames(file: string): void {
    writeFileSync(
      file,
      this.#frames.map((frame) => `${this.#line(frame)}${frame.body === '' ? '' : ` ${frame.body.slice(0, SHOWN_CHARS)}`}\n`).join(''),
    )
  }

  /** Seconds since the start of the run. */
  time(atMs: number): string {
    return ((atMs - this.#startMs) / 1000).toFixed(3)
  }

  #line({ atMs, where, text }: HistoryEvent): string {
    return `${this.time(atMs).padStart(9)} ${where.padEnd(10)} ${text.slice(0, SHOWN_CHARS)}`
  }
}
