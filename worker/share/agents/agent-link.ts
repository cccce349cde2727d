/** One connected agent: what is known of it, what goes to it, and how its socket is closed. */
import type { RelayFrame } from '../../../protocol/frame.ts'
import { servedSet } from '../../../protocol/served-names.ts'
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { attachmentOf, type LinkAttachment } from './link-attachment.ts'
import type { ForeignLink } from './wires/foreign-link.ts'
import { foreignClose } from './wires/foreign-links.ts'

const NO_BODY = new Uint8Array(0)

/** A connected agent that was let in. */
export interface AgentLink {
  readonly socket: WebSocket
  readonly name: string
  readonly instance: string
  readonly isolation: 'session' | 'share'
  /** In which era its server's children are spoken to for clients without sessions, and for sessions: each in its own, where the server takes either. */
  readonly era: 'legacy' | 'modern'
  readonly sessionEra: 'legacy' | 'modern'
  /** Whether calls name their principal. */
  readonly wantsPrincipal: boolean
  /** Whether it is told what of its server is held back. */
  readonly hearsUnaccepted: boolean
  /** Whether what clients show for its server goes to that. */
  readonly passesAuth: boolean
  /** Whether its children may ask a client that other children ask too. */
  readonly asksApart: boolean
  /** An MCP server where nothing is said. */
  readonly serves: 'mcp' | 'web' | 'both'
  /** Origin of its web app; undefined where it does not say. */
  readonly app: string | undefined
  /** Whether calls of tools that only read go to it beside other such agents. */
  readonly spreads: boolean
  /** Which names of tools are its own (`servedSet`); empty of one that has those which no other has. */
  readonly set: string
  /** How many calls at a time it takes from this lane; undefined of one that takes any number, for which nothing is counted. */
  readonly maxCalls: number | undefined
  readonly product: string
  readonly connectedAtMs: number
  /** What stands between the Share and an agent of another make; undefined of ours, whose frames go as they are. */
  readonly wire: ForeignLink | undefined
}

export function servesMcp({ serves }: Pick<AgentLink, 'serves'>): boolean {
  return serves !== 'web'
}

export function servesWeb({ serves }: Pick<AgentLink, 'serves'>): boolean {
  return serves !== 'mcp'
}

export function sendFrame(link: AgentLink, header: RelayFrame, body?: Uint8Array): void {
  try {
    if (link.wire === undefined) link.socket.send(encodeFrame(header, body))
    else link.wire.write(header, body ?? NO_BODY)
  } catch {
    // The socket is closing; its close event decides what becomes of the calls.
  }
}

/** Closes the link of an agent; one of another make by the code that it knows. */
export function closeAgent(socket: WebSocket, code: number, reason: string): void {
  const make = attachmentOf(socket)?.foreign?.make
  closeQuietly(socket, ...(make === undefined ? ([code, reason] as const) : foreignClose(make, code, reason)))
}

export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    // Closed already.
  }
}

/** `wire`: of an agent of another make. */
export function linkFrom(
  socket: WebSocket,
  hello: NonNullable<LinkAttachment['hello']>,
  connectedAtMs: number,
  wire: ForeignLink | undefined,
): AgentLink {
  const { agent: name, instance, isolation, product, era = 'legacy', initializes, serves = 'mcp', app, maxCalls, patterns } = hello
  const { wantsPrincipal = false, hearsUnaccepted = false, asksApart = false, spreads = false } = hello
  // A child that serves all would be used with the credentials of all.
  const passesAuth = hello.passesAuth === true && isolation !== 'share'
  const sessionEra = initializes === true ? 'legacy' : era
  const wants = { wantsPrincipal, hearsUnaccepted, passesAuth, asksApart, spreads, set: servedSet(patterns) }
  return { socket, name, instance, isolation, era, sessionEra, ...wants, serves, app, maxCalls, product, connectedAtMs, wire }
}

const UNNAMED = {}

/** Who calls, and what it shows for the server. */
interface Asking {
  readonly principal: string
  readonly authorization?: string
}

/** What a call says to this agent of who has made it. */
export function namedOn(link: AgentLink, asking: Asking): { readonly principal?: string; readonly auth?: string } {
  if (asking.authorization !== undefined && link.passesAuth)
    return { ...(link.wantsPrincipal && { principal: asking.principal }), auth: asking.authorization }
  return link.wantsPrincipal ? { principal: asking.principal } : UNNAMED
}

/** What any other message says to this agent of it. */
export function shownOn({ passesAuth }: AgentLink, { authorization }: Pick<Asking, 'authorization'>): { readonly auth?: string } {
  return authorization !== undefined && passesAuth ? { auth: authorization } : UNNAMED
}

/** Whether a request shows something for a server that does not want it. */
export function isUnwanted({ passesAuth }: AgentLink, { authorization }: Pick<Asking, 'authorization'>): boolean {
  return authorization !== undefined && !passesAuth
}
