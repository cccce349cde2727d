/** Calls without sessions (MCP 2026-07-28): a child per group of clients, and no handshake. */
import { LEGACY_REVISIONS } from '../mcp/revision.ts'
import { MAX_WAITING_CALLS } from '../limits.ts'
import type { Channels } from './channels.ts'
import { type CallOutcome, type CallRequest, type CancelRequest, encodeReturnAddress, type SendOutcome } from './contract.ts'
import type { Link, Links } from './links.ts'
import { modernGroup, type Store } from './store.ts'
import type { Upstream } from './upstream.ts'
import type { Waiters } from './waiters.ts'

interface Parts {
  readonly store: Store
  readonly links: Links
  readonly channels: Channels
  readonly waiters: Waiters
  readonly upstream: Upstream
}

/** With one child for all, everybody is one group. */
const EVERYBODY = 'all'

export class ModernCalls {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  call(request: CallRequest, name: string): CallOutcome | Promise<CallOutcome> {
    const { store, links, channels, waiters, upstream } = this.#parts
    if (store.settings === undefined) return { kind: 'failed', failure: { code: 'SHARE_NOT_FOUND' } }
    if (waiters.size >= MAX_WAITING_CALLS) return { kind: 'failed', failure: { code: 'SHARE_BUSY', executed: 'no', retryAfterMs: 1000 } }
    const link = this.#linkFor(name)
    if (link === undefined) return channels.away()
    if (link.era === 'legacy')
      return { kind: 'failed', failure: { code: 'UNSUPPORTED_VERSION', executed: 'no', supported: LEGACY_REVISIONS } }
    const group = groupOn(link, name)
    if (request.isResend === true && channels.current(group) === undefined)
      return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
    const toolsVersion = links.toolsVersion(link)
    if (request.toolsVersion !== undefined && request.toolsVersion !== toolsVersion) return { kind: 'stale', toolsVersion }
    const { ch } = channels.readyWithoutSession(group, link)
    const { key, method, id, token, size } = request
    const facts = { group, agent: link.name, session: '', isInitialize: false, restarted: false, canStream: request.delivery === 'stream' }
    const outcome = waiters.wait(key, facts)
    const ra = encodeReturnAddress({ to: 'call', key })
    upstream.begin(link, { type: 'call', ch, key, method, id, ...(token === undefined ? {} : { token }), ra, tag: key, size }, request.body)
    return outcome
  }

  async cancel({ group: name, key, call, body, requestId }: CancelRequest): Promise<SendOutcome> {
    const link = this.#linkFor(name)
    const current = link === undefined ? undefined : this.#parts.channels.current(groupOn(link, name))
    // A child that is gone has nothing left to cancel.
    if (current === undefined) return { kind: 'sent' }
    const receipt = this.#parts.upstream.receipt(current.link, key)
    const header = {
      type: 'notify',
      ch: current.ch,
      key,
      method: 'notifications/cancelled',
      cancels: call,
      requestId,
      size: body.length,
    } as const
    this.#parts.upstream.begin(current.link, header, body)
    await receipt
    return { kind: 'sent' }
  }

  /** The agent whose child the group has, or while it has none the one that is to start it. */
  #linkFor(name: string): Link | undefined {
    const { channels } = this.#parts
    return channels.linkForGroup(modernGroup(name)) ?? channels.linkForGroup(modernGroup(EVERYBODY))
  }
}

function groupOn(link: Link, name: string): string {
  return modernGroup(link.isolation === 'share' ? EVERYBODY : name)
}
