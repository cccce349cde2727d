/** Checks one call of revision 2026-07-28 by its server's tools, or by another list: whether its client may make it, and whether its headers are right. */
import type { KnownGrant } from '../../carry/known-grants.ts'
import type { CallRenewed } from '../../carry/pass-refused.ts'
import type { ListMethod } from '../../contract/listings.ts'
import type { GroupCallRequest } from '../../contract/share-rpc.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import { isUnlisted, type Unlisted } from '../../bridge/tool-pages.ts'
import type { Sent, SpreadOffer } from '../call/renewal.ts'
import { PartCheck } from '../call/several/part-check.ts'
import { SpreadCall } from '../call/several/spread-call.ts'
import { judgeFor } from '../policy/bounds.ts'
import { callVerdict, type CallVerdict, NOT_HELD } from '../policy/held-call.ts'
import { neededList, refusalOf } from '../policy/message-verdict.ts'
import { mayMove, STAYS } from '../policy/moved-call.ts'
import { noted } from '../policy/noted-refusal.ts'
import { isFurtherRound, roundGivenIn } from './held-rounds.ts'
import { checkToolHeaders, knownTools, learnTools, noteRefused, refusedIn, type ToolSet } from './known-tools.ts'
import { listToolsFor } from './list-tools.ts'
import type { ModernCall } from './request.ts'

/** What a call says of how it was checked. */
type Checked = Pick<GroupCallRequest, 'toolsVersion' | 'isForOwnAgent' | 'awaitsJudgement' | 'hold' | 'runsOnce'>

export class ToolCheck {
  readonly #call: ModernCall
  /** Of a child of the handshake era. */
  readonly #serverVersion: () => string | undefined

  constructor(call: ModernCall, serverVersion: () => string | undefined) {
    this.#call = call
    this.#serverVersion = serverVersion
  }

  /** Whose tools are known: a server may show them to one client and not to another. */
  get audience(): string {
    return `${this.#call.visitor.share.id} ${this.#call.group}`
  }

  /** Whether the call must be checked at all. */
  get isDue(): boolean {
    const { request, message, visitor } = this.#call
    return request.method === 'tools/call' || neededList(judgeFor(visitor.share), message) !== undefined
  }

