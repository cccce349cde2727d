/**
 * Event ids of Streamable HTTP (MCP 2025-11-25, basic/transports, resumability): they say which stream an event was on and
 * where in it, so that a Worker that knows nothing else can go on there.
 *
 * A call's key in them opens nothing by itself: who resumes must own the session, and the agent gives out what belongs to a
 * call only under the return address that names this session.
 */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { isIdText } from '../../../protocol/json/json-id.ts'
import type { StreamMark } from '../../contract/streams.ts'
import { markOf } from '../../carry/share-stream.ts'

/** What an event id says. `mark` is undefined for a stream of which nothing was seen. */
export type EventPlace =
  | {
      readonly stream: 'call'
      readonly key: string
      readonly rawId: string
      readonly rawToken: string | undefined
      readonly what: CallWords
      readonly mark: StreamMark | undefined
      /** The answer was seen: nothing can follow. */
      readonly isOver: boolean
    }
  | { readonly stream: 'session'; readonly mark: StreamMark }

/** What a call's stream is translated by, where its server speaks another era than its client. */
export interface CallWords {
  /** Which attempt it is, from 1 on: one more after each round of input. */
  readonly attempt: number
  readonly method: string
  /** Of tools/call: the tool. */
  readonly tool?: string
}

/** What a client calls its request, and what the relay calls it. */
interface CallNames {
  readonly key: string
  readonly rawId: string
  readonly rawToken?: string | undefined
  readonly what: CallWords
}

/** Longest names of a call, id and progress token among them, written as they are in an event id: a client sends it back in a header, whose length proxies bound. */
const MAX_NAMES_CHARS = 512

const encoder = new TextEncoder()

const OVER = 'end'
const NOTHING = '0'
const OF_SESSION = 'g'
const LETTERS = { own: 'o', shared: 's', modern: 'm' } as const
/** Numbers of agents of another make are made of the time, and have 16 digits. */
const MARK = /^([osm])(\d{1,9})-(\d{1,16})(?:-([0-9a-z]{1,7}))?$/

/** Gives the events of one stream their ids. */
export class EventIds {
  readonly #session: string
  readonly #prefix: string

  private constructor(session: string, prefix: string) {
    this.#session = session
    this.#prefix = prefix
  }

  /** Ids for the stream of a call; undefined when its client's names for it are too long for a header. */
  static ofCall(session: string, { key, rawId, rawToken, what }: CallNames): EventIds | undefined {
    const { attempt, method, tool } = what
    const words = JSON.stringify(tool === undefined ? [attempt, method] : [attempt, method, tool])
    const names = [words, rawId, rawToken].flatMap((name) => (name === undefined ? [] : [toBase64Url(name)])).join('.')
    return names.length > MAX_NAMES_CHARS ? undefined : new EventIds(session, `c.${key}.${names}`)
  }

  static ofSession(session: string): EventIds {
    return new EventIds(session, OF_SESSION)
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
    const { child, generation, n, route } = mark
    return `${this.#prefix}.${LETTERS[child]}${generation}-${n}${route === undefined ? '' : `-${route}`}`
  }

  /** For the message that a frame begins; undefined for one that cannot be found again. */
  of(header: AgentFrame): string | undefined {
    if (header.type === 'answer') return this.last()
    const mark = markOf(header, this.#session)
    // The stream of a session goes on with what its own child has said.
    return mark === undefined || (mark.route !== undefined && this.#prefix === OF_SESSION) ? undefined : this.after(mark)
  }
}

/** Undefined for text that is no event id of ours. */
export function readEventId(text: string): EventPlace | undefined {
  const [kind, ...rest] = text.split('.')
  const place = rest.pop() ?? ''
  const mark = readMark(place)
  if (kind === 'g') return rest.length === 0 && mark !== undefined ? { stream: 'session', mark } : undefined
  const [key = '', words = '', id = '', token, ...more] = rest
  if (kind !== 'c' || more.length > 0 || !/^[0-9a-f]{32}$/.test(key)) return undefined
  if (mark === undefined && place !== OVER && place !== NOTHING) return undefined
  const rawId = idFromBase64Url(id)
  const rawToken = token === undefined ? undefined : idFromBase64Url(token)
  const what = readWords(words)
  if (what === undefined || rawId === undefined || (token !== undefined && rawToken === undefined)) return undefined
  return { stream: 'call', key, rawId, rawToken, what, mark, isOver: place === OVER }
}

function readMark(text: string): StreamMark | undefined {
  const [, letter, generation, n, route] = MARK.exec(text) ?? []
  const child = letter === 'o' ? 'own' : letter === 's' ? 'shared' : 'modern'
  if (letter === undefined || !Number.isSafeInteger(Number(n))) return undefined
  return { child, generation: Number(generation), n: Number(n), ...(route === undefined ? {} : { route }) }
}

function toBase64Url(text: string): string {
  const bytes = encoder.encode(text)
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** The JSON text of an id or a token; undefined for anything else, which would be written into messages as it is. */
function idFromBase64Url(text: string): string | undefined {
  const raw = fromBase64Url(text)
  return raw !== undefined && isIdText(raw) ? raw : undefined
}

function readWords(text: string): CallWords | undefined {
  const raw = fromBase64Url(text)
  try {
    const words: unknown = JSON.parse(raw ?? '')
    if (!Array.isArray(words)) return undefined
    const [attempt, method, tool, ...more]: unknown[] = words
    if (typeof attempt !== 'number' || !Number.isInteger(attempt) || attempt < 1 || typeof method !== 'string' || more.length > 0)
      return undefined
    if (words.length === 2) return { attempt, method }
    return typeof tool === 'string' ? { attempt, method, tool } : undefined
  } catch {
    return undefined
  }
}

function fromBase64Url(text: string): string | undefined {
  if (!/^[\w-]{1,683}$/.test(text)) return undefined
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
