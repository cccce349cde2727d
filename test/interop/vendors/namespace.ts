/** A network namespace that has loopback only: what runs in it can reach nothing but what runs in it too. Linux only. */
import { networkInterfaces } from 'node:os'
import { run } from '../../harness/program.ts'
import type { Command } from '../../harness/selfhost.ts'

/** Who is not root becomes it in a user namespace of his own. */
const UNSHARE = process.getuid?.() === 0 ? ['unshare', '--net'] : ['unshare', '--map-root-user', '--net']

/** The command, run in a fresh namespace. */
export function onLoopbackOnly(command: Command): Command {
  const [name = '', ...args] = UNSHARE
  return [name, ...args, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command]
}

/** Why no namespace can be had here, if it cannot. */
export async function needsNamespace(): Promise<string | undefined> {
  const [name, ...args] = onLoopbackOnly(['true'])
  try {
    const { code, stderr } = await run(name, args)
    return code === 0 ? undefined : `no network namespace can be had: ${stderr.trim() || `exit ${code}`}`
  } catch (error) {
    return `no network namespace can be had: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** @throws Error when this process could reach another machine. */
export function expectLoopbackOnly(): void {
  const others = Object.keys(networkInterfaces()).filter((name) => name !== 'lo')
  if (others.length > 0) throw new Error(`the network is not loopback only: ${others.join(', ')}`)
}
