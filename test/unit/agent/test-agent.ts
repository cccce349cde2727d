/** The real agent as a process over a scripted relay, with a server given as a few lines of script. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../../agent/cli.ts', import.meta.url))

export interface AgentEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly stderr: string
}

export class TestAgent implements AsyncDisposable {
  readonly process: ChildProcess
  readonly ended: Promise<AgentEnd>
  stderr = ''
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.process = spawn(process.execPath, [CLI, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      for (const look of this.#waiting) look()
    })
    this.ended = once(this.process, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
      stderr: this.stderr,
    }))
  }

  /** Resolves when the agent's log has it. */
  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stderr)
      if (found !== null) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
      this.#waiting.delete(resolve)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // At once: the tests of leaving in order do that themselves, and the guard ends the children.
    this.process.kill('SIGKILL')
    await this.ended
  }
}

/** A server made of a body that sees `send(object)`, `raw(text)` and, line by line, `on = (message) => …`. */
export function scriptServer(body: string): string[] {
  const frame = `
    const raw = (text) => process.stdout.write(text)
    const send = (message) => raw(JSON.stringify(message) + '\\n')
    const result = (id, value) => send({ jsonrpc: '2.0', id, result: value })
    let on = () => {}
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => on(JSON.parse(line), line))
    ${body}`
  return [process.execPath, '-e', frame]
}
