/** Where the answer to a call goes, as a text that travels with the call and comes back with its answer. Only the relay reads it. */

/** Why the relay itself calls a child: `handshake` is waited for, of `snapshot` the answer is kept as well, of `replay` it is not needed. */
export type RelayPurpose = 'handshake' | 'snapshot' | 'replay'
const RELAY_PURPOSES: readonly RelayPurpose[] = ['handshake', 'snapshot', 'replay']

/** Where the answer to a call goes. */
export type ReturnAddress =
  /**
   * With `session`: the client may come back for the stream, if it owns this session. `isTranslated`: the child is of another era than its client.
   * `isOfSeveral`: what it says that it can do is to be said of all agents of the share, which serve different names.
   * `round`: to the stream for which a client has come back for that time.
   */
  | {
      readonly to: 'call'
      readonly key: string
      readonly session?: string
      readonly isTranslated?: true
      readonly isOfSeveral?: true
      readonly round?: number
    }
  /** The listening stream of a session, or with `round` the one with which its client has come back for that time. */
  | { readonly to: 'stream'; readonly session: string; readonly round?: number }
  | { readonly to: 'session'; readonly session: string; readonly rawId: string; readonly rawToken?: string; readonly isOfSeveral?: true }
  /** The relay listens in the name of a session. */
  | { readonly to: 'listen'; readonly session: string }
  /** A handshake that the relay replays: the answer is for the relay. */
  | { readonly to: 'relay'; readonly purpose: RelayPurpose }

/** A call key, in hex digits. */
const KEY_CHARS = 32

/** Return addresses travel as text that only the relay reads. */
export function encodeReturnAddress(address: ReturnAddress): string {
  switch (address.to) {
    case 'call':
      return `${address.isOfSeveral === true ? 'j' : address.isTranslated === true ? 't' : 'c'}${address.key}${address.session ?? ''}${ofRound(address)}`
    case 'stream':
      return `g${address.session}${ofRound(address)}`
    case 'listen':
      return `l${address.session}`
    case 'relay':
      return `r${address.purpose}`
    case 'session':
      return `${address.isOfSeveral === true ? 'S' : 's'}${JSON.stringify([address.session, address.rawId, ...(address.rawToken === undefined ? [] : [address.rawToken])])}`
  }
}

/** How the return addresses begin of all calls whose answers come on a session's own stream, but for its `initialize` where agents are several. */
export function sessionCalls(session: string): string {
  return `s[${JSON.stringify(session)},`
}

/** Undefined for text that `encodeReturnAddress` did not make: agents are not trusted to echo well. */
export function decodeReturnAddress(text: string | undefined): ReturnAddress | undefined {
  if (text === undefined) return undefined
  const rest = text.slice(1)
  if (text.startsWith('c') || text.startsWith('t') || text.startsWith('j')) {
    const key = rest.slice(0, KEY_CHARS)
    const { session, ...round } = sessionIn(rest.slice(KEY_CHARS))
    const marks = {
      ...round,
      ...(text.startsWith('t') ? { isTranslated: true as const } : {}),
      ...(text.startsWith('j') ? { isOfSeveral: true as const } : {}),
    }
    return { to: 'call', key, ...(session === '' ? {} : { session }), ...marks }
  }
  if (text.startsWith('g')) return { to: 'stream', ...sessionIn(rest) }
  if (text.startsWith('l')) return { to: 'listen', session: rest }
  if (text.startsWith('r')) {
    const purpose = RELAY_PURPOSES.find((known) => known === rest)
    return purpose === undefined ? undefined : { to: 'relay', purpose }
  }
  if (!text.startsWith('s') && !text.startsWith('S')) return undefined
  try {
    const parts: unknown = JSON.parse(rest)
    if (!Array.isArray(parts)) return undefined
    const [session, rawId, rawToken]: unknown[] = parts
    if (typeof session !== 'string' || typeof rawId !== 'string') return undefined
    const joined = text.startsWith('S') ? { isOfSeveral: true as const } : {}
    return { to: 'session', session, rawId, ...(typeof rawToken === 'string' ? { rawToken } : {}), ...joined }
  } catch {
    return undefined
  }
}

function ofRound({ round }: { readonly round?: number }): string {
  return round === undefined ? '' : `.${round.toString(36)}`
}

/** Ids of sessions have no full stop. */
function sessionIn(text: string): { readonly session: string; readonly round?: number } {
  const [session = '', round] = text.split('.')
  return round === undefined ? { session } : { session, round: Number.parseInt(round, 36) }
}

/** Whether an answer is to say what all agents of its share can do: told by the first letter, since it is asked of every answer. */
export function isOfSeveral(address: string): boolean {
  return address.startsWith('j') || address.startsWith('S')
}
