/** Finds what speaks for the agent at a socket that is of another make, and has it keep in the socket's attachment what must outlive sleep. */
import type { ForeignMake, ForeignOpening } from '../../../contract/foreign-makes.ts'
import { attachmentOf, type LinkAttachment } from '../link-attachment.ts'
import { ContextForge } from './context-forge.ts'
import { CppMcp } from './cpp-mcp.ts'
import type { Dialect } from './dialect.ts'
import { ForeignLink } from './foreign-link.ts'
import { EgDesk } from './egdesk.ts'
import { MrPilot, mrPilotClose } from './mr-pilot.ts'
import type { ForeignState, ForeignSurroundings } from './foreign-state.ts'

interface Surroundings extends Pick<ForeignSurroundings, 'handshakes' | 'spoken' | 'tunnelled'> {
  /** Id of the share. */
  readonly share: string
}

/** RFC 6455 §7.4.1: the terms are not kept. */
const POLICY_VIOLATION = 1008

/** How the link of an agent of another make is closed, by a code of our own protocol (`CLOSE`). */
export function foreignClose(make: ForeignMake, code: number, reason: string): readonly [code: number, reason: string] {
  return (make === 'mr-pilot' ? mrPilotClose(code) : undefined) ?? [POLICY_VIOLATION, reason]
}

export class ForeignLinks {
  readonly #surroundings: Surroundings
  readonly #bySocket = new WeakMap<WebSocket, ForeignLink>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  /** The state of a link that has just been made. */
  fresh({ make, name = '', path = '', publicUrl = '' }: ForeignOpening): ForeignState {
    return {
      make,
      id: crypto.randomUUID(),
      name,
      ...(path === '' ? {} : { path }),
      ...(publicUrl === '' ? {} : { publicUrl }),
      isRegistered: false,
      isServing: false,
      channels: [],
      calls: '[]',
      heardAtMs: 0,
      messages: 0,
      bytes: 0,
    }
  }

  at(socket: WebSocket): ForeignLink | undefined {
    const known = this.#bySocket.get(socket)
    const state = known === undefined ? attachmentOf(socket)?.foreign : undefined
    if (state === undefined) return known
    const { handshakes, spoken, tunnelled } = this.#surroundings
    const surroundings = { handshakes, spoken, tunnelled, note, sessionOf: (id: string) => this.#sessionOf(id) }
    const link = new ForeignLink(socket, this.#dialect(state), state, surroundings)
    this.#bySocket.set(socket, link)
    return link
  }

  #dialect({ make, id, isRegistered, path = '/mcp', publicUrl = '', kept }: ForeignState): Dialect {
    switch (make) {
      case 'context-forge':
        return new ContextForge(this.#sessionOf(id))
      case 'mr-pilot':
        // Its code is no secret: what lets a slave in is the key in its URL.
        return new MrPilot(this.#surroundings.share, isRegistered)
      case 'egdesk':
        return new EgDesk({ path, publicUrl, tunnel: this.#surroundings.share }, kept)
      case 'cpp-mcp':
        return new CppMcp()
    }
  }

  #sessionOf(id: string): string {
    return `${this.#surroundings.share}.${id}`
  }
}

function note(socket: WebSocket, foreign: ForeignState, helloByMs?: number): void {
  const attachment = attachmentOf(socket)
  if (attachment === undefined) return
  const due = helloByMs === undefined ? {} : { helloByMs }
  try {
    socket.serializeAttachment({ ...attachment, foreign, ...due } satisfies LinkAttachment)
  } catch {
    // More than an attachment holds: what runs is forgotten when the object sleeps.
    socket.serializeAttachment({ ...attachment, foreign: { ...foreign, calls: '[]' }, ...due } satisfies LinkAttachment)
  }
}
