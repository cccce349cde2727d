/** The dialect of mr-pilot's slaves: one frame with a code, then bare JSON-RPC. Such a slave answers notifications, so it gets none. */
import { CLOSE } from '../../../../protocol/handshake.ts'
import type { Dialect, Heard } from './dialect.ts'

const encoder = new TextEncoder()

/** The closes that a slave knows, by ours. */
const CLOSES: ReadonlyMap<number, readonly [code: number, reason: string]> = new Map([
  [CLOSE.REPLACED, [4001, 'New slave connected']],
  [CLOSE.NO_HELLO, [4000, 'Authentication timeout']],
])

export function mrPilotClose(code: number): readonly [code: number, reason: string] | undefined {
  return CLOSES.get(code)
}

export class MrPilot implements Dialect {
  readonly takesNotifications = false
  readonly registered = JSON.stringify({ type: 'auth_success', message: 'Authentication successful' })
  readonly ready = undefined
  readonly failed = undefined
  /** The code that a slave must show, though its key has let it in. */
  readonly #code: string
  #isLetIn: boolean

  /** `isLetIn`: it has shown the right code before the object slept. */
  constructor(code: string, isLetIn: boolean) {
    this.#code = code
    this.#isLetIn = isLetIn
  }

  outgoing(message: string): string {
    return message
  }

  incoming(text: string): Heard {
    if (this.#isLetIn) return { kind: 'message', body: encoder.encode(text) }
    const code = codeIn(text)
    if (code === undefined) return { kind: 'breaks', code: 4003, reason: 'Invalid authentication message' }
    if (code !== this.#code) {
      const reply = JSON.stringify({ type: 'auth_failed', message: 'Invalid slave code' })
      return { kind: 'breaks', reply, code: 4002, reason: 'Authentication failed' }
    }
    this.#isLetIn = true
    return { kind: 'registers', name: '', isBegun: false }
  }
}

function codeIn(text: string): string | undefined {
  try {
    const message = JSON.parse(text) as { type?: unknown; slaveCode?: unknown } | null
    return message?.type === 'auth' && typeof message.slaveCode === 'string' ? message.slaveCode : undefined
  } catch {
    return undefined
  }
}
