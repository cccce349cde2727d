/** Calls of tools that go to all agents that were started with `--spread`: which these are, and on which children parts of such a call run beside its client's own. */
import { isAnonymous } from '../../contract/trust/principals.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import { randomKey } from '../../call-key.ts'
import { besideGroup } from '../../contract/groups.ts'
import { MAX_SPREAD_AGENTS } from '../../routing-limits.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import type { AgentLinks } from '../agents/links.ts'
import type { MessageSender } from '../agents/message-sender.ts'
import type { GroupChannels } from '../children/group-channels.ts'

interface Parts {
  readonly links: AgentLinks
  readonly channels: GroupChannels
  readonly sender: MessageSender
}

export type EraOf = (link: AgentLink) => AgentLink['era']

export class SpreadCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * What the Worker of a call is told that would go to this agent and may be one for all; undefined for any other, and where no
   * other agent can have it. Whether its tool only reads the Worker finds out, by what the server lists in the state of `toolsVersion`.
   */
  offer(request: CallRequest, link: AgentLink, toolsVersion: string, eraOf: EraOf): Extract<CallOutcome, { kind: 'spread' }> | undefined {
    if (!link.spreads || request.method !== 'tools/call' || request.spread !== undefined) return undefined
    // One that an agent may have had goes there alone, and one that its owner has allowed is allowed once.
    if (request.isResend === true || request.hold !== undefined || request.runsOnce === true) return undefined
    // Whoever has shown no credential has processes for one request only.
    if (isAnonymous(request.principal)) return undefined
    const others = this.#others(link).filter((other) => eraOf(other) === eraOf(link))
    const agents = others.map(({ name }) => name).toSorted()
    if (agents.length === 0) return undefined
    return { kind: 'spread', own: link.name, agents: agents.slice(0, MAX_SPREAD_AGENTS - 1), count: agents.length + 1, toolsVersion }
  }

  /** The agent that is to run a part of a call; undefined where it is not there any more, or is leaving. */
  linkNamed(name: string): AgentLink | undefined {
    const link = this.#parts.links.named(name)
    return link === undefined || this.#parts.links.isLeaving(link) ? undefined : link
  }

  /** Tells the other agents that a call is cancelled that may have gone to all. `groupOn`: of its client, on each. */
  cancel(link: AgentLink, groupOn: (other: AgentLink) => string, tag: string): void {
    if (!link.spreads) return
    for (const other of this.#others(link)) {
      const current = this.#parts.channels.current(besideGroup(groupOn(other), other.name))
      if (current !== undefined) this.#parts.sender.cancel(other, current.ch, randomKey(), tag)
    }
  }

  #others(link: AgentLink): AgentLink[] {
    const { links } = this.#parts
    return links.withServer().filter((other) => other.spreads && other.set === link.set && other !== link && !links.isLeaving(other))
  }
}
