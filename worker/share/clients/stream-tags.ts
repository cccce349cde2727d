/** Tags of the sockets that Workers hold, by which they are found again, after sleep too. Pure. */

/** What tells a stream's tags. */
interface Tagged {
  readonly kind: 'call' | 'listen' | 'session' | 'subscription' | 'asking' | 'news' | 'held'
  readonly group: string
  readonly agent?: string
  readonly key?: string
  readonly session?: string
  readonly approval?: string
}

export const NEWS_TAG = 'n'

export function tagsOf({ kind, key = '', session = '', group, agent = '', approval = '' }: Tagged): string[] {
  switch (kind) {
    case 'call':
      return [callTag(key), agentTag(agent), groupCallsTag(group)]
    case 'asking':
      return [askingTag(session), groupCallsTag(group)]
    case 'news':
      return [NEWS_TAG]
    case 'held':
      return [heldTag(approval), heldOfTag(session)]
    default:
      return [listenerTag(session), groupTag(group)]
  }
}

export function callTag(key: string): string {
  return `k:${key}`
}

export function agentTag(name: string): string {
  return `a:${name}`
}

export function listenerTag(session: string): string {
  return `l:${session}`
}

export function askingTag(session: string): string {
  return `q:${session}`
}

export function heldTag(approval: string): string {
  return `h:${approval}`
}

export function heldOfTag(session: string): string {
  return `o:${session}`
}

export function groupTag(group: string): string {
  return `g:${group}`
}

export function groupCallsTag(group: string): string {
  return `c:${group}`
}
