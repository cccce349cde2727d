/** What of an HTTP message may go on to the other side of a relay (RFC 9110, RFC 9112), and what belongs to one hop alone. Pure. */
import type { HeaderList } from './web-frames.ts'

/** RFC 9110 §5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/
/** RFC 9110 §5.5, without what a peer could take for the end of a line. */
const FIELD_VALUE = /^[^\0\r\n]*$/
/** RFC 9112 §3.2.1: begins with a slash, and has nothing in it that ends a request line, or that some reader takes for a slash or a fragment. */
const ORIGIN_FORM = /^\/[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*(?:\?[\x21\x22\x24-\x7e]*)?$/

/** Fields of one hop (RFC 9110 §7.6.1), and those by which a message's end and its connection are told. `expect` and trailers are not carried. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Whether a request target is path and query alone: no scheme, no host, no fragment. */
export function isOriginForm(target: string): boolean {
  return ORIGIN_FORM.test(target)
}

/** Whether a value is a header field that can be sent. */
export function isHeader(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [name, text]: readonly unknown[] = value
  return typeof name === 'string' && isToken(name) && typeof text === 'string' && FIELD_VALUE.test(text)
}

/** The fields that go on to the other side: without those of one hop, and those that `Connection` names. */
export function endToEnd(headers: HeaderList): HeaderList {
  const named = new Set(headers.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? listOf(value) : [])))
  return headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
}

/** The value of the first field of this name, which is in lower case. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1]
}

/** Fields by which frameworks let a request name another method than its own. */
const METHOD_OVERRIDES: ReadonlySet<string> = new Set(['x-http-method-override', 'x-http-method', 'x-method-override'])

/** Whether a request only reads by its method, and names no other for an app that takes that for its own. */
export function isReading(method: string, headers: HeaderList): boolean {
  return (method === 'GET' || method === 'HEAD') && !headers.some(([name]) => METHOD_OVERRIDES.has(name.toLowerCase()))
}

/** The members of a list (RFC 9110 §5.6.1), in lower case. */
export function listOf(value: string): string[] {
  return value.split(',').flatMap((member) => (member.trim() === '' ? [] : [member.trim().toLowerCase()]))
}
