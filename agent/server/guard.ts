/**
 * Starts the guard, a shell process that ends the agent's children when the agent is killed: its stdin ends then, and it stops
 * every process group that it was told of.
 */
import { spawn, type ChildProcess } from 'node:child_process'

/** For any POSIX shell; builtins only, but for `sleep`. */
const SCRIPT = `
trap '' INT TERM HUP
groups=
while read -r verb group; do
  case $verb in
    add) groups="$groups $group" ;;
    del) rest=; for g in $groups; do [ "$g" = "$group" ] || rest="$rest $g"; done; groups=$rest ;;
  esac
done
alive() { for g in $groups; do kill -0 -"$g" 2>/dev/null && return 0; done; return 1; }
wait_for() { n=0; while [ $n -lt "$1" ] && alive; do sleep 1; n=$((n + 1)); done; }
alive || exit 0
wait_for "$1"
for g in $groups; do kill -TERM -"$g" 2>/dev/null; done
wait_for "$2"
for g in $groups; do kill -KILL -"$g" 2>/dev/null; done
exit 0
`

export interface Guard {
  /** From now on this process group is ended with the agent. */
  readonly add: (pgid: number) => void
  /** The group is gone. */
  readonly remove: (pgid: number) => void
  /** The agent ends in good order: the guard ends as soon as its groups are gone. */
  readonly end: () => void
}

/** Whole seconds that the groups have to end: before SIGTERM, since they have seen the end of their stdin, and before SIGKILL. */
const WAITS_S = ['1', '2'] as const

/** Where there are no processes. */
export const NO_GUARD: Guard = { add: () => {}, remove: () => {}, end: () => {} }

/**
 * Starts it in a session of its own, where no signal from the agent's terminal reaches it. On Windows, without a POSIX shell,
 * there is none. `onFailure` is told why the guard is gone or never came.
 */
export function startGuard(
  onFailure: (reason: string) => void,
  platform: NodeJS.Platform,
  waitsS: readonly [string, string] = WAITS_S,
): Guard {
  if (platform === 'win32') return NO_GUARD
  const shell: ChildProcess = spawn('/bin/sh', ['-c', SCRIPT, 'mcp-edge-guard', ...waitsS], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
  })
  const failed = (error: Error): void => onFailure(error.message)
  shell.on('error', failed)
  shell.stdin?.on('error', failed)
  shell.unref()
  const tell = (line: string): void => void shell.stdin?.write(`${line}\n`)
  return {
    add: (pgid) => tell(`add ${pgid}`),
    remove: (pgid) => tell(`del ${pgid}`),
    end: () => void shell.stdin?.end(),
  }
}
