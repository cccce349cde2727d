/** What an isolate remembers of the servers of the handshake era that serve modern clients. */
import { readInitializeResult, type ServerFacts } from '../../bridge/discover.ts'
import { MAX_CACHED_SERVERS } from '../../limits.ts'
import type { BridgeFacts } from '../../contract/share-rpc.ts'
import { Newest } from '../../newest.ts'

export interface LegacyServer extends ServerFacts {
  /** Named by each translated call, so that the Share can tell whether it still holds. */
  readonly version: string
}

/** By share and group. */
const servers = new Newest<LegacyServer>(MAX_CACHED_SERVERS)

export function knownLegacyServer(share: string, group: string): LegacyServer | undefined {
  return servers.get(`${share} ${group}`)
}

/** Undefined for a child that answered initialize with what is no result. */
export function learnLegacyServer(share: string, group: string, { version, server }: BridgeFacts): LegacyServer | undefined {
  const facts = readInitializeResult(server)
  if (facts === undefined) return undefined
  const known = { ...facts, version }
  servers.set(`${share} ${group}`, known)
  return known
}

export function forgetLegacyServer(share: string, group: string): void {
  servers.delete(`${share} ${group}`)
}
