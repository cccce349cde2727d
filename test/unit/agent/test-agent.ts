/** The real agent as a process of its own, for what only the program does. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Most of what these tests take is the start of Node. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'node-compile-cache')

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
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', NODE_COMPILE_CACHE, ...env },
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
