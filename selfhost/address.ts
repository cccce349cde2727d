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

export interface ChosenPort {
  /** 0 is any free one. */
  readonly port: number
  /** The port that was to be taken, and is in use: `port` stands in for it. */
  readonly inPlaceOf?: number
}

export interface PortWish {
  readonly host: string
  /** The port that was asked for; 0 is any free one. */
  readonly asked: number | undefined
  /** The last one used; it, or else the usual one, is taken when none is asked for. */
  readonly last: number | undefined
  /** How long it may take to become free: what a killed run has left behind ends by itself. */
  readonly waitMs: number
}

/**
 * The port to listen on, or any free one when it is in use.
 *
 * @throws {Error} when it is not allowed, or the address is none of this machine.
 */
export async function choosePort({ host, asked, last, waitMs }: PortWish): Promise<ChosenPort> {
  const port = asked ?? last ?? DEFAULT_PORT
  for (let waitedMs = 0; ; waitedMs += PORT_POLL_MS) {
    const fault = await tryPort(host, port)
    if (fault === undefined) return { port }
    if (fault !== 'EADDRINUSE') throw new Error(`cannot listen on ${toAddress(host, port)} (${fault}): choose another --port or --host`)
    if (waitedMs >= waitMs) return { port: 0, inPlaceOf: port }
    await delay(PORT_POLL_MS)
  }
}

/** The code of the error with which listening fails, if it does. */
function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen({ host: host === '*' ? '0.0.0.0' : host, port, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}
