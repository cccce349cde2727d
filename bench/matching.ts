/** Framing, line splitting, scanning and matching alone, without sockets: by the size of a message, and by how many calls wait. */
import { CallMemory, type RunningCall } from '../agent/channel/calls/call-memory.ts'
import { LineSplitter } from '../agent/server/line-splitter.ts'
import { RunningCalls } from '../agent/channel/calls/running-calls.ts'
import type { AgentFrame } from '../protocol/frame.ts'
import { decodeAgentFrame, encodeFrame } from '../protocol/frame-codec.ts'
import { type MessageFacts, scanMessage } from '../protocol/json/json-scan.ts'
import { CHUNK_BYTES, MAX_LINE_BYTES } from '../protocol/limits.ts'
import { replacement, splice } from '../protocol/splice.ts'
import { type WaiterFacts, Waiters } from '../worker/share/clients/waiters.ts'
import { median } from './report/figures.ts'
import type { Matching } from './report/results.ts'
import { matchingRows, textTable } from './report/table.ts'

const KIB = 1024
const SIZES_BYTES = [KIB, 64 * KIB, KIB * KIB, 16 * KIB * KIB]
const PENDING = [10, 1000, 100_000]
/** What a pipe hands over at a time. */
const PIPE_BYTES = 64 * KIB
const SAMPLES = 5
const SAMPLE_MS = 40

/** Microseconds of one turn: the median of samples that each take many turns. */
function timeUs(turn: () => void): number {
  const turns = (forMs: number): number => {
    const endMs = performance.now() + forMs
    let count = 0
    do {
      turn()
      count++
    } while (performance.now() < endMs)
    return count
  }
  turns(SAMPLE_MS)
  const samples = Array.from({ length: SAMPLES }, () => {
    const startMs = performance.now()
    const count = turns(SAMPLE_MS)
    return ((performance.now() - startMs) * 1000) / count
  })
  return median(samples)
}

function message(bytes: number): Uint8Array {
  const head = '{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"'
  const tail = '"}]}}'
  const line = 'The quick brown fox jumps over the lazy dog, twice.\\n'
  const text = line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes - head.length - tail.length - 1)
  return Buffer.from(`${head}${text.endsWith('\\') ? `${text.slice(0, -1)}.` : text}${tail}`)
}

function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

function bySize(bytes: number): Readonly<Record<string, number>> {
  const body = message(bytes)
  const pieces = [...chunks(body, PIPE_BYTES), Buffer.from('\n')]
  let lines = 0
  const splitter = new LineSplitter(MAX_LINE_BYTES, { line: () => lines++, tooLong: () => {} })
  const key = '0'.repeat(32)
  const place = { ch: 'bench.1', n: 1, at: 0 }
  const parts = chunks(body, CHUNK_BYTES)
  const headers = parts.map((_, at): AgentFrame =>
    at === 0
      ? { type: 'answer', ...place, size: body.length, key, ra: `c${key}`, id: [21, 22], failed: false }
      : { type: 'chunk', ...place, offset: at * CHUNK_BYTES, ra: `c${key}` },
  )
  const us = {
    'split lines': timeUs(() => {
      for (const piece of pieces) splitter.push(piece)
    }),
    'find routing': timeUs(() => mustBe(scanMessage(body).ok)),
    'encode frames': timeUs(() => headers.forEach((header, at) => encodeFrame(header, parts[at]))),
    'decode frames': timeDecoding(headers.map((header, at) => encodeFrame(header, parts[at]))),
    'put the id back': timeUs(() => splice(body, [replacement([21, 22], '123456')])),
  }
  mustBe(lines > 0)
  return us
}

function timeDecoding(frames: readonly Uint8Array[]): number {
  return timeUs(() => frames.forEach((frame) => mustBe(decodeAgentFrame(frame).ok)))
}

const CLIENT: WaiterFacts = {
  group: 'g',
  agent: 'a',
  session: 's',
  principal: 'p',
  isInitialize: false,
  restarted: false,
  canStream: true,
}

function runningCall(key: string): RunningCall {
  return { key, ch: 'bench.1', method: 'tools/call', sinceMs: 0, tag: key, ra: `c${key}`, written: true }
}

/** One call comes and goes, or one message finds its call, while so many others wait. */
function byPending(pending: number): Readonly<Record<string, number>> {
  const answer = { kind: 'answer', id: [0, 1], failed: false, body: new Uint8Array(0) } as const
  const waiters = new Waiters(() => {})
  const memory = new CallMemory()
  const full = new CallMemory(undefined, () => pending)
  const running = new RunningCalls('keep')
  for (let at = 0; at < pending; at++) {
    void waiters.wait(`k${at}`, CLIENT)
    memory.begin(runningCall(`k${at}`))
    running.start(runningCall(`k${at}`), String(at), `"t${at}"`, 0)
    full.end(`e${at}`, answer, 0)
  }
  const progress = notification(`,"params":{"progressToken":"t${pending >> 1}","progress":1}`, 'notifications/progress')
  const plain = notification('', 'notifications/tools/list_changed')
  // Another key each time, as in life: V8 keeps what was deleted in its bucket's chain for a while, and one key has one bucket.
  let turn = 0
  const ns = {
    'wait in the Share': timeUs(() => {
      const key = `f${turn++}`
      void waiters.wait(key, CLIENT)
      const waiter = waiters.get(key)
      if (waiter !== undefined) waiters.settle(waiter, { kind: 'moved' })
    }),
    'remember in the agent': timeUs(() => {
      const key = `f${turn++}`
      memory.begin(runningCall(key))
      memory.end(key, answer, 0)
    }),
    'remember one, forget the oldest': timeUs(() => full.end(`f${turn++}`, answer, 0)),
    'match an answer': timeUs(() => {
      const id = `"f${turn++}"`
      const call = runningCall(id)
      running.start(call, id, undefined, 0)
      mustBe(running.answered(id) === call)
    }),
    'match progress': timeUs(() => mustBe(running.address(progress, 0)?.sure === true)),
    'attribute a notification': timeUs(() => mustBe(running.address(plain, 0) !== undefined)),
  }
  return Object.fromEntries(Object.entries(ns).map(([step, us]) => [step, us * 1000]))
}

function notification(params: string, method: string): MessageFacts {
  const scanned = scanMessage(Buffer.from(`{"jsonrpc":"2.0","method":"${method}"${params}}`))
  if (!scanned.ok) throw new Error(scanned.error)
  return scanned.value
}

/** A step that did not do its work is not worth timing. */
function mustBe(fact: boolean): void {
  if (!fact) throw new Error('a step of the bench did not do its work')
}

function measureMatching(): Matching {
  return {
    bySize: SIZES_BYTES.map((bytes) => ({ bytes, us: bySize(bytes) })),
    byPending: PENDING.map((pending) => ({ pending, ns: byPending(pending) })),
  }
}

const matching = measureMatching()
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(matching)}\n`)
else {
  const rows = matchingRows(matching)
  process.stdout.write(`${textTable(rows.bySize)}\n\n${textTable(rows.byPending)}\n`)
}
