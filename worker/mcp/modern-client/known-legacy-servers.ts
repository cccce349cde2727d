/** What an isolate remembers of the servers of the handshake era that serve modern clients. */
import { joinedCapabilities } from '../../bridge/joined-capabilities.ts'
import { readInitializeResult, type ServerFacts } from '../../bridge/discover.ts'
import { MAX_CACHED_SERVERS } from '../../limits.ts'
import type { BridgeFacts, GroupCallRequest } from '../../contract/share-rpc.ts'
import { Newest } from '../../newest.ts'

export interface LegacyServer extends ServerFacts {
  /** Named by each translated call, so that the Share can tell whether it still holds. */
  readonly version: string
  /** Calls go by name to several servers of the share, each with a version of its own. */
  readonly isRouted: boolean
}

/** Whose server: a group's, or of several that which has this tool. */
type Served = Pick<GroupCallRequest, 'group' | 'tool'>

/** By share and group, and by tool where there are several. */
const servers = new Newest<LegacyServer>(MAX_CACHED_SERVERS)

export function knownLegacyServer(share: string, { group, tool }: Served): LegacyServer | undefined {
  const latest = servers.get(`${share} ${group}`)
  return latest?.isRouted === true ? (servers.get(`${share} ${group} ${tool ?? ''}`) ?? latest) : latest
}

/** Undefined for a child that answered initialize with what is no result. */
export function learnLegacyServer(share: string, { group, tool }: Served, facts: BridgeFacts): LegacyServer | undefined {
  const { version, server, isRouted = false } = facts
  const read = readInitializeResult(server)
  if (read === undefined) return undefined
  const capabilities = isRouted ? joinedCapabilities(read.capabilities) : read.capabilities
  const known = { ...read, capabilities, version, isRouted }
  servers.set(`${share} ${group}`, known)
  if (isRouted) servers.set(`${share} ${group} ${tool ?? ''}`, known)
  return known
}

export function forgetLegacyServer(share: string, group: string): void {
  servers.delete(`${share} ${group}`)
}
