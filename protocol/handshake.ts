/** How a link begins and ends: version, subprotocol, hello and welcome side by side, close codes. */

/** Version of the native link. It travels as the WebSocket subprotocol, so a mismatch is refused before the upgrade. */
export const LINK_VERSION = 1
export const LINK_SUBPROTOCOL = `mcp-edge.v${LINK_VERSION}`

/** Text messages (not frames) by which an agent asks whether the link lives. Answered without waking the relay. */
export const PING = 'ping'
export const PONG = 'pong'

/** Where a channel's process stands when an agent comes back: its channel and the number of its last message. */
export interface ChannelMark {
  readonly ch: string
  readonly n: number
}

/** First frame on a link, from the agent, within HELLO_MS. */
export interface Hello {
  readonly type: 'hello'
  /** Stable per machine and command; names the link. 1 to 64 characters of `A-Za-z0-9._-`. */
  readonly agent: string
  /** Random per process. A new instance under a known name proves that the old process is dead. */
  readonly instance: string
  /** How it joins: `primary` replaces a link of the same name only, `replica` joins others, `replace` ends all others. */
  readonly join: 'primary' | 'replica' | 'replace'
  /** One child per session, or one for all. */
  readonly isolation: 'session' | 'share'
  /** Which revisions its server speaks: `modern` is 2026-07-28, `legacy` all before it. Absent means legacy. */
  readonly era?: 'legacy' | 'modern'
  /** Of a `modern` server: a new process of it takes `initialize` as well. A relay that does not know this takes it for modern only. */
  readonly initializes?: true
  /** Calls name their principal, so that the agent can tell its server. */
  readonly wantsPrincipal?: true
  /** It is told (`unaccepted`) of what the relay holds back of its server. */
  readonly hearsUnaccepted?: true
  /** It can tell what one child asks from what others ask the same client (`open.askTag`). */
  readonly asksApart?: true
  /** A web app (`web_open`), alone or beside an MCP server. Absent means an MCP server alone. */
  readonly serves?: 'web' | 'both'
  /** Origin of that web app, as the agent's command line names it: at most MAX_APP_ORIGIN_CHARS. */
  readonly app?: string
  /** Calls of tools that only read go to all agents of the share that say so. A relay that does not know this sends them to one. */
  readonly spreads?: true
  /** Names of tools that it serves beside agents with other patterns (served-names.ts). A relay that does not know this takes it for one that serves all. */
  readonly patterns?: readonly string[]
  /** How many calls at a time it takes, on all lanes together; a relay that does not know this sends more. Absent means any number. */
  readonly maxCalls?: number
  /** What clients show for its server itself goes to it (`auth`), and what that says of it comes back. A relay that does not know this refuses such clients. */
  readonly passesAuth?: true
  /** Product and version, for the owner's eyes. */
  readonly product: string
  /** Call keys it knows and has not forgotten (newest last, at most MAX_HELD_KEYS). */
  readonly held: readonly string[]
  /** Channels whose processes still run. */
  readonly channels: readonly ChannelMark[]
}

/** Answer to a hello that was let in. Until it comes the agent sends nothing else. */
export interface Welcome {
  readonly type: 'welcome'
  readonly share: string
  /** Channels of the hello that the relay no longer wants; the agent ends them. */
  readonly unwanted: readonly string[]
  /** How many lanes the share has. Absent means one. */
  readonly lanes?: number
  /** Names of the agents, other processes than this, that were ended in its favour. Absent means none. */
  readonly replaced?: readonly string[]
}

/** `open.root` of the children of clients that have shown no credential: all together. */
export const ANONYMOUS = 'anonymous'

/** Name under which the relay asks a server by itself (`clientInfo`): for a client that has none, and to list what a server offers. */
export const RELAY_CLIENT_NAME = 'mcp-edge'

/** WebSocket close codes (RFC 6455 §7.4.2, private range). The reason repeats the name. */
export const CLOSE = {
  /** A newer link took this one's place. An agent must not reconnect by itself. */
  REPLACED: 4001,
  /** Another agent serves this share and this one came without --replica or --replace. Do not reconnect. */
  NAME_REFUSED: 4002,
  /** The share was deleted or has expired. Do not reconnect. */
  SHARE_GONE: 4003,
  /** The peer broke the protocol; the reason says how. Reconnecting may help. */
  PROTOCOL_ERROR: 4004,
  /** The relay or the agent is going away in good order. Reconnect. */
  GOING_AWAY: 4005,
  /** No hello within HELLO_MS. */
  NO_HELLO: 4006,
  /** The agent's token was revoked, or has ended. Do not reconnect. */
  TOKEN_REVOKED: 4007,
} as const
