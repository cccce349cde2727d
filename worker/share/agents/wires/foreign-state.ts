/** What is kept of the link of an agent of another make, and what surrounds it. Types only. */
import type { ChannelAgentFrame } from '../../../../protocol/frame.ts'
import type { ForeignMake } from '../../../contract/foreign-makes.ts'
import type { HandshakeRows } from '../../rows/handshake-rows.ts'
import type { TunnelSaid } from './dialect.ts'

/** What of such a link outlives sleep. */
export interface ForeignState {
  readonly make: ForeignMake
  /** Names this registration: the agent's instance, as far as the Share is concerned. */
  readonly id: string
  /** What it calls itself. */
  readonly name: string
  /** Of EGDesk: where its server takes JSON-RPC, and the URL that it is told. */
  readonly path?: string
  readonly publicUrl?: string
  /** What its dialect must remember. */
  readonly kept?: string
  readonly isRegistered: boolean
  readonly isServing: boolean
  readonly channels: readonly string[]
  readonly calls: string
  /** When its server last said anything, in milliseconds since 1970. */
  readonly heardAtMs: number
  /** Messages to and from its server, and their bytes. */
  readonly messages: number
  readonly bytes: number
}

export interface ForeignSurroundings {
  /** What a connection of this id is called, towards its agent and in lists. */
  readonly sessionOf: (id: string) => string
  readonly handshakes: HandshakeRows
  /** Takes a frame as an agent of ours would have sent it. */
  readonly spoken: (socket: WebSocket, header: ChannelAgentFrame, body: Uint8Array) => void
  /** Takes what a tunnel has said of a request for a web app; false where that is of no exchange that is open. */
  readonly tunnelled: (socket: WebSocket, said: TunnelSaid) => boolean
  /** Keeps what must outlive sleep. `helloByMs`: by when its server must be ready, in milliseconds since 1970. */
  readonly note: (socket: WebSocket, state: ForeignState, helloByMs?: number) => void
}
