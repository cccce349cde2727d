/**
 * Which servers shares have under names, as this isolate knows. Whoever asks for one is answered before any object is, so that nobody makes
 * an object by making up a name. Of one that was removed since, its object says that it knows nothing of it.
 */
import type { ServerAddition } from '../contract/registry/registry-rpc.ts'
import type { Env } from '../env.ts'
import { KNOWN_SERVERS_MS, MAX_KNOWN_SERVERS } from '../trust-limits.ts'
import { Newest } from '../newest.ts'
import { SparingAnswers } from '../access/sparing-answers.ts'
import { askLanes } from './lane-orders.ts'

/** By share and name. */
const known = new Newest<true>(MAX_KNOWN_SERVERS)
const told = new SparingAnswers<readonly string[]>(KNOWN_SERVERS_MS)

function nameOf(share: string, server: string): string {
  return `${share} ${server}`
}

/** Whether a server is known here, which it is once it was asked for. */
export function knowsServer(share: string, server: string): boolean {
  return known.get(nameOf(share, server)) === true
}

/** Whether a share, whose id was found to be ours, has a server of this name; undefined when the registry cannot be asked. */
export async function hasServer(env: Env, share: string, server: string): Promise<boolean | undefined> {
  const servers = await told.of(share, () => env.REGISTRY.getByName('registry').servers(share)).catch(() => undefined)
  if (servers === undefined) return undefined
  const isThere = servers.answer.includes(server)
  if (isThere) known.set(nameOf(share, server), true)
  return isThere
}

/**
 * Notes that an agent serves a server, if that is not known here. Why it may not be; undefined when it may. An object that the server had before
 * it was removed begins anew.
 */
export async function admitServer(
  env: Env,
  share: string,
  server: string,
): Promise<Exclude<ServerAddition['kind'], 'new' | 'known'> | 'no_share' | undefined> {
  const added = await env.REGISTRY.getByName('registry').addServer(share, server)
  if (added === undefined) return 'no_share'
  if (!('trust' in added)) return added.kind
  const { trust, location } = added
  await askLanes(env, { id: share, servers: [] }, { op: 'share_changed', trust }, { location, lanes: [server] })
  known.set(nameOf(share, server), true)
  told.forget(share)
  return undefined
}

/** Whether a server that was there was removed, where its object has answered as one that does not know what is asked for. */
export async function wasRemoved(env: Env, share: string, server: string): Promise<boolean> {
  const isGone = (await hasServer(env, share, server)) === false
  if (isGone) forgetServer(share, server)
  return isGone
}

/** Its object says that it is none. */
export function forgetServer(share: string, server: string): void {
  known.delete(nameOf(share, server))
}
