/** Makes sure that nothing we started outlives us, even when we are killed without a chance to act. */
import { spawn } from 'node:child_process'

/** Collects process ids from stdin, whose end is our death, and then ends those processes. */
const SCRIPT = `
  pids=
  while read -r pid; do pids="$pids $pid"; done
  kill -s TERM $pids 2>/dev/null
  sleep 2
  kill -s KILL $pids 2>/dev/null
`

export interface Guard {
  readonly watch: (pid: number) => void
  /** To be called when everything watched has ended. */
  readonly dismiss: () => void
}

/** A guard that does nothing where there is no POSIX shell. */
export function startGuard(): Guard {
  if (process.platform === 'win32') return { watch: () => {}, dismiss: () => {} }
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'mcp-edge-guard'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return {
    watch: (pid) => {
      shell.stdin.write(`${pid}\n`)
    },
    dismiss: () => {
      shell.kill('SIGKILL')
    },
  }
}
