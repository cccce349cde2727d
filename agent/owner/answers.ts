/** Reads what the API says of shares, tokens and owners; what is not as it should be is an error, and never printed as something else. Pure. */
import { AgentExit, EXIT } from '../exit.ts'
import type { Answer } from './api-client.ts'

export interface ShareAnswer {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly expiresAt: Date
  readonly isPaused: boolean
  readonly isEnding: boolean
  /** Its end moves while it is used. */
  readonly isSliding: boolean
  readonly policy: unknown
  /** Of a share without an agent: the URL of the server. */
  readonly upstream?: string
}

export interface TokenAnswer {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly expiresAt: Date
  /** `null` of an agent's. */
  readonly policy: unknown
  /** Id of the link that its holder has made it of. */
  readonly parent?: string
}

export interface PersonAnswer {
  readonly id: string
  /** Or an e-mail address. */
  readonly name: string
  readonly status: string
  readonly expiresAt: Date
  readonly policy: unknown
}

export interface SessionAnswer {
  readonly id: string
  /** Name of the link that its client has come with, or who it is otherwise. */
  readonly name: string
  /** What the client says of itself; a dash where it does not say. */
  readonly client: string
  /** Name of the server, where its share has several. */
  readonly server: string | undefined
  readonly startedAt: Date | undefined
  readonly lastCallAt: Date | undefined
}

/** A call that was made, or several that are alike. */
export interface CallAnswer {
  readonly at: Date
  readonly link: string
  readonly principal: string
  readonly method: string
  readonly tool: string | undefined
  readonly server: string | undefined
  readonly outcome: string
  readonly ms: number | undefined
  readonly count: number
}

export interface OwnerAnswer {
  readonly id: string
  readonly name: string
  readonly expiresAt: Date
}

/** A server of a share that has a name. */
export interface ServerAnswer {
  readonly name: string
  readonly url: string
  readonly isConnected: boolean
}

export interface AgentAnswer {
  /** With that of the server behind it, where its share has several. */
  readonly name: string
  readonly product: string
  readonly isolation: string
  readonly connectedAt: Date
  /** How a server process of its own ended last, if one has. */
  readonly lastEnd: { readonly at: Date; readonly how: string; readonly words: string } | undefined
}

export interface ApprovalAnswer {
  readonly id: string
  readonly at: Date
  /** Absent of what is always allowed. */
  readonly expiresAt: Date | undefined
  /** Name of the link, if it has one, and its principal. */
  readonly who: string
  /** What the client says of itself. */
  readonly client: string | undefined
  readonly tool: string
  /** JSON text. */
  readonly args: string | undefined
  /** What else its params say, as JSON text. */
  readonly otherParams: string | undefined
  readonly decision: string | undefined
}

export function readShare(answer: Answer): ShareAnswer {
  const { upstream } = answer
  return {
    id: textOf(answer, 'share'),
    name: textOf(answer, 'name'),
    url: textOf(answer, 'url'),
    expiresAt: timeOf(answer, 'expires_at'),
    isPaused: answer['paused'] === true,
    isEnding: answer['ending'] === true,
    isSliding: answer['sliding'] === true,
    policy: answer['policy'],
    ...(typeof upstream === 'object' && upstream !== null ? { upstream: textOf(upstream as Answer, 'url') } : {}),
  }
}

export function readToken(answer: Answer): TokenAnswer {
  const { parent, policy } = answer
  return { ...readOwner(answer), kind: textOf(answer, 'kind'), policy: policy ?? null, ...(typeof parent === 'string' ? { parent } : {}) }
}

export function readOwner(answer: Answer): OwnerAnswer {
  return { id: textOf(answer, 'id'), name: textOf(answer, 'name'), expiresAt: timeOf(answer, 'expires_at') }
}

export function readPerson(answer: Answer): PersonAnswer {
  const { name, email } = answer
  return {
    id: textOf(answer, 'id'),
    name: textOf({ name: name ?? email }, 'name'),
    status: textOf(answer, 'status'),
    expiresAt: timeOf(answer, 'expires_at'),
    policy: answer['policy'],
  }
}

