/** Recognises output that can never be MCP over stdio, one message a line, by what a server prints before its first message. No I/O, no clock. */
import { findMember, scanMessage, type Span } from '../../protocol/json/json-scan.ts'
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  ScanFault,
  skipSpace,
  skipValue,
} from '../../protocol/json/json-skip.ts'
import { isNullAt } from '../../protocol/members/object-members.ts'
import { concat } from '../../protocol/splice.ts'
import { JUNK_BYTES, JUNK_LINE_OBJECTS, JUNK_LINES } from '../limits.ts'

/** What is wrong with the output. `isCertain`: no message can come any more; else one may, of a server that only logs so beside its messages. */
export interface FormatFault {
  readonly detail: string
  readonly isCertain: boolean
}

const FORMATS = {
  headers: 'the server prints Content-Length headers instead of one message per line',
  pretty: 'the server prints pretty-printed JSON, over several lines, instead of one message per line',
  events: 'the server prints server-sent events instead of one message per line',
  prefix: 'the server prints other text before each message on its line',
  suffix: 'the server prints other text behind each message on its line',
  joined: 'the server prints several messages on one line instead of one per line',
  utf16: 'the server prints UTF-16 instead of UTF-8',
  noId: 'the server leaves the id out of its answers',
  nul: 'the server prints NUL bytes beside its messages',
} as const

const LINE_FEED = Uint8Array.of(0x0a)

export class StdoutFormat {
  #lines = 0
  #bytes = 0
  /** The last line but blank ones was a header of LSP's framing. */
  #isInHeaders = false
  /** An object whose end has not come: its lines, and how deep it is open. */
  #object: Uint8Array[] = []
  #depth = 0

  /** How many lines there were that are no message. */
  get lines(): number {
    return this.#lines
  }

  /** Takes a line that is no message. Returns what it says of the output as a whole. */
  junk(line: Uint8Array): FormatFault | undefined {
    this.#lines++
    this.#bytes += line.length
    if (this.#lines >= JUNK_LINES || this.#bytes >= JUNK_BYTES)
      return { detail: `the server has printed ${this.#lines} lines on stdout, and none of them is a message`, isCertain: true }
    const format = this.#formatOf(line)
    return format === undefined ? undefined : { detail: FORMATS[format], isCertain: false }
  }

  #formatOf(line: Uint8Array): keyof typeof FORMATS | undefined {
    const text8 = line.filter((byte) => byte !== 0 && byte < 0x80)
    if (line.includes(0) && isAnswer(text8)) return text8.length <= line.length / 2 + 1 ? 'utf16' : 'nul'
    const text = Buffer.from(line).toString('latin1')
    if (text.trim() === '') return this.#isInHeaders ? 'headers' : undefined
    if (/^content-length:\s*\d+\s*$/i.test(text)) this.#isInHeaders = true
    else if (!/^content-type:/i.test(text)) this.#isInHeaders = false
    if (this.#endsObject(line)) return 'pretty'
    if (isAnswerWithoutId(line)) return 'noId'
    const objects = objectsIn(line)
    if (!objects.some(([from, to]) => isAnswer(line.subarray(from, to)))) return undefined
    if (text.startsWith('data:')) return 'events'
    if (skipSpace(line, 0) !== objects[0]?.[0]) return 'prefix'
    return objects.length === 1 ? 'suffix' : 'joined'
  }

  /** Whether an answer ends with this line that began on one before. */
  #endsObject(line: Uint8Array): boolean {
    if (this.#depth === 0) {
      const first = line.find((byte) => byte !== 0x20 && byte !== 0x09)
      if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return false
      this.#object = []
    }
    this.#object.push(line, LINE_FEED)
    this.#depth = depthAfter(line, this.#depth)
    if (this.#depth > 0) return false
    this.#depth = 0
    return isAnswer(concat(this.#object))
  }
}

/** How deep objects and arrays are open behind a line; 0 where it breaks a string off, which no JSON does. */
function depthAfter(line: Uint8Array, before: number): number {
  let depth = before
  let isInString = false
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]
    if (isInString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) isInString = true
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--
  }
  return isInString ? 0 : depth
}

/** Where the first objects of a line stand, whatever is around them. */
function objectsIn(line: Uint8Array): Span[] {
  const objects: Span[] = []
  try {
    for (let from = line.indexOf(OPEN_OBJECT); from !== -1 && objects.length < JUNK_LINE_OBJECTS;) {
      const to = skipValue(line, from)
      objects.push([from, to])
      from = line.indexOf(OPEN_OBJECT, to)
    }
  } catch (fault) {
    if (!(fault instanceof ScanFault)) throw fault
  }
  return objects
}

/** Requests and notifications say nothing: a server may log what it was sent. */
function isAnswer(bytes: Uint8Array): boolean {
  const scanned = scanMessage(bytes)
  return scanned.ok && (scanned.value.kind === 'result' || scanned.value.kind === 'error')
}

function isAnswerWithoutId(line: Uint8Array): boolean {
  const has = (key: string): boolean => {
    const value = findMember(line, 0, key)
    return value !== undefined && !isNullAt(line, value)
  }
  return line[0] === OPEN_OBJECT && has('jsonrpc') && (has('result') || has('error')) && !has('method') && !has('id')
}
