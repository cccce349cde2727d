/** What the owner's commands are given of the machine: where they write, whom they ask, what time it is. */
import { homedir } from 'node:os'
import { isAbsolute, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Variables } from '../config/environment.ts'

export interface Terminal {
  /** Results, on stdout. */
  readonly write: (text: string) => void
  /** Questions and remarks, on stderr. */
  readonly note: (text: string) => void
  /** One line of stdin, trimmed; empty when there is none. `isSecret`: nothing of it is shown. */
  readonly ask: (question: string, isSecret: boolean) => Promise<string>
  readonly now: () => Date
  /** Waits so long, or until nobody reads the results any more. */
  readonly pause: (ms: number) => Promise<void>
  /** Aborted when nobody reads the results any more. */
  readonly left: AbortSignal
  /** Characters of a line. */
  readonly columns: number
  readonly variables: Variables
  readonly platform: NodeJS.Platform
  readonly home: string
  /** How a user calls this program, for commands that are shown. */
  readonly program: string
}

/** As wide as text is that goes to a file or to another program. */
const DEFAULT_COLUMNS = 80
const MIN_COLUMNS = 60

export function processTerminal(): Terminal {
  const { stdout, stderr, env, platform } = process
  const left = new AbortController()
  stdout.once('error', () => left.abort())
  return {
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
    ask,
    now: () => new Date(),
    pause: (ms) => pause(ms, undefined, { signal: left.signal }).catch(() => undefined),
    left: left.signal,
    columns: stdout.isTTY ? Math.max(stdout.columns, MIN_COLUMNS) : DEFAULT_COLUMNS,
    variables: env,
    platform,
    home: homedir(),
    program: ownProgram(process.argv0, process.argv[1] ?? '', process.cwd(), env),
  }
}

/** In a checkout the source file with the Node that runs it, else the name of the package's program. Pure. */
export function ownProgram(node: string, script: string, cwd: string, variables: Variables): string {
  if (script.endsWith('.ts')) return `${fromHere(node, cwd)} ${fromHere(script, cwd)}`
  return variables['npm_command'] === 'exec' ? 'npx mcp-edge-agent' : 'mcp-edge-agent'
}

/** A path below this folder by its short name. */
function fromHere(path: string, cwd: string): string {
  const short = isAbsolute(path) ? relative(cwd, path) : path
  return short.startsWith('..') ? path : short
}

async function ask(question: string, isSecret: boolean): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(question)
  const isHidden = isSecret && stdin.isTTY
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: stdin, ...(isHidden ? { output: nowhere, terminal: true } : {}) })
  try {
    return await new Promise((resolve) => {
      reader.once('line', (line) => resolve(line.trim()))
      reader.once('close', () => resolve(''))
    })
  } finally {
    reader.close()
    if (isHidden || !stdin.isTTY) stderr.write('\n')
  }
}
