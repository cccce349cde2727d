/** What a link needs of what carries its messages: a WebSocket, or polls in the place of one. Types only. */
import type { RawData } from 'ws'

export interface LinkSocket {
  /** As of a WebSocket. */
  readonly readyState: number
  /** Bytes that have not gone out yet. */
  readonly bufferedAmount: number
  /** `sent` is called once it has gone out. */
  send(data: Uint8Array | string, sent?: () => void): void
  /** Sends what waits, then ends. `close` follows. */
  close(code: number, reason: string): void
  /** Ends at once. `close` follows. */
  terminate(): void
  /** Sends a mark that comes back as `pong`; undefined where none can be sent. */
  ping?(mark: string): void
  on(event: 'pong', listener: (mark: Buffer) => void): unknown
  on(event: 'message', listener: (data: RawData, isBinary: boolean) => void): unknown
  on(event: 'close', listener: (code: number, reason: Buffer) => void): unknown
}
