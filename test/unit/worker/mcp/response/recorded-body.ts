/** A response body whose client reads only when the test says so. */
import { Outlet } from '../../../../../worker/carry/outlet.ts'
import { FRAMINGS, Sink } from '../../../../../worker/mcp/response/sink.ts'

const encoder = new TextEncoder()

export class RecordedBody {
  readonly sink: Sink
  readonly outlet: Outlet
  readonly #leaving = new AbortController()
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  /** How often the outlet has said that its client is gone. */
  gone = 0

  constructor(framing: keyof typeof FRAMINGS = 'events') {
    this.outlet = new Outlet(this.#leaving.signal, () => {
      this.gone++
    })
    this.sink = new Sink(this.outlet, FRAMINGS[framing])
    this.#reader = this.outlet.readable.getReader()
  }

  /** The client takes the next piece; undefined at the end. */
  async take(): Promise<Uint8Array | undefined> {
    return (await this.#reader.read()).value
  }

  /** Ends the body and reads what was not taken. */
  async rest(): Promise<string> {
    this.sink.end()
    const decoder = new TextDecoder()
    let text = ''
    for (let piece = await this.take(); piece !== undefined; piece = await this.take()) text += decoder.decode(piece, { stream: true })
    return text
  }

  /** The client leaves. */
  leave(): void {
    this.#leaving.abort()
  }
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text)
}
