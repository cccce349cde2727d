/** Preloaded into the agent: writes each passage of a marked message to the file that BENCH_TAP names, one JSON line each. */
import childProcess, { type ChildProcess } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { WebSocket } from 'ws'
import { watchHandOvers, wrap, wrapMethod } from './passages.ts'

const file = process.env['BENCH_TAP'] ?? ''
const look = watchHandOvers((passage) => appendFileSync(file, `${JSON.stringify(passage)}\n`))

wrapMethod(WebSocket.prototype, 'send', look)
wrap(childProcess, 'spawn', (spawn, owner, args) => {
  const child = Reflect.apply(spawn, owner, args) as ChildProcess
  if (child.stdin !== null) wrapMethod(child.stdin, 'write', look)
  return child
})
syncBuiltinESMExports()
