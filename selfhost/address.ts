/** Which address the relay listens on, and which origin reaches it from this machine. */
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const DEFAULT_PORT = 8787

/** Whether only this machine can reach a listening address. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

export function toAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The relay's origin as seen from this machine. */
export function localOrigin(host: string, port: number): string {
  const isWildcard = host === '0.0.0.0' || host === '::' || host === '*'
  return `http://${toAddress(isWildcard ? '127.0.0.1' : host, port)}`
}

/** Pause between two looks at a port: no event tells when it becomes free. */
const PORT_POLL_MS = 100

/**
 * The port to listen on. One that was asked for is taken or refused; the last one used, or else the usual one, is
 * taken when it is free, and else any free one. `waitMs` is how long it may take to become free: what a killed run has
 * left behind ends by itself.
 *
 * @throws {Error} when the port that was asked for is in use.
 */
export async function choosePort(host: string, asked: number | undefined, last: number | undefined, waitMs = 0): Promise<number> {
  if (asked === 0) return 0
  const port = asked ?? last ?? DEFAULT_PORT
  for (let waitedMs = 0; ; waitedMs += PORT_POLL_MS) {
    if (await isFree(host, port)) return port
    if (waitedMs >= waitMs) break
    await delay(PORT_POLL_MS)
  }
  if (asked === undefined) return 0
  throw new Error(`cannot listen on ${toAddress(host, port)}; it is in use or not allowed, so choose another --port or --host`)
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host: host === '*' ? '0.0.0.0' : host, port, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
