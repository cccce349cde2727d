/** Children of the handshake era that serve groups of clients without sessions: how they are named, introduced and translated for. Pure. */
import { childInitializeParams } from '../../bridge/discover.ts'
import { BRIDGED_SHARED_GROUP, bridgedGroup, routeOf } from '../../contract/groups.ts'
import type { BridgeFacts, GroupCallRequest } from '../../contract/share-rpc.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import { type Introduction, RELAY_ID } from '../children/channel-opener.ts'

const encoder = new TextEncoder()

/** The group of such clients on an agent. */
export function bridgedGroupOn(link: AgentLink, name: string): string {
  return link.isolation === 'share' ? `${BRIDGED_SHARED_GROUP}${routeOf(name)}` : bridgedGroup(name)
}

/** How its child is introduced to a client of such a group, which it serves first. */
export function bridgedIntroduction(client: GroupCallRequest, link: AgentLink, purpose: Introduction['purpose']): Introduction {
  const { principal } = client
  // A child that serves many cannot ask anyone.
  const params = childInitializeParams(link.isolation === 'share' ? undefined : client)
  const body = encoder.encode(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${params}}`)
  const request = { body, ...RELAY_ID, name: '' }
  return { asks: link.isolation === 'share' ? 'refuse' : 'pass', method: 'initialize', request, purpose, owner: principal }
}

/** By what a call to a child is translated whose server has answered initialize so. */
export function bridgeFactsOf(version: string, server: Uint8Array, isRouted = false): BridgeFacts {
  return { version, childEra: 'legacy', server, ...(isRouted ? { isRouted } : {}) }
}
