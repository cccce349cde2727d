/** Where the URLs in an app's pages lead when the app stands below a path: those of its own root go below it, all others stay. Pure. */
import { MAX_CSS_TOKEN_CHARS } from '../web-limits.ts'

/** Where the app stands: the origin under which it is seen, and its path there, without a slash at its end. */
export interface AppPlace {
  readonly origin: string
  readonly prefix: string
}

/** A URL as it must be written below the path. One that names its host, or is relative, needs nothing, but for one that names ours. */
export function appUrl(text: string, { origin, prefix }: AppPlace): string {
  const [, space = '', url = ''] = /^([\s\0]*)(.*)$/s.exec(text) ?? []
  const path = url.startsWith(`${origin}/`) ? url.slice(origin.length) : url
  // Readers take a backslash for a slash, and leave tabs and line breaks out: what begins with two slashes of either kind names a host.
  if (!path.startsWith('/') || /^\/[\t\n\r]*[/\\]/.test(path) || path === prefix || path.startsWith(`${prefix}/`)) return text
  return `${space}${prefix}${path}`
}

/** The candidates of a `srcset` (HTML, srcset attributes). A comma that a URL holds is followed by no space. */
export function appSrcset(text: string, place: AppPlace): string {
  return text.replaceAll(/(^\s*|\s[\d.]+[wxh]\s*,\s*|,\s+)([^\s,]\S*)/g, (_, before: string, url: string) => before + appUrl(url, place))
}

/** The `content` of a refresh (HTML, shared declarative refresh steps). */
export function appRefresh(text: string, place: AppPlace): string {
  return text.replace(/^(\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?["']?)(.*)$/is, (_, before: string, url: string) => before + appUrl(url, place))
}

/** A whole piece of CSS. */
export function appCss(text: string, place: AppPlace): string {
  return text
    .replaceAll(/(\burl\(\s*["']?)([^"')\s]+)/gi, (_, before: string, url: string) => before + appUrl(url, place))
    .replaceAll(/(@import\s*["'])([^"']+)/gi, (_, before: string, url: string) => before + appUrl(url, place))
}

/** What may be the beginning of a URL whose end has not come. */
const OPEN_TOKEN = /(?:\burl\([^)]*|@import[^;]*|[@\w(]{1,8})$/i

/** CSS that comes in pieces, cut anywhere. */
export class CssPieces {
  readonly #place: AppPlace
  #held = ''

  constructor(place: AppPlace) {
    this.#place = place
  }

  push(piece: string): string {
    const text = this.#held + piece
    const tail = text.slice(-MAX_CSS_TOKEN_CHARS)
    const open = OPEN_TOKEN.exec(tail)
    const cut =
      open === null || (open.index === 0 && text.length > MAX_CSS_TOKEN_CHARS) ? text.length : text.length - tail.length + open.index
    this.#held = text.slice(cut)
    return appCss(text.slice(0, cut), this.#place)
  }

  /** The rest of it. */
  end(): string {
    const rest = appCss(this.#held, this.#place)
    this.#held = ''
    return rest
  }
}
