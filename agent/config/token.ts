/** Reads from an agent token where to connect. It is not verified here: the relay does that. Pure. */
import { AgentExit, EXIT } from '../exit.ts'

const AGENT_AUDIENCE = 'mcp-edge/agent'
/** How the owner keys begin that a relay has made; those that a deployer has made up cannot be told. */
const WRAPPED_OWNER_KEY = /^[\s"'`<(\u2018-\u201f]*(?:Bearer\s+)?mcpe_owner_/i
/** Characters of a token's last part, a MAC of 256 bits (RFC 7518 §3.2). */
const MAC_CHARS = 43

export interface TokenClaims {
  readonly share: string
  /** Origin of the relay that issued the token. */
  readonly issuer: string | undefined
}

/** @throws {AgentExit} that says what to do, when the text is no agent token. */
export function decodeAgentToken(token: string): TokenClaims {
  if (WRAPPED_OWNER_KEY.test(token))
    throw new AgentExit(
      EXIT.AUTH,
      'TOKEN_WRONG_KIND',
      'This is the owner key of the relay, with which anybody can take all its shares. Keep it from agents, and use agent_token of the share.',
    )
  const wrapping = whatWraps(token)
  const claims = wrapping === undefined ? decodeClaims(token) : undefined
  if (claims === undefined)
    throw new AgentExit(
      EXIT.USAGE,
      'TOKEN_MALFORMED',
      `This is no agent token${wrapping ?? (token.includes('eyJ') ? ': it is cut off' : '')}. Copy agent_token from the share, whole.`,
    )
  if (claims['aud'] !== AGENT_AUDIENCE)
    throw new AgentExit(
      EXIT.AUTH,
      'TOKEN_WRONG_KIND',
      'This token is not for agents. Use agent_token of the share, not client_token or owner_token.',
    )
  const { share, iss } = claims
  if (typeof share !== 'string' || !/^[\w.-]{1,128}$/.test(share))
    throw new AgentExit(EXIT.USAGE, 'TOKEN_MALFORMED', 'This token names no share. Ask for a new agent token.')
  return { share, issuer: typeof iss === 'string' ? iss : undefined }
}

/**
 * Where to dial: `--relay` if given, else the token's issuer. `http` and `https` become `ws` and `wss`. `server`: name of the server beside
 * others of its share.
 *
 * @throws {AgentExit} when neither is an http(s) or ws(s) URL.
 */
export function linkUrl(claims: TokenClaims, relay: string | undefined, server?: string): URL {
  const base = relay ?? claims.issuer
  if (base === undefined)
    throw new AgentExit(EXIT.USAGE, 'RELAY_MISSING', 'The token does not name its relay. Give it with --relay https://…')
  const url = URL.canParse(base) ? new URL(base) : null
  const scheme = url === null ? undefined : { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol]
  if (url === null || scheme === undefined)
    throw new AgentExit(EXIT.USAGE, 'RELAY_MALFORMED', `--relay ${base} is no URL like https://relay.example.com`)
  const link = new URL(`${scheme}//${url.host}/agent/${claims.share}`)
  if (server !== undefined) link.searchParams.set('server', server)
  return link
}

/** Whether a URL leads to this machine. */
export function isLoopback(url: URL): boolean {
  return (
    url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname)
  )
}

/** What stands around or in a token that is no part of it, as the end of a clause. */
function whatWraps(token: string): string | undefined {
  if (/^["'`\u2018-\u201f]|["'`\u2018-\u201f]$/.test(token)) return ': it stands in quotation marks, which belong to the shell'
  if (/^Bearer\s/i.test(token)) return ': leave the word Bearer out'
  if (/^https?:/i.test(token)) return ', but a URL'
  if (/\s/.test(token)) return ': it has white space in it, as if it had been broken over lines'
  // Three parts in letters, digits, - and _ (RFC 7515 §3.1), of which the first is the beginning of a JSON object.
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return /^e[wy3]/.test(token) ? undefined : ': its beginning is missing'
  return /[\w-]{3}\.[\w-]{8,}\.[\w-]{3}/.test(token) ? ' alone: something stands before, in or behind it' : undefined
}

/** What the end of a token is, for which the relay will refuse it; undefined where it is as long as it should be. */
export function endFault(token: string): { readonly event: 'token.short' | 'token.long'; readonly what: string } | undefined {
  const length = token.split('.')[2]?.length ?? 0
  if (length === MAC_CHARS) return undefined
  return length < MAC_CHARS
    ? { event: 'token.short', what: 'its end is missing' }
    : { event: 'token.long', what: 'something stands behind its end' }
}

function decodeClaims(token: string): Record<string, unknown> | undefined {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? { ...claims } : undefined
  } catch {
    return undefined
  }
}

/** In place of a token that is missing, which is told of by itself, so that all else is looked at as well. */
export const STAND_IN_TOKEN = ['{}', '{"aud":"mcp-edge/agent","share":"-","iss":"https://relay.invalid"}', ''.padEnd(32)]
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.')
