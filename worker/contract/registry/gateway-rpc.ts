/** What a Worker and the Registry say to each other of servers that are registered by name, and of sessions that are made for them. Types only. */
import type { ProblemCode } from '../../../protocol/errors.ts'
import type { NewLink } from './registry-rpc.ts'

/** Who asks: an owner, or an agent by the link of its share, for which it can speak and for no other. */
export type Asker =
  | { readonly kind: 'owner'; readonly id: string }
  | { readonly kind: 'agent'; readonly share: string; readonly token: string }

/** A server that is reached through a share's web app. */
export interface RegisteredServer {
  readonly name: string
  readonly share: string
  /** Origin of the web app, as the agent's command line has it. */
  readonly backend: string
  /** What whoever has registered it says of it, as JSON text. */
  readonly metadata: string
  /** When it was registered first, in milliseconds since 1970. */
  readonly registeredAtMs: number
}

/** Names a session of a share: there is one for each, of whoever has had it made. */
export interface GatewayKey {
  readonly user: string
  readonly name: string
  readonly type: string
}

export interface GatewaySession extends GatewayKey {
  readonly share: string
  readonly backend: string
  /** Id of the link that opens it, whose credential ends at `endsAtMs`: both say what its key is. */
  readonly link: string
  readonly createdAtMs: number
  readonly endsAtMs: number
}

export type GatewayOrder =
  /** Which share is meant, and what is registered under a name. */
  | { readonly op: 'find'; readonly name?: string; readonly share?: string }
  | { readonly op: 'register'; readonly server: Omit<RegisteredServer, 'registeredAtMs'> }
  /** A session: the one that there is, or one that `link` opens. */
  | { readonly op: 'session'; readonly session: GatewaySession; readonly link: NewLink }
  | { readonly op: 'stats' }

export interface GatewayStats {
  readonly servers: number
  readonly sessions: number
  readonly sessionsByServer: Readonly<Record<string, number>>
  readonly sessionsByUser: Readonly<Record<string, number>>
  readonly oldestMs?: number
  readonly newestMs?: number
  /** Since when the registry has not been loaded anew. */
  readonly sinceMs: number
}

export type GatewayAnswer =
  /** `shares`: those that have a server of this name, where several have. */
  | { readonly kind: 'refused'; readonly code: ProblemCode; readonly shares?: readonly string[] }
  /** `isMade`: somebody has come to that share, so that it can be asked without being made by that. */
  | { readonly kind: 'found'; readonly share?: string; readonly isMade: boolean; readonly server?: RegisteredServer }
  | { readonly kind: 'registered'; readonly server: RegisteredServer }
  /** `endsAtMs`: when it ends, with its share at the latest. */
  | { readonly kind: 'session'; readonly session: GatewaySession; readonly endsAtMs: number; readonly isReused: boolean }
  | { readonly kind: 'stats'; readonly stats: GatewayStats }
