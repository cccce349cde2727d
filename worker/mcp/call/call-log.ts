/** Logs one line for each call that has ended: method, time, outcome, and by whom in hashed names; never a payload or a credential. Bounded. */
import { hashedName, log, StormGauge } from '../../log.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import type { Item } from './item.ts'

/** What a tool may be called to stand in the log as it is; any other name could be anything, and is hashed. */
const PLAIN_NAME = /^[\w./:-]{1,64}$/

const gauge = new StormGauge('calls')

/** One call, from when it is made. */
export class LoggedCall {
  readonly #startMs = Date.now()
  /** Of a call without an end: its client has left it. */
  #outcome = 'left'

  came(item: Item): void {
    this.#outcome = outcomeOf(item) ?? this.#outcome
  }

  /** `share`: name of the object that it was made to. */
  end(share: string, request: CallRequest): void {
    noteCall(share, request, this.#startMs, this.#outcome)
  }
}

/** How a call ended of which this came: `ok`, `error` (the server's own), or the code of a failure. Undefined for what is no end. */
function outcomeOf(item: Item): string | undefined {
  if (item.kind === 'failed') return item.failure.code
  if (item.kind === 'result') return item.outcome ?? 'ok'
  if (item.kind !== 'frame') return item.kind === 'message' ? undefined : 'ok'
  const { header } = item
  if (header.type === 'failed') return header.code
  if (header.type !== 'answer') return undefined
  return header.failed ? 'error' : 'ok'
}

/** What the log tells of a call. */
type LoggedWhat = Pick<CallRequest, 'method' | 'tool' | 'principal'> & { readonly session?: string }

/** Logs a call that was made at `startMs`, in milliseconds since 1970. Of a storm the rest is counted: a line costs more than a call. */
export function noteCall(share: string, request: LoggedWhat, startMs: number, outcome: string): void {
  const nowMs = Date.now()
  if (!gauge.hasRoom(nowMs)) return
  const { method, tool, principal } = request
  log('call', {
    method: plain(method),
    ...(tool === undefined ? {} : { tool: plain(tool) }),
    outcome,
    ms: nowMs - startMs,
    share: hashedName(share),
    principal: hashedName(principal),
    ...(request.session === undefined ? {} : { session: hashedName(request.session) }),
  })
}

function plain(name: string): string {
  return PLAIN_NAME.test(name) ? name : `#${hashedName(name)}`
}
