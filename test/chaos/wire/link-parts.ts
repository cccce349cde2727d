/** Owns knowing where each byte of one direction of a link stands: upgrade, frame header, header line, body. */
import type { LinkPart } from '../plan-faults.ts'

/** A stretch of a chunk that lies in one part of the link. */
export interface Stretch {
  readonly part: Exclude<LinkPart, 'between'>
  readonly from: number
  readonly to: number
  /** The first byte begins a WebSocket frame. */
  readonly begins: boolean
}

/** A frame of ours, as soon as its header line has passed. */
export interface SeenFrame {
  readonly header: string
  /** The first bytes of the body that came with the header line, as text. */
  readonly bodyStart: string
}

/** How much of a frame is unmasked and kept to be looked at: header lines are longer only in a hello. */
const SEEN_BYTES = 1024

const LF = 0x0a
const END_OF_HEAD = '\r\n\r\n'

export class LinkReader {
  readonly #onFrame: (frame: SeenFrame) => void
  #part: Exclude<LinkPart, 'between'> = 'upgrade'
  #head = ''
  /** Bytes of the WebSocket frame's header that have come, and how many it has, as far as they tell. */
  #frameHeader: number[] = []
  #payloadLeft = 0
  #payloadRead = 0
  #mask: readonly number[] = [0, 0, 0, 0]
  #seen: number[] = []
  #hasSeen = false

  constructor(onFrame: (frame: SeenFrame) => void) {
    this.#onFrame = onFrame
  }

  /** Takes the next bytes; returns the stretches that they consist of. */
  read(bytes: Uint8Array): Stretch[] {
    const stretches: Stretch[] = []
    for (let at = 0; at < bytes.length;) {
      const { part } = this
      const begins = part === 'frame-header' && this.#frameHeader.length === 0
      const to = this.#advance(bytes, at)
      stretches.push({ part, from: at, to, begins })
      at = to
    }
    return stretches
  }

  /** The part of the next byte. */
  get part(): Exclude<LinkPart, 'between'> {
    return this.#part
  }

  /** Reads to the end of the part, or of the bytes; returns where that is. */
  #advance(bytes: Uint8Array, at: number): number {
    switch (this.#part) {
      case 'upgrade':
        return this.#readUpgrade(bytes, at)
      case 'frame-header':
        return this.#readFrameHeader(bytes, at)
      case 'header-line':
      case 'body':
        return this.#readPayload(bytes, at)
    }
  }

  #readUpgrade(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      this.#head = (this.#head + String.fromCharCode(bytes[at] ?? 0)).slice(-END_OF_HEAD.length)
      if (this.#head !== END_OF_HEAD) continue
      this.#part = 'frame-header'
      return at + 1
    }
    return bytes.length
  }

  /** RFC 6455 §5.2. */
  #readFrameHeader(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      this.#frameHeader.push(bytes[at] ?? 0)
      const [, second = 0] = this.#frameHeader
      const lengthBytes = (second & 0x7f) === 126 ? 2 : (second & 0x7f) === 127 ? 8 : 0
      const maskBytes = (second & 0x80) === 0 ? 0 : 4
      if (this.#frameHeader.length < 2 + lengthBytes + maskBytes) continue
      this.#beginPayload(second & 0x7f, lengthBytes, maskBytes)
      return at + 1
    }
    return bytes.length
  }

  #beginPayload(shortLength: number, lengthBytes: number, maskBytes: number): void {
    const long = this.#frameHeader.slice(2, 2 + lengthBytes)
    this.#payloadLeft = lengthBytes === 0 ? shortLength : long.reduce((sum, byte) => sum * 256 + byte, 0)
    this.#payloadRead = 0
    this.#mask = maskBytes === 0 ? [0, 0, 0, 0] : this.#frameHeader.slice(-4)
    const isBinary = ((this.#frameHeader[0] ?? 0) & 0x0f) === 2
    this.#frameHeader = []
    this.#seen = []
    this.#hasSeen = !isBinary
    // A text or a control frame has no header line; its bytes count as body.
    this.#part = this.#payloadLeft === 0 ? 'frame-header' : isBinary ? 'header-line' : 'body'
  }

  #readPayload(bytes: Uint8Array, from: number): number {
    const end = Math.min(bytes.length, from + this.#payloadLeft)
    let at = from
    while (at < end) {
      const isLine = this.#part === 'header-line'
      if (!isLine && this.#hasSeen) {
        this.#payloadRead += end - at
        at = end
        break
      }
      const byte = (bytes[at] ?? 0) ^ (this.#mask[this.#payloadRead % 4] ?? 0)
      this.#payloadRead++
      at++
      if (this.#seen.length < SEEN_BYTES) this.#seen.push(byte)
      else if (!isLine) this.#tell()
      if (!isLine || byte !== LF) continue
      this.#part = 'body'
      break
    }
    this.#payloadLeft -= at - from
    if (this.#payloadLeft === 0) {
      this.#tell()
      this.#part = 'frame-header'
    }
    return at
  }

  #tell(): void {
    if (this.#hasSeen) return
    this.#hasSeen = true
    const text = Buffer.from(this.#seen).toString('utf8')
    const lineEnd = text.indexOf('\n')
    this.#onFrame(lineEnd === -1 ? { header: text, bodyStart: '' } : { header: text.slice(0, lineEnd), bodyStart: text.slice(lineEnd + 1) })
  }
}

/**
 * Where to cut the chunk so that the last byte that passes lies well within the wanted part, or undefined when there is
 * no such place in it. `between` is before the first byte of a frame.
 */
export function cutPoint(stretches: readonly Stretch[], wanted: LinkPart): number | undefined {
  for (const { part, from, to, begins } of stretches) {
    if (wanted === 'between' && begins) return from
    // A cut after the first byte is within the part, unless it is the part's only one.
    if (part === wanted && to - from > 1) return from + Math.max(1, Math.floor((to - from) / 2))
  }
  return undefined
}
