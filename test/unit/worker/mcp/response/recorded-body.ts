/** A response body whose client reads only when the test says so. */
import { ResponseBody } from '../../../../../worker/carry/response-body.ts'
import { FRAMINGS, MessageWriter } from '../../../../../worker/mcp/response/message-writer.ts'

const encoder = new TextEncoder()

export class RecordedBody {
  readonly writer: MessageWriter
  readonly response: ResponseBody
  readonly #leaving = new AbortController()
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  /** How often the response has said that its client is gone. */
  gone = 0

  constructor(framing: keyof typeof FRAMINGS = 'events') {
    this.response = new ResponseBody(this.#leaving.signal, () => {
      this.gone++
    })
    this.writer = new MessageWriter(this.response, FRAMINGS[framing])
    this.#reader = this.response.readable.getReader()
  }

  /** The client takes the next piece; undefined at the end. */
  async take(): Promise<Uint8Array | undefined> {
    return (await this.#reader.read()).value
  }

  /** Ends the body and reads what was not taken. */
  async rest(): Promise<string> {
    this.writer.end()
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
