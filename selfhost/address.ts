/** Which address the relay listens on, and which origin reaches it from this machine. */
import { createServer } from 'node:net'

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

/**
 * The port to listen on. One that was asked for is taken or refused; the last one used, or else the usual one, is
 * taken when it is free, and else any free one.
 *
 * @throws {Error} when the port that was asked for is in use.
 */
export async function choosePort(host: string, asked: number | undefined, last: number | undefined): Promise<number> {
  if (asked === 0) return 0
  const port = asked ?? last ?? DEFAULT_PORT
  if (await isFree(host, port)) return port
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
