/**
 * The stdio server behind every contender: plain Node, JSON-RPC lines by hand, so that what is measured is the way to it.
 * With `--modern` it speaks revision 2026-07-28 and knows no handshake.
 */

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly protocolVersion?: string
    readonly arguments?: { readonly text?: string; readonly bytes?: number; readonly ms?: number; readonly times?: number }
  }
}

const isModern = process.argv.includes('--modern')
const SERVER = { name: 'bench', version: '1.0.0' }
const CAPABILITIES = { tools: { listChanged: true } }
const INPUT_SCHEMA = { type: 'object' }
const TOOLS = ['echo', 'big', 'sleep', 'hang', 'notify'].map((name) => ({
  name,
  inputSchema: INPUT_SCHEMA,
  annotations: { readOnlyHint: name === 'echo' },
}))
/** Members that every result of revision 2026-07-28 has. */
const COMPLETE = isModern ? { resultType: 'complete' } : {}
const CACHE = isModern ? { ttlMs: 0, cacheScope: 'private' } : {}
/** 80 characters of prose and an escaped line end: what tools print most. */
const LINE = `${'The quick brown fox jumps over the lazy dog; then it does so once more, slowly. '.slice(0, 78)}\\n`

const payloads = new Map<number, Buffer>()

/** JSON text, `bytes` long, ready to stand between quotes. */
function payload(bytes: number): Buffer {
  const known = payloads.get(bytes)
  if (known !== undefined) return known
  const made = Buffer.alloc(bytes, LINE)
  // A cut through an escape would spoil it.
  if (made.at(-1) === 0x5c) made[bytes - 1] = 0x2e
  payloads.set(bytes, made)
  return made
}

function say(id: string | number | undefined, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}

function call(id: string | number | undefined, { name, arguments: args = {} }: NonNullable<Message['params']>): void {
  const text = (value: string): void => say(id, { content: [{ type: 'text', text: value }], ...COMPLETE })
  switch (name) {
    case 'echo':
      text(args.text ?? '')
      break
    case 'big': {
      const tail = isModern ? '"}],"resultType":"complete"}}\n' : '"}]}}\n'
      // Together in one write to the pipe, as other servers print a line.
      process.stdout.cork()
      process.stdout.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"`)
      process.stdout.write(payload(args.bytes ?? 0))
      process.stdout.write(tail)
      process.stdout.uncork()
      break
    }
    case 'sleep':
      setTimeout(text, args.ms ?? 0, 'slept')
      break
    case 'hang':
      break
    case 'notify':
      // After the answer, so that it belongs to no call.
      text('told')
      if (args.ms === undefined) notify(args.times)
      else setTimeout(notify, args.ms, args.times)
      break
    default:
      fail(id, -32602, `no tool ${name}`)
  }
}

function notify(times = 1): void {
  for (let time = 0; time < times; time++) process.stdout.write('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n')
}

function fail(id: string | number | undefined, code: number, message: string): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })}\n`)
}

function hear({ id, method, params = {} }: Message): void {
  if (id === undefined) return
  switch (method) {
    case isModern ? 'server/discover' : 'initialize': {
      const common = { capabilities: CAPABILITIES, serverInfo: SERVER }
      if (isModern) say(id, { supportedVersions: ['2026-07-28'], ...common, ...COMPLETE, ...CACHE })
      else say(id, { protocolVersion: params.protocolVersion ?? '2025-11-25', ...common })
      break
    }
    case 'tools/list':
      say(id, { tools: TOOLS, ...COMPLETE, ...CACHE })
      break
    case 'tools/call':
      call(id, params)
      break
    case 'ping':
      say(id, {})
      break
    default:
      fail(id, -32601, `no method ${method}`)
  }
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) if (line !== '') hear(JSON.parse(line) as Message)
})
process.stdin.on('end', () => process.exit(0))
