/**
 * Preloaded into agent and server: notes when messages of a call pass, without a change to their code. The file named by
 * BENCH_TAP gets the notes when the process ends.
 */
import childProcess, { type ChildProcess } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import type { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { WebSocket } from 'ws'

/** A call's id is near the beginning of its message, behind the frame's header. */
const LOOKED_AT_BYTES = 2048

const notes: (readonly [string, string, number])[] = []
const file = process.env['BENCH_TAP']

function note(place: string, data: unknown): void {
  const atMs = performance.timeOrigin + performance.now()
  const id = /"id":(\d+)/.exec(textOf(data))?.[1]
  if (id !== undefined) notes.push([place, id, atMs])
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data
  if (!(data instanceof Uint8Array)) return ''
  return Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, LOOKED_AT_BYTES)).toString('latin1')
}

function tapEmit(emitter: EventEmitter, event: string, place: string): void {
  const original: unknown = Reflect.get(emitter, 'emit')
  if (typeof original !== 'function') throw new Error('no emit to tap')
  emitter.emit = function tapped(this: EventEmitter, name: string | symbol, ...args: unknown[]): boolean {
    if (name === event) note(place, args[0])
    return Reflect.apply(original, this, [name, ...args]) === true
  }
}

/** `method` takes what is sent as its first argument. */
function tapSender(sender: object, method: 'write' | 'send', place: string): void {
  const original: unknown = Reflect.get(sender, method)
  if (typeof original !== 'function') throw new Error(`no ${method} to tap`)
  const value = function tapped(this: unknown, ...args: unknown[]): unknown {
    note(place, args[0])
    return Reflect.apply(original, this, args)
  }
  Object.defineProperty(sender, method, { value, configurable: true, writable: true })
}

function tapAgent(): void {
  tapEmit(WebSocket.prototype, 'message', 'agent')
  tapSender(WebSocket.prototype, 'send', 'agentBack')
  const { spawn } = childProcess
  const value = (...args: unknown[]): ChildProcess => {
    const child = Reflect.apply(spawn, childProcess, args) as ChildProcess
    if (child.stdin !== null) tapSender(child.stdin, 'write', 'agentToChild')
    if (child.stdout !== null) tapEmit(child.stdout, 'data', 'agentFromChild')
    return child
  }
  Object.defineProperty(childProcess, 'spawn', { value })
  syncBuiltinESMExports()
}

function tapChild(): void {
  tapEmit(process.stdin, 'data', 'child')
  tapSender(process.stdout, 'write', 'childBack')
}

if (process.argv[1]?.endsWith('agent/cli.ts') === true) tapAgent()
else tapChild()
process.on('exit', () => {
  if (file !== undefined && notes.length > 0) appendFileSync(file, notes.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
})
