/** Owns reading `text/event-stream` as bytes, so that a test sees the very bytes of a message. */

export interface SseEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: Buffer
}

/** Lines of a byte stream without their line ends (LF or CRLF). */
async function* byteLines(body: ReadableStream<Uint8Array>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = []
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const line = Buffer.concat([...chunks, bytes.subarray(start, end)])
      chunks = []
      start = end + 1
      yield line.at(-1) === 13 ? line.subarray(0, -1) : line
    }
    if (start < bytes.length) chunks.push(bytes.subarray(start))
  }
}

/** Events and comments of a stream; a comment is an event named `comment`. */
export async function* sseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  let event = 'message'
  let id: string | undefined
  let data: Buffer[] = []
  for await (const line of byteLines(body)) {
    if (line.length === 0) {
      if (data.length > 0 || id !== undefined) yield { event, id, data: Buffer.concat(data) }
      event = 'message'
      id = undefined
      data = []
      continue
    }
    const colon = line.indexOf(58)
    const field = line.subarray(0, colon === -1 ? line.length : colon).toString()
    const value = line.subarray(colon === -1 ? line.length : colon + (line[colon + 1] === 32 ? 2 : 1))
    if (field === '') yield { event: 'comment', id: undefined, data: value }
    else if (field === 'event') event = value.toString()
    else if (field === 'id') id = value.toString()
    else if (field === 'data') data = data.length === 0 ? [value] : [...data, Buffer.from('\n'), value]
  }
}