export function readSession(answer: Answer): SessionAnswer {
  const { name: link } = objectOf(answer, 'link')
  const { name, version } = objectOf(answer, 'client')
  const client = [name, version].filter((text) => typeof text === 'string').join(' ')
  return {
    id: textOf(answer, 'id'),
    name: typeof link === 'string' ? link : textOf(answer, 'principal'),
    client: client === '' ? '-' : client,
    server: serverOf(answer),
    startedAt: answer['started_at'] === null ? undefined : timeOf(answer, 'started_at'),
    lastCallAt: answer['last_call_at'] === null ? undefined : timeOf(answer, 'last_call_at'),
  }
}

export function readCall(answer: Answer): CallAnswer {
  const { tool, ms, count } = answer
  return {
    at: timeOf(answer, 'at'),
    link: textOf(answer, 'link'),
    principal: textOf(answer, 'principal'),
    method: textOf(answer, 'method'),
    tool: typeof tool === 'string' ? tool : undefined,
    server: serverOf(answer),
    outcome: textOf(answer, 'outcome'),
    ms: typeof ms === 'number' ? ms : undefined,
    count: typeof count === 'number' ? count : 1,
  }
}

/** Relays before there were such servers tell of none. */
function serverOf({ server }: Answer): string | undefined {
  return typeof server === 'string' ? server : undefined
}

export function readServers(answer: Answer): ServerAnswer[] {
  if (answer['servers'] === undefined) return []
  return listOf(answer, 'servers').map((server) => {
    return { name: textOf(server, 'name'), url: textOf(server, 'url'), isConnected: server['connected'] === true }
  })
}

export function readAgent(answer: Answer): AgentAnswer {
  const [name, server] = [textOf(answer, 'name'), serverOf(answer)]
  return {
    name: server === undefined ? name : `${name} (${server})`,
    product: textOf(answer, 'product'),
    isolation: textOf(answer, 'isolation'),
    connectedAt: timeOf(answer, 'connected_at'),
    lastEnd: readLastEnd(answer['last_words']),
  }
}

function readLastEnd(value: unknown): AgentAnswer['lastEnd'] {
  if (typeof value !== 'object' || value === null) return undefined
  const answer: Answer = { ...value }
  const { exit_code: exitCode, signal } = answer
  const how = typeof exitCode === 'number' ? `exit code ${exitCode}` : typeof signal === 'string' ? signal : 'cause unknown'
  return { at: timeOf(answer, 'at'), how, words: textOf(answer, 'words') }
}

export function readApproval(answer: Answer): ApprovalAnswer {
  const { link, client, arguments: args, other_params: others, decision } = answer
  const name = typeof link === 'object' && link !== null && 'name' in link ? link.name : undefined
  const principal = textOf(answer, 'principal')
  return {
    id: textOf(answer, 'id'),
    at: timeOf(answer, 'at'),
    expiresAt: answer['expires_at'] === null ? undefined : timeOf(answer, 'expires_at'),
    who: typeof name === 'string' ? `${name} (${principal})` : principal,
    client: typeof client === 'string' ? client : undefined,
    tool: textOf(answer, 'tool'),
    args: typeof args === 'string' ? args : undefined,
    otherParams: typeof others === 'string' ? others : undefined,
    decision: typeof decision === 'string' ? decision : undefined,
  }
}

/** A member that is a list of objects. */
export function listOf(answer: Answer, member: string): readonly Answer[] {
  const value = answer[member]
  if (!Array.isArray(value)) throw unreadable(member)
  return value.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw unreadable(member)
    return { ...entry }
  })
}

function objectOf(answer: Answer, member: string): Answer {
  const value = answer[member]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(member)
  return { ...value }
}

export function textOf(answer: Answer, member: string): string {
  const value = answer[member]
  if (typeof value !== 'string') throw unreadable(member)
  return value
}

function timeOf(answer: Answer, member: string): Date {
  const time = new Date(textOf(answer, member))
  if (Number.isNaN(time.getTime())) throw unreadable(member)
  return time
}

function unreadable(member: string): AgentExit {
  return new AgentExit(
    EXIT.UNREACHABLE,
    'ANSWER_UNREADABLE',
    `The relay's answer has no ${member} as this program knows it. Update the older of the two.`,
  )
}
