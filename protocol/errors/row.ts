/** What each row of the error table says. Types only. */

export interface ErrorRow {
  /** HTTP status when the error is the first thing to answer a request. Clients with a session get 404 for nothing but a session or a share that is gone. */
  readonly http: number
  /**
   * JSON-RPC error code (JSON-RPC 2.0 §5.1; -32000 to -32019 are the implementation's range in MCP 2026-07-28, and
   * -32020 to -32022 its own). To the Go SDK -32003 and -32004 mean that its own connection is closed: they are not used.
   * An error without a code is told by the API and the agents' door alone.
   */
  readonly rpc?: number
  /** Whether the same request can succeed later. */
  readonly retryable: boolean
  /** What happened, then what to do next. Each stands as a heading in docs/troubleshooting.md. */
  readonly message: string
}
