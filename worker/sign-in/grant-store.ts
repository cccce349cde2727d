/** What the library keeps of the grants of a share, in rows: a grant, or the code that waits to be exchanged for one. Access tokens are not kept: ours can be checked without. */
import type { OAuthStore, StoreOptions } from './authorization-server.ts'
import type { ClientIds } from './client-ids.ts'

/** What we read of a grant. */
export interface GrantFacts {
  readonly clientId: string
  /** Id of the link of the person who has given it. */
  readonly link: string
  /** URL of what it is for, as the library writes it. */
  readonly resource: string | undefined
}

const GRANT = 'grant:'
const CLIENT = 'client:'
/** Kept by the library for each access token; nobody asks for it. */
const TOKEN = 'token:'
const SECOND_MS = 1000

/** A store of grants, and of the clients that they are for. */
export function withClients(grants: GrantStore, clients: ClientIds): OAuthStore {
  return {
    get: (name, options) => (name.startsWith(CLIENT) ? clients.get(name) : grants.get(name, options)),
    put: (name, value, options) => grants.put(name, value, options),
    delete: (name) => grants.delete(name),
    list: (options) => grants.list(options),
  }
}

export class GrantStore implements OAuthStore {
  readonly #sql: SqlStorage
  readonly #onRevoked: (link: string) => Promise<void>
  /** Made when there is something to keep: an object that was only asked writes nothing. */
  #isMade: boolean | undefined

  /** `onRevoked`: a grant was revoked by its client, or because somebody has used its code twice. */
  constructor(sql: SqlStorage, onRevoked: (link: string) => Promise<void>) {
    this.#sql = sql
    this.#onRevoked = onRevoked
  }

  async get(name: string, options?: { readonly type?: 'json' }): Promise<unknown> {
    const value = this.#read(name)
    return value !== undefined && options?.type === 'json' ? JSON.parse(value) : (value ?? null)
  }

  put(name: string, value: string, { expirationTtl, expiration }: StoreOptions = {}): Promise<void> {
    if (name.startsWith(TOKEN)) return Promise.resolve()
    this.#make()
    const nowMs = Date.now()
    const expiresAtMs =
      expirationTtl === undefined ? (expiration ?? Number.MAX_SAFE_INTEGER / SECOND_MS) * SECOND_MS : nowMs + expirationTtl * SECOND_MS
    this.#sql.exec('DELETE FROM kept WHERE expires_at_ms <= ?', nowMs)
    this.#sql.exec('INSERT OR REPLACE INTO kept VALUES (?, ?, ?)', name, value, Math.floor(expiresAtMs))
    return Promise.resolve()
  }

  async delete(name: string): Promise<void> {
    const link = name.startsWith(GRANT) ? this.grant(name.slice(GRANT.length))?.link : undefined
    this.drop(name)
    if (link !== undefined) await this.#onRevoked(link)
  }

  list({ prefix }: { readonly prefix: string }): ReturnType<OAuthStore['list']> {
    if (!this.#exists()) return Promise.resolve({ keys: [], list_complete: true })
    const rows = this.#sql.exec<{ name: string }>(
      'SELECT name FROM kept WHERE substr(name, 1, length(?1)) = ?1 AND expires_at_ms > ?2',
      prefix,
      Date.now(),
    )
    return Promise.resolve({ keys: rows.toArray(), list_complete: true })
  }

  /** A grant by its name, which is what stands in codes and refresh tokens before the secret. */
  grant(name: string): GrantFacts | undefined {
    const value = this.#read(`${GRANT}${name}`)
    if (value === undefined) return undefined
    const { clientId, metadata, resource } = JSON.parse(value) as { clientId: string; metadata: { link: string }; resource?: string }
    return { clientId, link: metadata.link, resource }
  }

  /** Forgets a value, without telling that anything was revoked. */
  drop(name: string): void {
    if (this.#exists()) this.#sql.exec('DELETE FROM kept WHERE name = ?', name)
  }

  /** Forgets that there are tables; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
  }

  #read(name: string): string | undefined {
    if (!this.#exists()) return undefined
    const rows = this.#sql.exec<{ value: string }>('SELECT value FROM kept WHERE name = ? AND expires_at_ms > ?', name, Date.now())
    return rows.toArray()[0]?.value
  }

  #exists(): boolean {
    this.#isMade ??= this.#sql.exec("SELECT name FROM sqlite_master WHERE name = 'kept'").toArray().length > 0
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at_ms INTEGER NOT NULL) WITHOUT ROWID',
    )
    this.#isMade = true
  }
}