  /**
   * Names the state of the tools by which the headers are right, so that the Share can tell whether it is the newest. When
   * they are not, or no tools are known, no state is named: the Share answers `stale`, and the call is checked by the newest.
   */
  named(request: GroupCallRequest): GroupCallRequest {
    const { message, headers } = this.#call
    const needed = neededList(judgeFor(this.#call.visitor.share), message)
    if (request.method !== 'tools/call' && needed === undefined) return request
    const judged = needed === undefined ? {} : ({ isForOwnAgent: true } as const)
    const known = knownTools(this.#listName)
    if (known !== undefined && checkToolHeaders(known, message, headers).ok) {
      const verdict = this.#verdictBy(known)
      // What goes on with a call need not be allowed anew, which its child's era tells how to find out.
      const isSound = !('code' in verdict) && !(verdict.hold !== undefined && isFurtherRound(message.params))
      if (isSound) return { ...request, toolsVersion: known.version, ...judged, ...verdict }
    }
    const refused = needed === undefined ? refusedIn(this.#listName, Date.now()) : undefined
    if (refused !== undefined) return { ...request, toolsVersion: refused, ...NOT_HELD }
    const awaits = needed === undefined ? {} : ({ ...judged, awaitsJudgement: true } as const)
    return { ...request, toolsVersion: '', ...awaits, ...NOT_HELD }
  }

  /** What its client may do has changed: whether the call may still be made, and by which state of the tools. */
  anew(grant: KnownGrant): ReturnType<CallRenewed> {
    const { message, request, visitor } = this.#call
    const judge = judgeFor(visitor.share, grant)
    if (neededList(judge, message) === undefined)
      return noted(visitor.share, visitor.principal, message, refusalOf(judge, message)) ?? NOT_HELD
    const { toolsVersion = '', awaitsJudgement, hold } = this.named(request)
    return { toolsVersion, isForOwnAgent: true, hold, ...(awaitsJudgement === undefined ? {} : { awaitsJudgement }) }
  }

  /** Why the call is refused by the tools of this version, or cannot be judged; undefined when it is not. */
  async refusalIn(toolsVersion: string): Promise<Unlisted | undefined> {
    const { message, visitor } = this.#call
    if (neededList(judgeFor(visitor.share), message) === undefined) return undefined
    const tools = await this.#toolsOf(toolsVersion)
    if (isUnlisted(tools)) return tools
    const verdict = this.#verdictBy(tools)
    return 'code' in verdict ? verdict : undefined
  }

  /** Calls the other agents at once where the tool only reads, as its client's own lists it now; undefined for any other. */
  async spread(offer: SpreadOffer, sent: Sent): Promise<SpreadCall | undefined> {
    const { message, visitor } = this.#call
    const { name } = message.params
    const tools = await this.#toolsOf(offer.toolsVersion)
    const facts = isUnlisted(tools) || typeof name !== 'string' ? undefined : tools.tools.get(name)
    if (facts?.isReadOnly !== true) return undefined
    const check = new PartCheck(message, (part, version) => this.#toolsOf(version, part))
    return new SpreadCall(visitor.share, sent, { ...offer, isTyped: facts.isTyped === true }, check)
  }

  /** Checks the call by the tools of this version: why it fails, or what it must say to be let through; `changed` when the child has another version by now. `agent`: another than its own, that is to run it while that is lost. */
  async by(toolsVersion: string, agent?: string): Promise<Unlisted | Checked> {
    if (agent !== undefined) return this.#elsewhere({ agent, of: this.#call.request.key }, toolsVersion)
    const { message, headers, visitor } = this.#call
    const tools = await this.#toolsOf(toolsVersion)
    // Before any verdict: a tool that is denied fails as one that is unknown does.
    if (isUnlisted(tools) && this.#mayGoUnchecked(tools)) {
      noteRefused(this.#listName, toolsVersion, Date.now())
      return { toolsVersion, ...NOT_HELD }
    }
    if (isUnlisted(tools)) return tools
    // First: a tool that is hidden has no headers that could be wrong.
    const verdict = this.#verdictBy(tools)
    if ('code' in verdict) return noted(visitor.share, visitor.principal, message, verdict) ?? verdict
    const checked = checkToolHeaders(tools, message, headers)
    if (!checked.ok) return checked.error
    const { hold } = verdict
    const round = hold?.further === undefined ? undefined : await roundGivenIn(message.params)
    const held = hold === undefined || round === undefined ? verdict : { hold: { ...hold, further: { ...hold.further, round } } }
    const isForOwnAgent = neededList(judgeFor(visitor.share), message) !== undefined
    return { toolsVersion, ...(isForOwnAgent ? { isForOwnAgent } : {}), ...held }
  }

  /** What the call must say for this agent to run it, or to wait for its own. */
  async #elsewhere(part: SpreadPart, toolsVersion: string): Promise<'changed' | Checked> {
    const { message, headers, visitor } = this.#call
    const own = knownTools(this.#listName)
    const tools = await this.#toolsOf(toolsVersion, part)
    if (tools === 'changed') return tools
    const isSound = !isUnlisted(tools) && mayMove(judgeFor(visitor.share), message, tools, own)
    return isSound && checkToolHeaders(tools, message, headers).ok ? { toolsVersion, isForOwnAgent: true, ...NOT_HELD } : STAYS
  }

  /** Whether a server has refused a list to which only headers are held: what it mirrors is then for itself to check. */
  #mayGoUnchecked(unlisted: Unlisted): boolean {
    const { visitor, message } = this.#call
    return unlisted !== 'changed' && unlisted.code === 'SERVER_HTTP_ERROR' && neededList(judgeFor(visitor.share), message) === undefined
  }

  /** The list by which the request is judged, or its headers are checked. */
  get #list(): ListMethod {
    return neededList(judgeFor(this.#call.visitor.share), this.#call.message) ?? 'tools/list'
  }

  /** Whose list that is. */
  get #listName(): string {
    return `${this.audience} ${this.#list}`
  }

  #verdictBy(tools: ToolSet): CallVerdict {
    const { visitor, message } = this.#call
    return callVerdict(judgeFor(visitor.share), message, tools)
  }

  /** The tools in this version, which are listed first unless they are known; of a `part`, as its agent lists them. */
  async #toolsOf(toolsVersion: string, part?: SpreadPart): Promise<ToolSet | Unlisted> {
    const listName = part === undefined ? this.#listName : `${this.#listName} ${part.agent}`
    const known = knownTools(listName)
    if (known?.version === toolsVersion) return known
    const list = this.#list
    return learnTools(listName, toolsVersion, (cursor) => listToolsFor(this.#call, this.#serverVersion(), cursor, list, part))
  }
}
