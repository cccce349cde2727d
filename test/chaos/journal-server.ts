/** The sample server of the chaos runs: writes each execution of each call to a journal. Argument: the journal's file. */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Call,
  initialize,
  type Json,
  type JsonObject,
  notify,
  Peer,
  text,
  toolMethods,
  type Tool as Handler,
} from '../fixtures/stdio-peer.ts'
import { answerText, type JournalLine, journalLine } from './account.ts'

const journal = openSync(process.argv[2] ?? '/dev/null', 'a')

/** Appended by many processes: one write a line keeps lines whole. */
function write(phase: JournalLine['phase'], arg: string): void {
  writeSync(journal, journalLine({ phase, arg, pid: process.pid, atMs: Date.now() }))
}

/** Takes `ms`, in `steps` that each are told as progress; answers with `kib` KiB. */
async function run(args: JsonObject, { progressToken, signal }: Call): Promise<Json | undefined> {
  const arg = String(args['arg'])
  const steps = Number(args['steps'] ?? 0)
  write('start', arg)
  if (args['log'] === true) await notify('notifications/message', { level: 'info', data: arg })
  for (let step = 1; step <= steps && !signal.aborted; step++) {
    if (progressToken !== undefined) await notify('notifications/progress', { progressToken, progress: step, total: steps, message: arg })
  }
  const ms = Number(args['ms'] ?? 0)
  if (ms > 0) await delay(ms)
  write('end', arg)
  return { ...text(answerText(arg, Number(args['kib'] ?? 0))), resultType: 'complete' }
}

const HINTS: Readonly<Record<string, JsonObject>> = { lookup: { readOnlyHint: true }, put: { idempotentHint: true } }
const tools: Record<string, Handler> = Object.fromEntries(['once', 'slow', 'big', 'chatty', 'lookup', 'put'].map((name) => [name, run]))

new Peer({
  methods: {
    initialize: initialize('journal-server', { tools: { listChanged: true }, logging: {} }),
    'logging/setLevel': () => ({}),
    ...toolMethods(tools),
    'server/discover': () => ({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      serverInfo: { name: 'journal-server', version: '1.0.0' },
      ttlMs: 0,
      cacheScope: 'private',
    }),
    'tools/list': () => ({
      resultType: 'complete',
      tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' }, annotations: HINTS[name] ?? {} })),
      ttlMs: 0,
      cacheScope: 'private',
    }),
  },
  onNotification: (method, params) => {
    if (method !== 'notifications/chaos') return
    write('start', String(params['arg']))
    write('end', String(params['arg']))
  },
})
