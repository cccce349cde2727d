/** Makes the credentials of a share's links. Their own end is only the latest that a link may have: when one ends, the registry says. */
import type { Context } from 'hono'
import { agentHostOrigin, mintAgentHost } from '../access/agent-host.ts'
import { webAppUrl } from '../access/origin.ts'
import { knownShareFacts } from '../access/share-id.ts'
import { mintPathKey } from '../access/path-key.ts'
import { randomBytes, toHex } from '../access/secrets/secret.ts'
import { mintToken, type TokenKind } from '../access/tokens.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import type { OwnerEnv } from './owner-gate.ts'

/** How long a share or a link lasts when its owner does not say, in seconds. */
export const DEFAULT_LIFE_S = 7 * 24 * 60 * 60
/** The longest life of a share or a link, in seconds: a year, whichever it is. */
export const MAX_LIFE_S = 366 * 24 * 60 * 60
export const SECOND_MS = 1000
export const MAX_NAME_CHARS = 100
export const LINK_ID_BYTES = 12

/** What a link may do whose owner does not say more. */
export const DEFAULT_ACCESS = 'read'

/** The kinds of links that have a credential of their own. */
export type CredentialKind = TokenKind | 'key'

/** A credential that is shown once, and what its link is known by. */
export interface Credential {
  readonly id: string
  readonly ceilingMs: number
  /** A token; for a path key the share's URL with it; for a secret host name its origin. */
  readonly secret: string
  /** Of a path key: the URL that opens the share's web app by it. */
  readonly webUrl?: string
}

/** Whether this relay lets agents in by secret host names. */
export function mayMintHosts(c: Context<OwnerEnv>): boolean {
  const { shareDomain, hasAgentHosts } = settingsOf(c.env)
  return shareDomain !== undefined && hasAgentHosts
}

/** `share`: an id that was found to be ours. `host`: of an agent, a secret host name in place of a token. */
export async function mintCredential(
  c: Context<OwnerEnv>,
  kind: CredentialKind | 'host',
  share: string,
  nowMs: number,
): Promise<Credential> {
  const { keys } = c.var.relay
  const id = toHex(randomBytes(LINK_ID_BYTES))
  const ceilingMs = nowMs + MAX_LIFE_S * SECOND_MS
  const settings = settingsOf(c.env)
  const origin = relayOrigin(c.req.raw, settings)
  if (kind === 'key') {
    const { text } = await mintPathKey(keys.pathKey, share, ceilingMs, id)
    const url = { id, ceilingMs, secret: `${origin}/s/${share}/k/${text}/mcp` }
    // Without an agent there is no web app.
    return knownShareFacts(share).isUpstream === true ? url : { ...url, webUrl: webAppUrl(settings, origin, share, text) }
  }
  if (kind === 'host') {
    const label = await mintAgentHost(keys.agentHost, { share, link: id })
    return { id, ceilingMs, secret: agentHostOrigin(settings.shareDomain ?? '', origin, label) }
  }
  const facts = { kind, share, principal: `${kind}:${id}`, tokenId: id, expiresAtMs: ceilingMs }
  return { id, ceilingMs, secret: await mintToken(keys.jwt, origin, facts, nowMs) }
}
