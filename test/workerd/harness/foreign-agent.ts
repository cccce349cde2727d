/** The socket of an agent of another make, which says only what a test has it say. */
import { fetchRelay } from './relay.ts'

/** What of a text the tests look at. */
export interface ForeignText {
  readonly type?: string
  readonly sessionId?: string
  readonly status?: string
  readonly payload: ForeignPayload
  readonly [key: string]: unknown
}

export interface ForeignPayload {
  readonly id?: string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

export class ForeignAgent {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** All texts that have come, parsed. */
  readonly texts: ForeignText[] = []
  readonly #socket: WebSocket
  #read = 0
  #wake: (() => void) | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.texts.push(JSON.parse(String(data)) as ForeignText)
      this.#wake?.()
    })
    this.closed = new Promise((resolve) => socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason })))
    socket.accept()
  }

  static async dial(path: string, headers: Record<string, string>): Promise<ForeignAgent> {
    const response = await fetchRelay(path, { headers })
    if (response.webSocket === null) throw new Error(`the relay refused the agent: ${response.status} ${await response.text()}`)
    return new ForeignAgent(response.webSocket)
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.#socket.send(text)
  }

  async next(): Promise<ForeignText> {
    for (;;) {
      const text = this.texts[this.#read]
      if (text !== undefined) {
        this.#read++
        return text
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  close(code = 1000): void {
    this.#socket.close(code)
  }
}
