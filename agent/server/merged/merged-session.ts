/** What the parts of a merged server share in one session. Types only. */
import type { Origin } from './merged-answers.ts'
import type { MergedPart, SessionOpening } from './merged-part.ts'
import type { MergedUris } from './merged-uris.ts'
import type { RepeatedRequests } from './repeated-requests.ts'

export interface MergedSession {
  /** By name, in the order of their file. */
  readonly parts: ReadonlyMap<string, MergedPart>
  readonly uris: MergedUris
  readonly opening: SessionOpening
  /** The agent's version, for the client's eyes. */
  readonly version: string
  /** Names of the servers that initialize has answered for. */
  readonly greeted: Set<string>
  /** Says a message to the client. */
  readonly say: (message: Uint8Array) => void
  /** Tells the client that lists have changed, by the notifications that say so. */
  readonly changed: (notifications: readonly (string | undefined)[]) => void
  /** A server was left out of a list: its client is told when it can be listed. */
  readonly missed: (part: MergedPart, method: string) => void
  readonly origin: (part: MergedPart) => Origin
  /** What is said again to a server that was started again. */
  readonly repeated: RepeatedRequests
}
