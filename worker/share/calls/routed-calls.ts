/** Finds where requests go in a share whose agents serve different names (`--serves`): by the name that they are about, whichever agent is their client's own. Sends nothing. */
import { readAskId } from '../../../protocol/ask-ids.ts'
import { ALL_OTHER_NAMES, type ServedName } from '../../../protocol/served-names.ts'
import type { ListPart, ListsToJoin } from '../../contract/call-parts.ts'
import { routedGroup, SHARED_GROUP } from '../../contract/groups.ts'
import { isListMethod } from '../../contract/listings.ts'
import type {
  Away,
  CallOutcome,
  CallRequest,
  GroupCallRequest,
  SendOutcome,
  SendRequest,
  SessionCallRequest,
} from '../../contract/share-rpc.ts'
import { cancelTag, type MessageSender } from '../agents/message-sender.ts'
import { randomKey } from '../../call-key.ts'
import type { AgentNews } from '../agents/agent-news.ts'
import type { AgentLinks } from '../agents/links.ts'
import type { LinkHealth } from '../agents/link-health.ts'
import { servedName, type ServedSets } from '../agents/served-sets.ts'
import type { StandbyAnswers } from '../answers/standby-answers.ts'
import type { CanServe, GroupChannels } from '../children/group-channels.ts'
import type { Session } from '../rows/session-rows.ts'
import type { Store } from '../rows/store.ts'
import { failed } from './outcomes.ts'
import type { EraOf, SpreadCalls } from './spread-calls.ts'
import type { AgentLink } from '../agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly links: AgentLinks
  readonly health: LinkHealth
  readonly news: AgentNews
  readonly sender: MessageSender
  readonly channels: GroupChannels
  readonly servedSets: ServedSets
  readonly standbyAnswers: StandbyAnswers
  readonly spreadCalls: SpreadCalls
}

/** A session's request goes to another agent than its own, by a child that serves the session there. */
export interface Aside {
  readonly group: string
  readonly link: AgentLink | undefined
  /** What is told where that agent is not there. */
  readonly away: Away
}

/** A request without a session, as it goes on: in the name of a group that has its child on the agent that serves it. */
export interface GroupWay {
  readonly request: GroupCallRequest
  readonly can: CanServe
  readonly away: Away
}

