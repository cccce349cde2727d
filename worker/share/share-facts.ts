/** What a share tells its owner of itself. Reads only. */
import type { ShareFacts } from '../contract/share-rpc.ts'
import type { AgentLinks } from './agents/links.ts'
import type { CreditLedger } from './clients/credit.ts'
import type { Store } from './rows/store.ts'

/** Undefined for a share that does not exist. `incarnation`: names this life of the object. */
export function shareFacts(
  store: Store,
  links: AgentLinks,
  ledger: Pick<CreditLedger<object>, 'bytes' | 'maxBytes'>,
  incarnation: string,
): ShareFacts | undefined {
  const { settings } = store
  if (settings === undefined) return undefined
  return {
    ...settings,
    agents: links.all().map(({ name, product, isolation, connectedAtMs }) => ({ name, product, isolation, connectedAtMs })),
    sessions: store.sessions.count(),
    counters: {
      incarnation,
      total_changes: store.totalChanges(),
      buffered_bytes: ledger.bytes,
      buffered_max_bytes: ledger.maxBytes,
    },
  }
}
