/**
 * Registered clients without a registry of them: a client's id holds what it has registered, sealed, so that registering writes nothing
 * anywhere. An id is good at the share that it was made for.
 */
import { isLoopbackName } from '../access/origin.ts'
import { openSealedText, sealText, type SealPurpose } from '../access/secrets/sealed-text.ts'
import { MAX_CLIENT_ID_CHARS } from './limits.ts'
import type { OAuthStore } from './authorization-server.ts'

/** What is read of a client, as the library keeps it. */
interface ClientRecord {
  readonly redirectUris: readonly string[]
  readonly clientName?: string
  readonly tokenEndpointAuthMethod: string
  /** SHA-256 of its secret. */
  readonly clientSecret?: string
  readonly grantTypes?: readonly string[]
  readonly responseTypes?: readonly string[]
  readonly registrationDate?: number
}

const CLIENT = 'client:'

/** What the library reads and writes of clients. Nothing else is kept here. */
export class ClientIds implements OAuthStore {
  readonly #key: CryptoKey
  readonly #purpose: SealPurpose
  readonly #redirectUri: string | undefined
  #registered: string | undefined

  /** `key`: RelayKeys.signIn. `redirectUri`: where the client that is asked for wants its code. */
  constructor(key: CryptoKey, share: string, redirectUri?: string | null) {
    this.#key = key
    this.#purpose = { purpose: 'client', share }
    this.#redirectUri = redirectUri ?? undefined
  }

  /** The id of the client that was registered last; undefined when there was none, or when what it has registered is too much for an id. */
  get registered(): string | undefined {
    return this.#registered
  }

  async get(name: string): Promise<unknown> {
    const id = name.slice(CLIENT.length)
    if (!name.startsWith(CLIENT) || id.length > MAX_CLIENT_ID_CHARS) return null
    if (id.startsWith('https:')) return this.#unseen(id)
    const record = await openSealedText(this.#key, this.#purpose, id)
    return record === undefined ? null : { ...(record as ClientRecord), clientId: id }
  }

  /**
   * A client whose document was not looked up. It may have its code sent to a program of this machine, and nowhere else: any that
   * registers may have that too, and the consent page calls both not verified.
   */
  #unseen(clientId: string): (ClientRecord & { readonly clientId: string }) | null {
    const redirectUri = this.#redirectUri ?? ''
    if (!URL.canParse(redirectUri)) return null
    const { protocol, hostname } = new URL(redirectUri)
    if (protocol !== 'http:' || !isLoopbackName(hostname)) return null
    return { clientId, redirectUris: [redirectUri], tokenEndpointAuthMethod: 'none', responseTypes: ['code'] }
  }

  async put(name: string, value: string): Promise<void> {
    if (!name.startsWith(CLIENT)) throw new Error('only clients are written here')
    const client = JSON.parse(value) as ClientRecord
    const { redirectUris, clientName, tokenEndpointAuthMethod, clientSecret, grantTypes, responseTypes, registrationDate } = client
    const kept = { redirectUris, clientName, tokenEndpointAuthMethod, clientSecret, grantTypes, responseTypes, registrationDate }
    const id = await sealText(this.#key, this.#purpose, kept)
    this.#registered = id.length > MAX_CLIENT_ID_CHARS ? undefined : id
  }

  delete(): Promise<void> {
    return Promise.resolve()
  }

  list(): ReturnType<OAuthStore['list']> {
    return Promise.resolve({ keys: [], list_complete: true })
  }
}
