/** What log level each channel's child was told by the relay: it has one for all its calls, the most verbose that any of them has asked for. */
import { verbosity } from '../../bridge/names.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import type { ChannelOpener } from './channel-opener.ts'

const encoder = new TextEncoder()

export class ChildLogLevels {
  readonly #opener: Pick<ChannelOpener, 'callForRelay'>
  /** The rank of each, by channel. */
  readonly #told = new Map<string, number>()

  constructor(opener: Pick<ChannelOpener, 'callForRelay'>) {
    this.#opener = opener
  }

  /** Tells the child, unless it logs as much already. */
  tell(ch: string, link: AgentLink, level: string): void {
    const rank = verbosity(level)
    if (rank >= (this.#told.get(ch) ?? Infinity)) return
    this.#told.set(ch, rank)
    const body = encoder.encode(`{"jsonrpc":"2.0","id":0,"method":"logging/setLevel","params":{"level":${JSON.stringify(level)}}}`)
    this.#opener.callForRelay(link, ch, 'logging/setLevel', body)
  }
}
