/** What is known of an agent's socket, and must survive hibernation with it. */
import type { Hello } from '../../../protocol/handshake.ts'
import { HELLO_MS } from '../../../protocol/limits.ts'
import type { LastWords } from '../../contract/share-admin.ts'
import type { ForeignState } from './wires/foreign-state.ts'

/** What of an agent's hello is kept: nothing that grows with its channels and calls. */
const KEPT_MEMBERS = [
  'agent',
  'instance',
  'join',
  'isolation',
  'product',
  'era',
  'initializes',
  'wantsPrincipal',
  'hearsUnaccepted',
  'passesAuth',
  'asksApart',
  'serves',
  'app',
  'maxCalls',
  'patterns',
  'spreads',
] as const satisfies readonly (keyof Hello)[]

export type KeptHello = Pick<Hello, (typeof KEPT_MEMBERS)[number]>

/** Attachment of an agent's socket; `hello` is absent until the agent has sent it. */
export interface LinkAttachment {
  readonly role: 'agent'
  /** The link of the share that its token belongs to. */
  readonly token: string
  readonly connectedAtMs: number
  /** By when its hello is due, in milliseconds since 1970, where that is later than for agents of ours. */
  readonly helloByMs?: number
  readonly hello?: KeptHello
  readonly draining?: true
  /** How often the server has said that its tools have changed. */
  readonly toolChanges?: number
  /** When it was last heard of, in milliseconds since 1970; not updated with every frame. */
  readonly heardAtMs?: number
  /** How the last of its server processes that ended by itself did so. */
  readonly lastWords?: LastWords
  /** Since when a call waits for any sign of life, in milliseconds since 1970; noted once the link is suspect. */
  readonly silentSinceMs?: number
  /** Of an agent of another make. */
  readonly foreign?: ForeignState
}

/** Only what it says: an attachment has little room. */
export function keptHello(hello: KeptHello): KeptHello {
  const said = KEPT_MEMBERS.filter((member) => hello[member] !== undefined)
  return Object.fromEntries(said.map((member) => [member, hello[member]])) as unknown as KeptHello
}

/** Signs of life, in milliseconds since 1970. */
export interface LinkSigns {
  readonly heardAtMs: number
  readonly silentSinceMs: number | undefined
}

export function attachmentOf(socket: WebSocket): LinkAttachment | undefined {
  return (socket.deserializeAttachment() as LinkAttachment | null) ?? undefined
}

/** By when its hello is due, in milliseconds since 1970; undefined once it has come. */
export function helloDueMs({ hello, helloByMs, connectedAtMs }: LinkAttachment): number | undefined {
  return hello === undefined ? (helloByMs ?? connectedAtMs + HELLO_MS) : undefined
}
