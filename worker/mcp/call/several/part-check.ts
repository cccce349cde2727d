/** Judges a part of a call that goes to several agents by what its own agent's server lists to the client: no list judges for another agent. */
import { isUnlisted, type Unlisted } from '../../../bridge/tool-pages.ts'
import type { KnownGrant } from '../../../carry/known-grants.ts'
import type { CallRenewed } from '../../../carry/pass-refused.ts'
import type { ShareClient } from '../../../carry/share-client.ts'
import type { CallRequest } from '../../../contract/share-rpc.ts'
import type { SpreadPart } from '../../../contract/call-parts.ts'
import type { ClientMessage } from '../../message.ts'
import { judgeFor } from '../../policy/bounds.ts'
import type { KnownTools } from '../../policy/held-call.ts'
import { neededList, refusalOf } from '../../policy/message-verdict.ts'
import type { News, Renewal, Sent, Turns } from '../renewal.ts'

/** The tools of the part's agent in the state of this name, which are listed by that agent unless they are known. */
export type PartTools = (part: SpreadPart, toolsVersion: string) => Promise<KnownTools | Unlisted>

export class PartCheck {
  readonly #message: ClientMessage
  readonly #toolsOf: PartTools

  constructor(message: ClientMessage, toolsOf: PartTools) {
    this.#message = message
    this.#toolsOf = toolsOf
  }

  /** A part of a client that something bounds names a state that no child is in: it is answered with the state of its own, and sent once it is judged by that. */
  named(share: ShareClient, grant?: KnownGrant): Pick<CallRequest, 'toolsVersion'> {
    return neededList(judgeFor(share, grant), this.#message) === undefined ? {} : { toolsVersion: '' }
  }

  /** What is done with the part when the Share knows better. */
  turns(share: ShareClient, part: SpreadPart, sent: Sent): Turns {
    const judge: CallRenewed = (grant) => this.named(share, grant)
    return { renew: (news) => this.#renewed(share, part, sent, news), judge }
  }

  async #renewed(share: ShareClient, part: SpreadPart, { request, body }: Sent, news: News): Promise<Renewal> {
    if (news.kind !== 'stale') return { kind: 'item', item: { kind: 'failed', failure: { code: 'AGENT_AWAY', executed: 'no' } } }
    const { toolsVersion } = news
    const listed = await this.#toolsOf(part, toolsVersion)
    if (listed === 'changed') return { kind: 'call', request: { ...request, toolsVersion: '' }, body }
    const failure = isUnlisted(listed) ? listed : this.#refusal(share, listed)
    return failure === undefined
      ? { kind: 'call', request: { ...request, toolsVersion }, body }
      : { kind: 'item', item: { kind: 'failed', failure } }
  }

  /** It goes to agents whose tool of this name only reads, as that of the client's own does. */
  #refusal(share: ShareClient, { tools }: KnownTools): ReturnType<typeof refusalOf> {
    const { name } = this.#message.params
    const isReadOnly = typeof name === 'string' && tools.get(name)?.isReadOnly === true
    return isReadOnly ? refusalOf(judgeFor(share), this.#message, tools) : { code: 'NOT_OFFERED', executed: 'no' }
  }
}
