/** Whether anybody listens where the web app is to be: one connection, over which nothing is said. */
import { connect } from 'node:net'
import { APP_PROBE_MS } from '../web-limits.ts'

/** Why a connection to the host and port of an origin fails, as a code of the system; undefined where it does not, or takes longer than APP_PROBE_MS. */
export function whyUnreachable({ protocol, hostname, port }: URL): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  // A URL has an IPv6 address in brackets, the resolver wants it without.
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: number })
  socket.setTimeout(APP_PROBE_MS, () => resolve(undefined))
  socket.once('connect', () => resolve(undefined))
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  return promise.finally(() => socket.destroy())
}
