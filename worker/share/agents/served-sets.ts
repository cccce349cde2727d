/** Which names the agents of a share serve, where any was started with `--serves`: the sets of patterns of those that are there or may come back. */
import { ALL_OTHER_NAMES, type ServedName, servingSet } from '../../../protocol/served-names.ts'
import { isListMethod } from '../../contract/listings.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { clientsGroup, groupOf, isBesideGroup, routedGroups, SHARED_GROUP } from '../../contract/groups.ts'
import type { Store } from '../rows/store.ts'
import type { AgentLink } from './agent-link.ts'
import type { AgentLinks } from './links.ts'

/** What of a request says where it goes. */
type Named = Pick<CallRequest, 'method' | 'tool' | 'about'>

/** What a request goes by; undefined for one that is for its client's own agent. */
export function servedName({ method, tool = '', about }: Named): ServedName | undefined {
  return method === 'tools/call' ? { kind: 'name', text: tool } : about
}

export class ServedSets {
  readonly #links: AgentLinks
  readonly #store: Store

  constructor(links: AgentLinks, store: Store) {
    this.#links = links
    this.#store = store
  }

  /** Whether calls go by name at all: nothing else is looked up where they do not. */
  get hasAny(): boolean {
    return this.#store.links.served.size > 0
  }

  /** The set of an agent that is there or may come back; undefined of any other. */
  of(agent: string): string | undefined {
    const { links } = this.#store
    return links.served.get(agent) ?? (links.get(agent) === undefined ? undefined : ALL_OTHER_NAMES)
  }

  /** All of them, in an order that is always the same. */
  all(): string[] {
    const sets = new Set(this.#store.links.served.values())
    return (this.#hasOthers() ? [ALL_OTHER_NAMES, ...sets] : [...sets]).toSorted()
  }

  /** Those of which an agent is there and stays. */
  there(): string[] {
    const staying = this.#links.withServer().filter((link) => !this.#links.isLeaving(link))
    return [...new Set(staying.map(({ set }) => set))].toSorted()
  }

  /** The set whose agents are new clients' own, where there are several, so that all of them begin alike. */
  get leading(): string | undefined {
    return this.hasAny ? this.there()[0] : undefined
  }

  /** The set that has a name; undefined where no agent serves it. */
  serving(name: ServedName): string | undefined {
    return servingSet(name, this.#store.links.served.values()) ?? (this.#hasOthers() ? ALL_OTHER_NAMES : undefined)
  }

  /** Whether an agent may run a request in the place of another: one that serves its name, of which nothing may be known any more. Lists are each agent's own. */
  mayRun({ set }: AgentLink, request: Named): boolean {
    if (!this.hasAny || isListMethod(request.method)) return true
    const name = servedName(request)
    return name !== undefined && this.serving(name) === set
  }

  /**
   * Names the state of the tools of a child; where calls go by name of all that its clients are listed, whichever of their children it is. Differs for
   * each link and child, and after each list_changed. `session`: whose call it is, which may have children of its own and one for all. A child that is
   * judged by its own list alone, as beside its clients' own, has a state of its own.
   */
  toolsVersion(link: AgentLink, ch: string, session?: string): string {
    const group = groupOf(ch)
    if (!this.hasAny || isBesideGroup(group)) return this.#links.toolsVersion(link, ch)
    const mains = session === undefined ? [clientsGroup(group)] : [session, SHARED_GROUP]
    const states = this.#links
      .withServer()
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => this.#links.toolsVersion(one, one.set))
    const sets = this.all()
    const children = mains.flatMap((main) => [main, ...routedGroups(main, sets)])
    const generations = children.map((one) => this.#store.channels.get(one)?.generation ?? 0)
    return `${states.join(' ')} ${mains.join(' ')} ${generations.join('.')}`
  }

  /** The agent in whose time the tools had the state of this name, and that runs this tool; undefined when it is there no more. */
  inState(toolsVersion: string, tool = ''): AgentLink | undefined {
    if (!this.hasAny) return this.#links.inState(toolsVersion)
    const set = this.serving({ kind: 'name', text: tool })
    return this.#links
      .withServer()
      .find((link) => link.set === set && !this.#links.isLeaving(link) && toolsVersion.includes(`${link.instance}.`))
  }

  /** Whether an agent without patterns is there, or may come back. */
  #hasOthers(): boolean {
    const { links } = this.#store
    return this.#links.withServer().some(({ set }) => set === ALL_OTHER_NAMES) || links.lost().some(({ name }) => !links.served.has(name))
  }
}
