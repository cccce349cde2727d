/** What a share tells its owner of itself, and of its agents only once they have shown that they are there. */
import { ALL_OTHER_NAMES, patternsOf } from '../../protocol/served-names.ts'
import { randomKey } from '../call-key.ts'
import { RELAY_PRINCIPAL } from '../contract/pinned-server.ts'
import { ROLL_CALL_FRESH_MS, ROLL_CALL_MS } from '../limits.ts'
import type { LinkHealth } from './agents/link-health.ts'
import type { AgentLinks } from './agents/links.ts'
import type { MessageSender } from './agents/message-sender.ts'
import type { CreditLedger } from './clients/credit.ts'
import type { Store } from './rows/store.ts'
import type { ShareFacts } from '../contract/share-admin.ts'
import type { AgentLink } from './agents/agent-link.ts'

interface Parts {
  readonly store: Store
  readonly links: AgentLinks
  readonly health: LinkHealth
  readonly sender: MessageSender
  readonly ledger: Pick<CreditLedger<object>, 'bytes' | 'maxBytes'>
}

/** Names no channel: an agent receipts what comes for one that it does not have, and no server hears of it. */
const NO_CHANNEL = 'roll.0'
const NOTHING = new TextEncoder().encode('{}')

export class ShareReport {
  readonly #parts: Parts
  /** Names this life of the object. */
  readonly #incarnation = crypto.randomUUID()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Undefined for a share that does not exist. `hasSilent`: an agent has not answered, and is to be given up if it goes on so. */
  async read(asksAgents: boolean): Promise<{ readonly facts: ShareFacts | undefined; readonly hasSilent: boolean }> {
    const { links, store } = this.#parts
    const asked = asksAgents && store.settings !== undefined ? links.all() : []
    const answers = await Promise.all(asked.map(async (link) => ({ link, isThere: await this.#isThere(link) })))
    const silent = new Set(answers.flatMap(({ link, isThere }) => (isThere ? [] : [link.socket])))
    return { facts: this.#facts(silent), hasSilent: silent.size > 0 }
  }

  /** Whether an agent answers, or has just said something: one that is frozen still has its link. */
  async #isThere(link: AgentLink): Promise<boolean> {
    const { health, sender } = this.#parts
    if (Date.now() - health.heardAtMs(link) < ROLL_CALL_FRESH_MS) return true
    const key = randomKey()
    const receipt = sender.receipt(link, key, ROLL_CALL_MS)
    health.sent(link, Date.now())
    sender.send(link, { type: 'notify', ch: NO_CHANNEL, key, method: 'ping', size: NOTHING.length }, NOTHING)
    return receipt
  }

  #facts(silent: ReadonlySet<WebSocket>): ShareFacts | undefined {
    const { store, links, ledger } = this.#parts
    const { settings } = store
    if (settings === undefined) return undefined
    const there = links.all().filter(({ socket }) => !silent.has(socket))
    return {
      ...settings,
      agents: there.map((link) => {
        const { name, product, isolation, connectedAtMs, app, set } = link
        const lastWords = links.lastWordsOf(link)
        const foreign = links.foreignFactsOf(link)
        const more = {
          ...(lastWords === undefined ? {} : { lastWords }),
          ...(foreign === undefined ? {} : { foreign }),
          ...(app === undefined ? {} : { app }),
          ...(set === ALL_OTHER_NAMES ? {} : { serves: patternsOf(set) }),
        }
        return { name, product, isolation, connectedAtMs, ...more }
      }),
      // The relay's own, which lists what the server offers, is no client's.
      sessions: store.sessions.count() - store.sessions.countOf([RELAY_PRINCIPAL]),
      counters: {
        incarnation: this.#incarnation,
        total_changes: store.totalChanges(),
        buffered_bytes: ledger.bytes,
        buffered_max_bytes: ledger.maxBytes,
      },
    }
  }
}
