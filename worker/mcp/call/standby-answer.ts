/** Makes a client's answer of what a Share has kept of its server, and marks it as such. Pure but for the hash. */
import type { PolicyJudge } from '../../../protocol/policy/judge.ts'
import { replacement, type Replacement, splice } from '../../../protocol/splice.ts'
import { editBody } from '../../bridge/body-edit.ts'
import { discoverResult, initializeResult, readDiscoverResult, readInitializeResult } from '../../bridge/discover.ts'
import { findPath, rootOf, valueAt } from '../../bridge/json-view.ts'
import { legacyResultEdits } from '../../bridge/legacy-to-modern.ts'
import { modernResultEdits, withoutTaskTools } from '../../bridge/modern-to-legacy.ts'
import { AGENT_AWAY } from '../../carry/away.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import { LISTING_ID, type Standby } from '../../contract/listings.ts'
import { boundedStandby } from '../policy/pinned-answer.ts'
import { type Item, responseItem } from './item.ts'
import { isLegacyRevision } from '../../bridge/revision.ts'

/** Key of a result's `_meta` (MCP, basic, `_meta`): since when nobody can tell whether the result still holds (RFC 3339). */
const STALE_KEY = 'mcp-edge/stale'

/** What a client asked. `era` is its own. */
interface Asked {
  readonly rawId: string
  readonly method: string
  /** Of initialize: the revision that it asked for. */
  readonly revision?: string
  readonly era: 'legacy' | 'modern'
}

interface Draft {
  readonly bytes: Uint8Array
  readonly edits: readonly Replacement[]
}

/** The same of what the client may see of it. */
export async function boundedStandbyItem(standby: Standby, request: CallRequest, judge: PolicyJudge): Promise<Item> {
  const bounded = await boundedStandby(standby, judge)
  return 'code' in bounded ? { kind: 'failed', failure: bounded } : standbyItem(bounded, request)
}

/** What it is to the call that it answers. */
export function standbyItem(standby: Standby, request: CallRequest): Item {
  const { rawId, method, revision } = request
  const era = 'session' in request ? 'legacy' : 'modern'
  const text = standbyAnswer(standby, { rawId, method, era, ...(revision === undefined ? {} : { revision }) })
  return text === undefined ? { kind: 'failed', failure: AGENT_AWAY } : responseItem(text)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The whole response, as text; undefined when what is kept is no answer to this client. */
export function standbyAnswer(standby: Standby, asked: Asked): string | undefined {
  const marks = { [STALE_KEY]: JSON.stringify(new Date(standby.sinceMs).toISOString()) }
  const draft = draftOf(standby, asked, marks)
  if (draft === undefined) return undefined
  return decoder.decode(splice(draft.bytes, [...draft.edits, replacement(LISTING_ID, asked.rawId)]))
}

function draftOf({ era, answer }: Standby, { method, revision, era: clientEra }: Asked, marks: Record<string, string>): Draft | undefined {
  const mark = (bytes: Uint8Array, set: Record<string, string> = {}): Draft => ({
    bytes,
    edits: editBody(bytes, 'result', { set, meta: { set: marks } }),
  })
  switch (method) {
    case 'ping':
      return mark(answer)
    case 'initialize': {
      if (era === 'legacy') return mark(answer, negotiated(answer, revision))
      const server = readDiscoverResult(answer)
      return server === undefined ? undefined : mark(responseOf(initializeResult(server, revision ?? '')))
    }
    case 'server/discover': {
      if (era === 'modern') return mark(answer, NOT_CACHED)
      const server = readInitializeResult(answer)
      return server === undefined ? undefined : mark(responseOf(discoverResult(server)))
    }
    default:
      if (era === clientEra) return mark(answer, era === 'modern' ? NOT_CACHED : {})
      if (era === 'modern') return { bytes: answer, edits: legacyResultEdits(answer, { method, marks }) }
      return modernDraft(method === 'tools/list' ? withoutTaskTools(answer) : answer, method, marks)
  }
}

function modernDraft(bytes: Uint8Array, method: string, marks: Record<string, string>): Draft {
  return { bytes, edits: modernResultEdits(bytes, { method, marks }) }
}

/** What may be wrong already must not be kept for longer. */
const NOT_CACHED = { ttlMs: '0' }

function responseOf(result: string): Uint8Array {
  return encoder.encode(`{"jsonrpc":"2.0","id":0,"result":${result}}`)
}

/** The client's own revision, but none later than what the server has agreed to before. */
function negotiated(answer: Uint8Array, revision: string | undefined): Record<string, string> {
  const known = valueAt(answer, findPath(answer, rootOf(answer), 'result', 'protocolVersion'))
  const isEarlier = revision !== undefined && isLegacyRevision(revision) && typeof known === 'string' && revision < known
  return isEarlier ? { protocolVersion: JSON.stringify(revision) } : {}
}
