/** The servers with names of each share, as they stand in its row. Synchronous, as the list of shares is. */
import { MAX_SERVERS } from '../../protocol/limits.ts'
import { withoutServerPins } from '../../protocol/policy/server-pins.ts'
import type { ServerAddition } from '../contract/registry/registry-rpc.ts'
import type { KeptShare } from './share-row.ts'
import type { ShareTable } from './shares.ts'
import { serverSubject, type UntoldTable } from './untold.ts'

export class ServerTable {
  readonly #sql: SqlStorage
  readonly #shares: Pick<ShareTable, 'living'>
  readonly #untold: UntoldTable

  constructor(sql: SqlStorage, shares: Pick<ShareTable, 'living'>, untold: UntoldTable) {
    this.#sql = sql
    this.#shares = shares
    this.#untold = untold
  }

  /** Adds a server to a share that is there. What it had before it was removed must be gone first: whoever is told late would end what is new. */
  add(id: string, server: string): ServerAddition | undefined {
    const record = this.#shares.living(id)
    if (record === undefined) return undefined
    const { servers, trust, location } = record
    const kept = { trust, location }
    if (servers.includes(server)) return { kind: 'known', ...kept }
    if (this.#untold.has(id, serverSubject(server))) return { kind: 'ending' }
    if (servers.length >= MAX_SERVERS) return { kind: 'full' }
    this.#keep(id, [...servers, server])
    return { kind: 'new', ...kept }
  }

  /** Removes one, with what was accepted of it: the share as it was. Undefined when it has none of that name. */
  remove(id: string, server: string): KeptShare | undefined {
    const record = this.#shares.living(id)
    if (record?.servers.includes(server) !== true) return undefined
    const { servers, trust } = record
    const left = servers.filter((name) => name !== server)
    this.#keep(id, left)
    if (trust.pins !== undefined) this.#sql.exec('UPDATE shares SET pins = ? WHERE id = ?', withoutServerPins(trust.pins, server), id)
    return record
  }

  #keep(id: string, servers: readonly string[]): void {
    this.#sql.exec('UPDATE shares SET servers = ? WHERE id = ?', servers.join(), id)
  }
}
