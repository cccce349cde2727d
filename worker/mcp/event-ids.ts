/**
 * Event ids of Streamable HTTP (MCP 2025-11-25, basic/transports, resumability): they say which stream an event was on and
 * where in it, so that a Worker that knows nothing else can go on there.
 *
 * A call's key in them opens nothing by itself: who resumes must own the session, and the agent gives out what belongs to a
 * call only under the return address that names this session.
 */
import type { AgentFrame } from '../../protocol/frame.ts'
import { isIdText } from '../../protocol/json-id.ts'
import type { StreamMark } from '../share/contract.ts'
import { groupOf, SHARED_GROUP } from '../share/store.ts'

/** What an event id says. `mark` is undefined for a stream of which nothing was seen. */
export type EventPlace =
  | {
      readonly stream: 'call'
      readonly key: string
      readonly rawId: string
      readonly rawToken: string | undefined
      readonly mark: StreamMark | undefined
      /** The answer was seen: nothing can follow. */
      readonly isOver: boolean
    }
  | { readonly stream: 'session'; readonly mark: StreamMark }

/** Longest id and progress token, written as they are in an event id: a client sends it back in a header, whose length proxies bound. */
const MAX_NAMES_CHARS = 512

const OVER = 'end'
const NOTHING = '0'
const MARK = /^([os])(\d{1,9})-(\d{1,15})$/

/** Gives the events of one stream their ids. */
export class EventIds {
  readonly #session: string
  readonly #prefix: string

  private constructor(session: string, prefix: string) {
    this.#session = session
    this.#prefix = prefix
  }

  /** Ids for the stream of a call; undefined when its client's names for it are too long for a header. */
  static ofCall(
    session: string,
    call: { readonly key: string; readonly rawId: string; readonly rawToken?: string | undefined },
  ): EventIds | undefined {
    const { key, rawId, rawToken } = call
    const names = [rawId, rawToken].flatMap((name) => (name === undefined ? [] : [toBase64Url(name)])).join('.')
    return names.length > MAX_NAMES_CHARS ? undefined : new EventIds(session, `c.${key}.${names}`)
  }

  static ofSession(session: string): EventIds {
    return new EventIds(session, 'g')
  }

  /** For an event before all others. */
  first(): string {
    return `${this.#prefix}.${NOTHING}`
  }

  /** For the answer, or the failure in its place. */
  last(): string {
    return `${this.#prefix}.${OVER}`
  }

  /** For an event right after a mark. */
  after(mark: StreamMark): string {
    return `${this.#prefix}.${mark.isShared ? 's' : 'o'}${mark.generation}-${mark.n}`
  }

  /** For the message that a frame begins; undefined for one that cannot be found again. */
  of(header: AgentFrame): string | undefined {
    if (header.type === 'answer') return this.last()
    const mark = markOf(header, this.#session)
    return mark === undefined ? undefined : this.after(mark)
  }
}

/** Where a message stands among those of a session's child. */
export function markOf(header: AgentFrame, session: string): StreamMark | undefined {
  if (!('n' in header)) return undefined
  const group = groupOf(header.ch)
  const generation = Number(header.ch.slice(group.length + 1))
  if (group !== session && group !== SHARED_GROUP) return undefined
  return { isShared: group === SHARED_GROUP, generation, n: header.n }
}

/** Undefined for text that is no event id of ours. */
export function readEventId(text: string): EventPlace | undefined {
  const [kind, ...rest] = text.split('.')
  const place = rest.pop() ?? ''
  const mark = readMark(place)
  if (kind === 'g') return rest.length === 0 && mark !== undefined ? { stream: 'session', mark } : undefined
  const [key = '', id = '', token, ...more] = rest
  if (kind !== 'c' || more.length > 0 || !/^[0-9a-f]{32}$/.test(key)) return undefined
  if (mark === undefined && place !== OVER && place !== NOTHING) return undefined
  const rawId = fromBase64Url(id)
  const rawToken = token === undefined ? undefined : fromBase64Url(token)
  if (rawId === undefined || (token !== undefined && rawToken === undefined)) return undefined
  return { stream: 'call', key, rawId, rawToken, mark, isOver: place === OVER }
}

function readMark(text: string): StreamMark | undefined {
  const [, group, generation, n] = MARK.exec(text) ?? []
  return group === undefined ? undefined : { isShared: group === 's', generation: Number(generation), n: Number(n) }
}

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text)
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** The JSON text of an id or a token; undefined for anything else, which would be written into messages as it is. */
function fromBase64Url(text: string): string | undefined {
  if (!/^[\w-]{1,683}$/.test(text)) return undefined
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    const raw = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return isIdText(raw) ? raw : undefined
  } catch {
    return undefined
  }
}
