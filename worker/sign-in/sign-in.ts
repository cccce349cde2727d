/** The Durable Object of one share's sign-in: the grants of its people. It is asked when somebody signs in or refreshes, and never for a call. */
import { DurableObject } from 'cloudflare:workers'
import { claimedRelay, type RelayKeys } from '../access/secrets/keys.ts'
import { randomText } from '../access/secrets/secret.ts'
import type { SignInObject } from '../contract/objects.ts'
import type { Approval, ApprovalOrder } from '../contract/registry/sign-in-rpc.ts'
import type { Env } from '../env.ts'
import { SIGN_IN_SWEEP_MS } from './limits.ts'
import { askServer } from './authorization-server.ts'
import { ClientIds } from './client-ids.ts'
import { GrantStore, withClients } from './grant-store.ts'
import { sealGrant } from './sealed-grants.ts'
import { TokenEndpoint } from './token-endpoint.ts'

/** A name for each approval: codes and tokens show it, so that it says nothing of the person. */
const USER_ID_BYTES = 12

interface Opened {
  readonly keys: RelayKeys
  readonly store: GrantStore
  readonly tokens: TokenEndpoint
}

export class SignIn extends DurableObject<Env> implements SignInObject {
  /** Id of the share. */
  readonly #share: string
  #opened: Promise<Opened> | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#share = ctx.id.name ?? ''
  }

  async approve({ base, request, codeHash }: ApprovalOrder): Promise<Approval> {
    const { store, keys } = await this.#open()
    const registry = this.#registry()
    const found = await registry.accessCode(this.#share, codeHash, false)
    if (found.kind !== 'person') return found
    const { link } = found
    const userId = randomText(USER_ID_BYTES)
    // Written before the code is used up: what fails here can be tried again with the same code.
    await this.#alarmAtEnd()
    const kept = withClients(store, new ClientIds(keys.signIn, this.#share, request.redirectUri))
    const grant = { request, userId, metadata: { link }, scope: request.scope, props: {}, revokeExistingGrants: false }
    const { redirectTo } = await askServer(base, request.resource, (server) =>
      server.getOAuthApi({ OAUTH_KV: kept }).completeAuthorization(grant),
    )
    const used = await registry.accessCode(this.#share, codeHash, true)
    if (used.kind === 'person') return { kind: 'approved', redirectTo: await this.#withSeal(keys, redirectTo) }
    const { keys: grants } = await store.list({ prefix: `grant:${userId}:` })
    for (const { name } of grants) store.drop(name)
    return used
  }

  /** Where the browser goes, with the code as clients bring it back. */
  async #withSeal(keys: RelayKeys, redirectTo: string): Promise<string> {
    const url = new URL(redirectTo)
    url.searchParams.set('code', await sealGrant({ keys, share: this.#share }, 'code', url.searchParams.get('code') ?? ''))
    return url.href
  }

  override async fetch(request: Request): Promise<Response> {
    const { tokens } = await this.#open()
    return tokens.fetch(request)
  }

  async end(): Promise<void> {
    const opened = await this.#opened
    opened?.tokens.forget()
    opened?.store.forget()
    this.#opened = undefined
    await this.ctx.storage.deleteAll()
  }

  /** Forgets everything when the share is gone; else comes back when it may be. */
  override async alarm(): Promise<void> {
    if ((await this.#registry().shareTrust(this.#share)) === undefined) await this.end()
    else await this.#alarmAtEnd()
  }

  async #alarmAtEnd(): Promise<void> {
    const trust = await this.#registry().shareTrust(this.#share)
    await this.ctx.storage.setAlarm(Math.max(trust?.expiresAtMs ?? 0, Date.now()) + SIGN_IN_SWEEP_MS)
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#make().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #make(): Promise<Opened> {
    const relay = await claimedRelay(this.env)
    if (relay === undefined) throw new Error('the relay has no owner')
    const keys: RelayKeys = relay.keys
    const share = this.#share
    const store = new GrantStore(this.ctx.storage.sql, async (link) => {
      await this.#registry().changeLink(share, link, { isRevoked: true })
    })
    return { keys, store, tokens: new TokenEndpoint({ share, keys, store, isLive: (link) => this.#isLive(link) }) }
  }

  async #isLive(link: string): Promise<boolean> {
    const registry = this.#registry()
    const [share, trust] = await Promise.all([registry.shareTrust(this.#share), registry.linkTrust(this.#share, link)])
    if (share === undefined || trust === undefined || trust.isRevoked) return false
    return Math.min(share.expiresAtMs, trust.expiresAtMs) > Date.now()
  }

  #registry() {
    return this.env.REGISTRY.getByName('registry')
  }
}
