/** Rewrites pages and style sheets of an app that stands below a path, as they stream by: attributes, style sheets, refreshes. Scripts stay as they are. */
import { append } from './app-response.ts'
import { type AppPlace, appCss, appRefresh, appSrcset, appUrl, CssPieces } from './app-urls.ts'

const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  'action',
  'background',
  'data',
  'formaction',
  'href',
  'longdesc',
  'ping',
  'poster',
  'src',
  'xlink:href',
])
const SRCSET_ATTRIBUTES: ReadonlySet<string> = new Set(['srcset', 'imagesrcset'])
/** What holds of the bytes that the app has sent, and not of those that are made of them. */
const OF_THE_BYTES = ['accept-ranges', 'content-encoding', 'content-length', 'content-range', 'etag', 'last-modified'] as const
/** Encodings that the runtime unpacks. */
const UNPACKED: ReadonlySet<string> = new Set(['gzip', 'deflate'])

export type Rewriting = 'html' | 'css'

/** Whether a response is rewritten: only a whole one, whose bytes can be read. */
export function rewritingOf(status: number, headers: Headers): Rewriting | undefined {
  const [type = '', ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  const kind = type.trim() === 'text/html' ? 'html' : type.trim() === 'text/css' ? 'css' : undefined
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  const isReadable = encoding === 'identity' || encoding === '' || UNPACKED.has(encoding)
  const isWide = parameters.some((parameter) => /charset\s*=\s*"?utf-?(?:16|32)/.test(parameter))
  return status === 206 || !isReadable || isWide ? undefined : kind
}

/** The response made of a body of that kind. */
export function rewritten(
  kind: Rewriting,
  body: ReadableStream<Uint8Array> | undefined,
  status: number,
  headers: Headers,
  place: AppPlace,
): Response {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase()
  for (const name of OF_THE_BYTES) headers.delete(name)
  if (body === undefined) return new Response(null, { status, headers })
  const plain = encoding === 'gzip' || encoding === 'deflate' ? body.pipeThrough<Uint8Array>(new DecompressionStream(encoding)) : body
  if (kind === 'css') return new Response(plain.pipeThrough(cssStream(place)), { status, headers })
  return pages(place).transform(new Response(plain, { status, headers }))
}

function pages(place: AppPlace): HTMLRewriter {
  let style = new CssPieces(place)
  return new HTMLRewriter()
    .on('*', {
      element(element) {
        // First all are looked at: what is walked through is not changed.
        const changes: [string, string][] = []
        for (const [name = '', value = ''] of element.attributes) {
          const changed = attribute(name.toLowerCase(), value, place)
          if (changed !== value) changes.push([name, changed])
        }
        for (const [name, changed] of changes) element.setAttribute(name, changed)
        if (element.tagName === 'meta' && element.getAttribute('http-equiv')?.trim().toLowerCase() === 'refresh')
          element.setAttribute('content', appRefresh(element.getAttribute('content') ?? '', place))
        // Of a style sheet whose bytes are changed as well.
        if (element.tagName === 'link' && /stylesheet/i.test(element.getAttribute('rel') ?? '')) element.removeAttribute('integrity')
      },
    })
    .on('style', {
      text(piece) {
        const text = style.push(piece.text) + (piece.lastInTextNode ? style.end() : '')
        if (piece.lastInTextNode) style = new CssPieces(place)
        piece.replace(text, { html: true })
      },
    })
}

function attribute(name: string, value: string, place: AppPlace): string {
  if (URL_ATTRIBUTES.has(name)) return appUrl(value, place)
  if (SRCSET_ATTRIBUTES.has(name)) return appSrcset(value, place)
  return name === 'style' ? appCss(value, place) : value
}

function cssStream(place: AppPlace): TransformStream<Uint8Array, Uint8Array> {
  const pieces = new CssPieces(place)
  // A mark of the byte order stays where it is.
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })
  const encoder = new TextEncoder()
  return new TransformStream({
    transform: (chunk, controller) => controller.enqueue(encoder.encode(pieces.push(decoder.decode(chunk, { stream: true })))),
    flush: (controller) => controller.enqueue(encoder.encode(pieces.push(decoder.decode()) + pieces.end())),
  })
}

/** Fields that pass below a path: what a page needs, and nothing that reaches beyond it. */
const PASSED: ReadonlySet<string> = new Set([
  'accept-patch',
  'accept-post',
  'accept-ranges',
  'allow',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'retry-after',
  'vary',
  'x-accel-buffering',
])

/**
 * An opaque origin: no cookies, no storage, nothing of the relay's. Scripts run, forms are sent, and that is all.
 * The app's own policies stand beside it, and can only take away.
 */
export const SANDBOX = 'sandbox allow-scripts allow-forms allow-modals allow-downloads'

export function pathHeaders(headers: readonly (readonly [string, string])[], place: AppPlace): Headers {
  const out = new Headers()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (PASSED.has(key)) append(out, name, value)
    else if (key === 'location') append(out, name, appUrl(value, place))
    else if (key === 'content-security-policy') append(out, name, value)
  }
  return out
}
