/** What of a web app's answer reaches the client on the app's own host. Pure. */
import type { HeaderList } from '../../protocol/web/web-frames.ts'
import { APP_COOKIE } from './app-request.ts'

/**
 * `Clear-Site-Data` reaches as far as the registrable domain, where others are, and `Alt-Svc` would lead past the relay.
 * The length is told where the body is made.
 */
const NOT_OF_APPS: ReadonlySet<string> = new Set(['clear-site-data', 'alt-svc', 'content-length'])

/** Header fields of an answer on a host that has nothing else. */
export function hostHeaders(headers: HeaderList): Headers {
  const out = new Headers()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (NOT_OF_APPS.has(key)) continue
    const passed = key === 'set-cookie' ? ownCookie(value) : value
    if (passed !== undefined) append(out, name, passed)
  }
  return out
}

/** A cookie for this host alone; undefined for one that takes the name of the relay's. */
export function ownCookie(setCookie: string): string | undefined {
  const [pair = '', ...attributes] = setCookie.split(';')
  // One without a name is sent as its value alone, which may read like another's name and value.
  if (
    pair
      .replace(/^[\s=]+/, '')
      .toLowerCase()
      .startsWith(APP_COOKIE.toLowerCase())
  )
    return undefined
  return [pair, ...attributes.filter((attribute) => !/^\s*domain\s*(?:=|$)/i.test(attribute))].join(';')
}

/** What the platform does not take for a field is left out. */
export function append(headers: Headers, name: string, value: string): void {
  try {
    headers.append(name, value)
  } catch {
    // A name or value that cannot be sent.
  }
}
