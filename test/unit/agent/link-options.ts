/** What a link needs to be dialled, for tests that look at how it comes about, and at nothing that goes over it. */
import { DIAL_MS } from '../../../agent/limits.ts'
import type { LinkHandlers, LinkOptions } from '../../../agent/link/link.ts'
import type { Hello } from '../../../protocol/handshake.ts'

export const HELLO: Hello = {
  type: 'hello',
  agent: 'a',
  instance: 'i',
  join: 'primary',
  isolation: 'session',
  product: 'p',
  held: [],
  channels: [],
}

/** Without a signal it never ends by itself. */
export function linkOptions(url: URL, options: Partial<LinkOptions> = {}): LinkOptions {
  return {
    url,
    token: 't',
    compress: false,
    dialMs: DIAL_MS,
    keepaliveMs: 60_000,
    userAgent: 'test/1',
    hello: () => HELLO,
    channels: { receive: () => undefined, flush: () => {} },
    web: { size: 0, receive: () => undefined, flush: () => {} },
    ready: Promise.resolve(),
    signal: new AbortController().signal,
    ...options,
  }
}

/** Hear of nothing. */
export const NO_HANDLERS: LinkHandlers = { welcomed: () => {}, unaccepted: () => {}, metadataAsked: () => {}, draining: () => {} }
