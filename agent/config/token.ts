/** Reads from an agent token where to connect. It is not verified here: the relay does that. Pure. */
import { AgentExit, EXIT } from '../exit.ts'

const AGENT_AUDIENCE = 'mcp-edge/agent'

export interface TokenClaims {
  readonly share: string
  /** Origin of the relay that issued the token. */
  readonly issuer: string | undefined
}

/** @throws {AgentExit} that says what to do, when the text is no agent token. */
export function decodeAgentToken(token: string): TokenClaims {
  const claims = decodeClaims(token)
  if (claims === undefined)
    throw new AgentExit(EXIT.USAGE, 'TOKEN_MALFORMED', 'This is no agent token. Copy agent_token from the share, whole.')
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
 * Where to dial: `--relay` if given, else the token's issuer. `http` and `https` become `ws` and `wss`.
 *
 * @throws {AgentExit} when neither is an http(s) or ws(s) URL.
 */
export function linkUrl(claims: TokenClaims, relay: string | undefined): URL {
  const base = relay ?? claims.issuer
  if (base === undefined)
    throw new AgentExit(EXIT.USAGE, 'RELAY_MISSING', 'The token does not name its relay. Give it with --relay https://…')
  const url = URL.canParse(base) ? new URL(base) : null
  const scheme = url === null ? undefined : { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol]
  if (url === null || scheme === undefined)
    throw new AgentExit(EXIT.USAGE, 'RELAY_MALFORMED', `--relay ${base} is no URL like https://relay.example.com`)
  return new URL(`${scheme}//${url.host}/agent/${claims.share}`)
}

/** Whether a URL leads to this machine. */
export function isLoopback(url: URL): boolean {
  return (
    url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname)
  )
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