export class RoutedCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Where a session's request goes; undefined where it is for the session's own agent, as most are. `goesOn`: an agent may have it. */
  way(request: SessionCallRequest, session: Session, goesOn: boolean): Aside | CallOutcome | undefined {
    const { servedSets, channels, store } = this.#parts
    const own = goesOn ? channels.linkFor(session) : channels.linkForCall(session)
    const ownSet = own?.set ?? servedSets.of(store.channels.get(channels.groupFor(session))?.agent ?? '')
    const part = listPart(request)
    // The others' lists are not to wait for the session's own agent.
    if (own === undefined && part === undefined && request.bridge === undefined && isListMethod(request.method))
      return this.join(request, ownSet ?? '')
    const name = servedName(request)
    const set = part?.set ?? (name === undefined ? undefined : servedSets.serving(name))
    if (set === undefined) return name?.kind === 'name' ? unserved(name) : undefined
    const group = this.#groupOf(session, set)
    if (set === ownSet && store.channels.get(group)?.open !== true)
      return own === undefined && part === undefined ? { group, link: undefined, away: this.#away(set, name) } : undefined
    const can = (link: AgentLink): boolean => link.set === set
    const link = goesOn ? channels.linkForGroup(group, can) : channels.linkForCall(group, can)
    if (part !== undefined && (link?.sessionEra !== 'legacy' || this.#isSuspect(link))) return PART_AWAY
    if (link?.sessionEra === 'modern') return unserved(name, 'the server that has it speaks 2026-07-28 alone, and this client does not')
    return { group, link, away: this.#away(set, name) }
  }

  /** The same of a request without a session. `ownGroup`: of the child that served its client last. */
  groupWay(request: GroupCallRequest, ownGroup: string | undefined): GroupWay | CallOutcome | undefined {
    const { servedSets, store, links } = this.#parts
    const agent = ownGroup === undefined ? undefined : store.channels.get(ownGroup)?.agent
    const ownSet = agent === undefined ? undefined : (links.named(agent)?.set ?? servedSets.of(agent))
    const part = listPart(request)
    const isOwnLost = agent !== undefined && links.named(agent) === undefined
    const [first] = isOwnLost && isListMethod(request.method) ? this.#parts.servedSets.there() : []
    const name = servedName(request)
    const set = part?.set ?? first ?? (name === undefined ? undefined : servedSets.serving(name))
    if (set === undefined) return name?.kind === 'name' ? unserved(name) : undefined
    const childEra = request.bridge === undefined ? 'modern' : 'legacy'
    const can = (link: AgentLink): boolean => link.set === set && (part === undefined || (link.era === childEra && !this.#isSuspect(link)))
    if (part !== undefined && !links.withServer().some(can)) return PART_AWAY
    const away = this.#away(set, name)
    return { request: set === ownSet ? request : { ...request, group: routedGroup(request.group, set) }, can, away }
  }

  /** The group whose child has run a session's call of a tool, where that is not the session's own. */
  groupServing(session: Session, tool: string | null): string | undefined {
    const { servedSets, channels, store } = this.#parts
    const set = tool === null ? undefined : servedSets.serving({ kind: 'name', text: tool })
    const group = set === undefined ? undefined : this.#groupOf(session, set)
    const isOwn = servedSets.of(store.channels.get(channels.groupFor(session))?.agent ?? '') === set
    return group === undefined || (isOwn && store.channels.get(group)?.open !== true) ? undefined : group
  }

  /** The group whose child has asked what a session's client answers, where that is not the session's own. */
  askerOf({ id }: Session, rawId: string): string | undefined {
    const asked = readAskId(rawId)
    const group = asked === undefined ? undefined : `${id}${asked.route}`
    return group === undefined || this.#parts.store.channels.get(group) === undefined ? undefined : group
  }

  /** The answer to what a child on another agent than the session's own has asked. One that is gone needs none. */
  async respond(request: SendRequest, group: string): Promise<SendOutcome> {
    const { store, channels, sender } = this.#parts
    const current = channels.current(group)
    if (current === undefined) return store.channels.get(group)?.open === true ? channels.away() : { kind: 'sent' }
    if (!channels.mayTake(group, request)) return failed({ code: 'AGENT_AWAY', executed: 'unknown', retryAfterMs: 2000 })
    const { key, size, rawId = 'null' } = request
    const receipt = sender.receipt(current.link, key)
    sender.send(current.link, { type: 'respond', ch: current.ch, key, rawId, size }, request.body)
    return { kind: (await receipt) ? 'sent' : 'again' }
  }

  /** Tells the children that serve a session on agents other than its own that its client has cancelled a call. One that does not run it has nothing to cancel. */
  cancel(session: Session, { requestId, method, body, size }: SendRequest): void {
    const { store, channels, sender, spreadCalls } = this.#parts
    if (requestId === undefined || body.length < size) return
    const cancels = { cancels: cancelTag(session.id, requestId.raw), requestId: requestId.span }
    for (const group of [...store.channels.routed(session.id), ...store.channels.routed(SHARED_GROUP)]) {
      const current = channels.current(group)
      if (current === undefined) continue
      sender.send(current.link, { type: 'notify', ch: current.ch, key: randomKey(), method, ...cancels, size }, body)
      spreadCalls.cancel(current.link, (other) => channels.groupOn(session, other), cancels.cancels)
    }
  }

  /** What the Worker is told of a request that goes to several agents, or may. `eraOf`: as SpreadCalls has it. */
  several(request: CallRequest, link: AgentLink, toolsVersion: string, eraOf: EraOf): CallOutcome | undefined {
    const { spreadCalls, servedSets } = this.#parts
    const offer = link.spreads ? spreadCalls.offer(request, link, toolsVersion, eraOf) : undefined
    return offer ?? (servedSets.hasAny ? this.join(request, link.set) : undefined)
  }

  /** What the Worker of a list is told, since each agent lists its own. `own`: the set of its client's agent. Undefined for anything else. */
  join(request: CallRequest, own: string): ListsToJoin | undefined {
    if (!isListMethod(request.method) || request.spread !== undefined) return undefined
    const there = this.#parts.servedSets.there()
    if (there.length === 0) return undefined
    const listed = this.#parts.standbyAnswers.listed(request)
    return { kind: 'join', own, sets: this.#parts.servedSets.all(), there, ...(listed === undefined ? {} : { listed }) }
  }

  /** The group whose child serves a session on an agent of another set than its own: by what served it last, as far as the rows know. */
  #groupOf({ id }: Session, set: string): string {
    const { channels } = this.#parts.store
    const [own, shared] = [routedGroup(id, set), routedGroup(SHARED_GROUP, set)]
    return channels.get(own) === undefined && channels.get(shared)?.open === true ? shared : own
  }

  #isSuspect(link: AgentLink): boolean {
    return this.#parts.health.isSuspect(link, Date.now())
  }

  /** That no agent is there that serves this, and whether there was one that may be back. */
  #away(set: string, name: ServedName | undefined): Away {
    const { links, store, servedSets, news } = this.#parts
    const isLost = store.links.lost().some((lost) => servedSets.of(lost.name) === set)
    const isReplaceable = servedSets.there().includes(set)
    const isExpected = isLost || links.withServer().some((link) => link.set === set)
    const patterns = set === ALL_OTHER_NAMES ? 'an agent without --serves' : `an agent with --serves '${set}'`
    return { kind: 'away', isExpected, isReplaceable, newsMark: news.mark, failure: unserved(name, `${patterns} is not connected`).failure }
  }
}

/** Characters of a name that are told. */
const SHOWN_CHARS = 128

const PART_AWAY = failed({ code: 'AGENT_AWAY', executed: 'no' })

function unserved(name: ServedName | undefined, why = 'no agent that is connected serves this name'): ReturnType<typeof failed> {
  const what = name === undefined ? '' : `${name.text.slice(0, SHOWN_CHARS)}: `
  return failed({ code: 'NAME_NOT_SERVED', executed: 'no', retryAfterMs: 2000, detail: `${what}${why}` })
}

function listPart({ spread }: CallRequest): ListPart | undefined {
  return typeof spread === 'object' && 'set' in spread ? spread : undefined
}
