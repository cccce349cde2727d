/** Finds the share that `npm start` keeps, or makes a new one, through the owner's API. */
import { decodeAgentToken } from '../agent/config/token.ts'
import { isJsonObject, parseObject } from './json.ts'
import type { KeptShare, State } from './state.ts'

/** A share is made for a year, and made anew when less than a day of it is left. */
const SHARE_LIFE_S = 365 * 24 * 60 * 60
const RENEW_BEFORE_MS = 24 * 60 * 60_000

type CallOwnerApi = (method: string, path: string, body?: Readonly<Record<string, unknown>>) => Promise<Response>

function ownerOf(relay: string, ownerKey: string, signal: AbortSignal): CallOwnerApi {
  return (method, path, body) =>
    fetch(`${relay}/api/shares${path}`, {
      method,
      headers: { authorization: `Bearer ${ownerKey}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    })
}

interface Wanted {
  readonly name: string
  /** `undefined`: as a kept share has them, else one. */
  readonly lanes: number | undefined
  /** Else whatever the server offers is offered: who starts it here is who changes it. */
  readonly isPinned: boolean
}

/**
 * The kept share if the relay still has it and takes its tokens, else a new one.
 *
 * @throws {Error} when the relay refuses, and when the kept share has another number of lanes than is wanted.
 */
export async function ensureShare(relay: string, state: State, { name, lanes, isPinned }: Wanted, signal: AbortSignal): Promise<KeptShare> {
  const call = ownerOf(relay, state.ownerKey, signal)
  const kept = state.share
  const pinning = isPinned ? 'on' : 'off'
  if (kept !== undefined && Date.parse(kept.expiresAt) - Date.now() > RENEW_BEFORE_MS) {
    const found = await call('GET', `/${kept.share}`)
    const facts = parseObject(await found.text())
    const has = facts?.['lanes']
    if (found.ok && lanes !== undefined && has !== lanes)
      throw new Error(
        `the share that is kept has ${String(has)} lanes for ever: leave --lanes out, or make another with --data and a new folder`,
      )
    // Its tokens may have been revoked meanwhile, or be an older relay's, of a kind that this one does not know.
    if (found.ok && hasTokens(await (await call('GET', `/${kept.share}/tokens`)).text(), kept)) {
      if (facts?.['pinning'] !== pinning) await call('PATCH', `/${kept.share}`, { pinning })
      return kept
    }
    if (!found.ok && found.status !== 404) throw new Error(`the relay refused to show the share (HTTP ${found.status})`)
  }
  const made = await call('POST', '', { name, expires_in: SHARE_LIFE_S, lanes: lanes ?? 1, pinning })
  const facts = parseObject(await made.text())
  if (made.status !== 201 || facts === undefined) throw new Error(`the relay refused to make a share (HTTP ${made.status})`)
  const text = (member: string): string => {
    const value = facts[member]
    if (typeof value !== 'string') throw new Error(`the relay made a share without ${member}`)
    return value
  }
  return {
    share: text('share'),
    sharePath: new URL(text('share_url')).pathname,
    clientToken: text('client_token'),
    agentToken: text('agent_token'),
    expiresAt: text('expires_at'),
  }
}

/** Whether the list of a share's tokens has those that are kept. */
function hasTokens(list: string, { clientToken, agentToken }: KeptShare): boolean {
  const tokens = parseObject(list)?.['tokens']
  const ids = new Set(Array.isArray(tokens) ? tokens.map((token: unknown) => (isJsonObject(token) ? token['id'] : undefined)) : [])
  return [clientToken, agentToken].every((token) => ids.has(idOf(token)))
}

/** Id of a token: the `jti` of a JWT (RFC 7519 §4.1.7). */
function idOf(token: string): string | undefined {
  const id = parseObject(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())?.['jti']
  return typeof id === 'string' ? id : undefined
}

/**
 * The share with an agent token that names the relay's present origin, since by that an agent finds it: the one that is kept,
 * or a new one where the relay was elsewhere when that was made, on another port say.
 *
 * @throws {Error} when the relay refuses.
 */
export async function nameOrigin(
  share: KeptShare,
  origin: string,
  relay: string,
  ownerKey: string,
  signal: AbortSignal,
): Promise<KeptShare> {
  if (decodeAgentToken(share.agentToken).issuer === origin) return share
  const made = await ownerOf(relay, ownerKey, signal)('POST', `/${share.share}/tokens`, { kind: 'agent', expires_in: SHARE_LIFE_S })
  const token = parseObject(await made.text())?.['token']
  if (made.status !== 201 || typeof token !== 'string') throw new Error(`the relay refused to make an agent token (HTTP ${made.status})`)
  return { ...share, agentToken: token }
}
