/** Starts sessions with an HTTP server, each in place of a process. */
import type { Child, ChildHandlers } from '../child.ts'
import type { LineMask } from '../masking/line-mask.ts'
import type { HttpServer } from './http-server.ts'
import { RemoteChild } from './remote-child.ts'
import { SseWire } from './sse-wire.ts'
import { StreamableWire } from './streamable-wire.ts'

/** Nothing is sent before a session has its first message. */
export function httpStart(server: HttpServer, lineMask: LineMask | undefined): (handlers: ChildHandlers) => Child {
  return (handlers) =>
    new RemoteChild(server, handlers, lineMask, (port) => (server.transport === 'sse' ? new SseWire(port) : new StreamableWire(port)))
}
