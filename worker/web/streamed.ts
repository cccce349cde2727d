/** The response that a client of a web app gets, of the app's status, the fields that pass, and its body as it comes. */
import type { WebHead } from '../../protocol/web/web-frames.ts'
import type { AppBody } from './forward.ts'

/** A body whose length the app has said is told with it: downloads show how far they are, and one that is cut shows that. */
export function streamed({ status }: Pick<WebHead, 'status'>, headers: Headers, { readable, length }: AppBody, method: string): Response {
  // What is packed is passed on as it is.
  const encoding = headers.has('content-encoding') ? ({ encodeBody: 'manual' } as const) : {}
  if (readable === undefined) {
    if (length !== undefined && method === 'HEAD') headers.set('content-length', String(length))
    return new Response(null, { status, headers, ...encoding })
  }
  if (length === undefined) return new Response(readable, { status, headers, ...encoding })
  headers.set('content-length', String(length))
  const sized = new FixedLengthStream(length)
  readable.pipeTo(sized.writable).catch(() => undefined)
  return new Response(sized.readable, { status, headers, ...encoding })
}
