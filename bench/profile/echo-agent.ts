/** The agent of the bare relay: sends a frame back, at once or by way of a server process. `node echo-agent.ts URL command…` */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const [url = '', command = '', ...args] = process.argv.slice(2)
/** Number and kind, see the bare relay. */
const HEADER_BYTES = 5
const LINE_END = Buffer.from('\n')

const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
const socket = new WebSocket(url, { perMessageDeflate: false })
/** Answers come in the order of the calls. */
const waiting: Buffer[] = []

socket.on('open', () => process.stdout.write('ready\n'))
socket.on('close', () => {
  child.kill()
  process.exit(0)
})
socket.on('message', (frame: Buffer) => {
  if (frame[HEADER_BYTES - 1] === 0) {
    socket.send(frame)
    return
  }
  const [header, body] = [frame.subarray(0, HEADER_BYTES), frame.subarray(HEADER_BYTES)]
  child.stdin.write(Buffer.concat([body, LINE_END]))
  // Nothing answers a notification.
  if (body.includes('"id":')) waiting.push(header)
  else socket.send(header)
})
createInterface({ input: child.stdout }).on('line', (line) => {
  const header = waiting.shift()
  if (header !== undefined) socket.send(Buffer.concat([header, Buffer.from(line)]))
})
process.on('SIGTERM', () => socket.close())
