/** What users of the agent as a library see. Types alone, of no other file, so that they are shipped as they stand. */

/** A server that is started for each session, as on the command line. */
export interface ServerCommand {
  readonly command: string
  readonly args?: readonly string[]
  /** Its variables, beside an allow-listed part of this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Where it runs; where this process does, if it is not given. */
  readonly cwd?: string
}

/** A server that is there already, and speaks HTTP. */
export interface ServerAddress {
  /** Or a URL object. */
  readonly url: string | { readonly href: string }
  /** Streamable HTTP, unless it is `sse` (HTTP+SSE of revision 2024-11-05). */
  readonly transport?: 'streamable' | 'sse'
  /** Told that server in every request, and nobody else. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The server's end of a session within this process: a transport as the official SDKs take one. */
export interface ServerTransport {
  start(): Promise<void>
  /** Resolves when the session takes more. Rejects when it is over, or too much waits. */
  send(message: unknown): Promise<void>
  close(): Promise<void>
  onclose?(): void
  onerror?(error: Error): void
  onmessage?(message: unknown): void
}

/** A server of one session: `McpServer` and `Server` of the official SDKs are such. */
export interface SessionServer {
  connect(transport: ServerTransport): Promise<void>
  close?(): Promise<void>
}

/** Makes a server in this process, anew for each session. It is also called once to be asked which revisions it speaks, unless `era` says so. */
export type ServerFactory = () => SessionServer | Promise<SessionServer>

export interface AgentOptions {
  /** `agent_token` of the share. */
  readonly token: string
  readonly server: ServerCommand | ServerAddress | ServerFactory
  /** Relay to dial; the token names one. */
  readonly relay?: string
  /** Name of this agent: the same name replaces the older link. */
  readonly name?: string
  /** What becomes of other agents of the share: those of this name are replaced (`primary`), none (`replica`), or all (`replace`). */
  readonly join?: 'primary' | 'replica' | 'replace'
  /** A server for each session, or one for the whole share, which may ask its clients nothing. */
  readonly isolate?: 'session' | 'share'
  readonly era?: 'auto' | 'legacy' | 'modern' | 'both'
  /** Servers at a time; 32 unless it is given. */
  readonly maxChildren?: number
  /** Calls at a time; more wait at the relay, or go to other agents of the share. Any number unless it is given. */
  readonly maxCalls?: number
  /** Only tools of these names, where `*` stands for anything, beside agents of the share with other patterns. */
  readonly serves?: readonly string[]
  /** Calls of tools that only read go to all agents of the share that have this, at once. */
  readonly spread?: boolean
  /** Milliseconds after which a server that nobody uses is ended; 0: never. 30 minutes unless it is given. */
  readonly idleStopMs?: number
  /** Only tools that say that they only read. */
  readonly readOnly?: boolean
  /** Only tools of these names, where `*` stands for anything. */
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  /** Bounds on a tool's arguments: `read_file(path^=/home/me/docs)`. */
  readonly argument?: readonly string[]
  readonly tellStderr?: boolean
  /** Tell the server who calls, in `_meta["mcp-edge/principal"]` of each request. */
  readonly tellPrincipal?: boolean
  /** Let the sign-in of a server with a URL through: what a client with a key link shows for it goes to it. */
  readonly passAuth?: boolean
  /** Mask secrets in what the server says; true unless it is given. */
  readonly mask?: boolean
  readonly reconnectDelayMs?: number
  /** Failures in a row after which to give up; 0: never. */
  readonly maxRetries?: number
  readonly keepaliveMs?: number
  /** How the relay is reached: by a WebSocket, by polls, or by polls only while no WebSocket gets through (`auto`, unless it is given). */
  readonly transport?: 'auto' | 'websocket' | 'poll'
}

/** Where the agent serves. */
export interface AgentReady {
  readonly share: string
  readonly relay: string
  readonly agent: string
}

/** A line of the agent's log, secrets masked: what docs/agent.md shows, as an object. */
export interface AgentLogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly [field: string]: string | number | boolean | null | undefined
}

/** The agent cannot go on: `code` is one of docs/agent.md, "Exit codes", and the message says what to do. */
export interface AgentFault extends Error {
  readonly code: string
}

export interface AgentEvents {
  /** The relay has welcomed it; again after each loss of the link. */
  readonly ready: AgentReady
  /** The link to the relay is lost, and is dialled again. */
  readonly lost: AgentLogEntry
  /** A call has ended; of very many in a second the rest is counted in `calls`. */
  readonly call: AgentLogEntry
  /** All that is logged. */
  readonly log: AgentLogEntry
  /** What a server process has written to stderr, a line. */
  readonly stderr: { readonly channel: string; readonly line: string }
  /** It has stopped: told to, or with the reason why it cannot go on. */
  readonly ended: { readonly fault: AgentFault | undefined }
}

export interface Agent {
  /** From `start` until it has ended. */
  readonly isRunning: boolean
  /**
   * Dials the relay, and resolves when that has welcomed it. Rejects with an AgentFault when it cannot. While it runs, further calls
   * have the same outcome; once it has ended, it can be started anew.
   */
  start(): Promise<AgentReady>
  /** Takes no new calls, lets those that run finish for up to 10 s, ends its servers and leaves. Resolves when all is gone. */
  stop(): Promise<void>
  /** Returns what takes the listener away again. Listeners must not throw. */
  on<Name extends keyof AgentEvents>(event: Name, listener: (facts: AgentEvents[Name]) => void): () => void
}

/** Throws an AgentFault, whose message names what is wrong, when the options cannot be. */
export type CreateAgent = (options: AgentOptions) => Agent
