/** The one object that knows the relay's signing key, its owner, its shares and their links. Never on the path of a call. It wires the tables; they decide. */
import { DurableObject } from 'cloudflare:workers'
import { hashSecret } from '../access/secrets/secret.ts'
import { type Env, settingsOf } from '../env.ts'
import { MAX_PASSED_SHARES, MAX_REGISTRY_BYTES } from '../trust-limits.ts'
import type { Location } from '../contract/registry/locations.ts'
import {
  type Adoption,
  type Changed,
  type ClaimOutcome,
  type CodeVerdict,
  DEPLOYER,
  type LinkAddition,
  type LinkChange,
  type LinkRecord,
  type NewLink,
  type NewOwner,
  type OwnerRecord,
  type OwnerVerdict,
  type PersonRecord,
  type RelaySecrets,
  type ServerAddition,
  type ShareAddition,
  type ShareChange,
  type ShareRecord,
} from '../contract/registry/registry-rpc.ts'
import type { GatewayAnswer, Asker, GatewayOrder } from '../contract/registry/gateway-rpc.ts'
import type { RegistryObject } from '../contract/objects.ts'
import type { PinChange } from '../contract/pinned-server.ts'
import type { ChainTrust, DerivedLink, LinkTrust, ShareTerms, ShareTrust } from '../contract/trust/trust-rpc.ts'
import { signInStub } from '../carry/sign-in-stub.ts'
import { AccessCodeTable } from './access-codes.ts'
import { ChangeTeller, linkSubject } from './change-teller.ts'
import { changedPins } from './changed-pins.ts'
import { DerivedLinks } from './derived-links.ts'
import { Gateway } from './gateway.ts'
import { LinkTable } from './links.ts'
import { OwnerTable } from './owners.ts'
import { SecretTable } from './secrets.ts'
import { ServerTable } from './servers.ts'
import { ShareTable } from './shares.ts'
import { serverSubject, UntoldTable } from './untold.ts'
import type { ShareSettings } from '../contract/share-admin.ts'

/** Of a share that nothing has been changed of. */
const FIRST_VERSION = 1

export class Registry extends DurableObject<Env> implements RegistryObject {
  readonly #secrets: SecretTable
  readonly #shares: ShareTable
  readonly #links: LinkTable
  readonly #derived: DerivedLinks
  readonly #servers: ServerTable
  readonly #codes: AccessCodeTable
  readonly #owners: OwnerTable
  readonly #untold: UntoldTable
  readonly #teller: ChangeTeller
  readonly #gateway: Gateway

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    this.#secrets = new SecretTable(sql, () => {
      const { signingKey } = settingsOf(env)
      return signingKey === undefined ? undefined : hashSecret(signingKey)
    })
    this.#shares = new ShareTable(sql)
    this.#untold = new UntoldTable(sql)
    this.#servers = new ServerTable(sql, this.#shares, this.#untold)
    this.#links = new LinkTable(sql)
    this.#derived = new DerivedLinks({ shares: this.#shares, links: this.#links, hasRoom: () => this.#hasRoom() })
    this.#codes = new AccessCodeTable(sql)
    this.#owners = new OwnerTable(sql)
    const orders = { forget: (share: string) => this.#forget(share), setAlarm: () => this.#setAlarm() }
    this.#teller = new ChangeTeller({ env, untold: this.#untold, shares: this.#shares, links: this.#links, ...orders })
    this.#gateway = new Gateway({ shares: this.#shares, links: this.#links, registry: this, sql, hasRoom: () => this.#hasRoom() })
  }

  secrets(): RelaySecrets {
    return this.#secrets.all()
  }

  claim(code: string | undefined): Promise<ClaimOutcome> {
    return this.#secrets.claim(code)
  }

  findOwner(hash: Uint8Array<ArrayBuffer>, isClaimTaken: boolean): OwnerVerdict {
    return isClaimTaken && this.#secrets.isClaimed(hash) ? { kind: 'owner', id: DEPLOYER } : this.#owners.find(hash)
  }

  addOwner(owner: NewOwner): boolean {
    return this.#owners.add(owner)
  }

  owners(): OwnerRecord[] {
    return this.#owners.all()
  }

  async removeOwner(id: string): Promise<boolean> {
    if (!this.#owners.remove(id)) return false
    this.#gateway.forgetOwner(id)
    // Its first shares are paused before it is told that they are; of many, the rest by alarm.
    await this.alarm()
    return true
  }

  addShare(
    owner: string,
    settings: ShareSettings,
    location: Location | undefined,
    links: readonly NewLink[],
    terms?: ShareTerms,
  ): ShareAddition {
    if (owner !== DEPLOYER && !this.#owners.has(owner)) return 'no_owner'
    for (const id of this.#shares.longExpired()) this.#forget(id)
    if (!this.#hasRoom()) return 'no_room'
    const added = this.#shares.add(owner, settings, location, terms)
    if (added !== 'added') return added
    for (const link of links) this.#links.add(settings.id, link, FIRST_VERSION)
    return added
  }

  adopt(id: string, server?: string): Adoption | undefined {
    const record = this.#shares.living(id)
    if (record === undefined || (server !== undefined && !record.servers.includes(server))) return undefined
    if (!record.isMade) this.#shares.noteMade(id)
    const { name, createdAtMs, expiresAtMs, trust } = record
    return { settings: { id, name, createdAtMs, expiresAtMs }, trust }
  }

  addServer(id: string, server: string): ServerAddition | undefined {
    return this.#servers.add(id, server)
  }

  servers(id: string): readonly string[] {
    return this.#shares.living(id)?.servers ?? []
  }

  async removeServer(id: string, server: string): Promise<Changed<string> | undefined> {
    const record = this.#servers.remove(id, server)
    return record && this.#teller.tell(record, serverSubject(server), server, [server])
  }

  async endShare(id: string): Promise<Changed<ShareRecord> | undefined> {
    this.#shares.noteEnding(id)
    const value = this.#shares.get(id)
    // One that cannot be told finds out by its alarm.
    if (value !== undefined && this.#links.people(id).length > 0)
      await signInStub(this.env, id)
        .end()
        .catch(() => undefined)
    return value === undefined ? undefined : this.#teller.tell(value, 'end', value)
  }

  share(owner: string, id: string): ShareRecord | undefined {
    const record = this.#shares.get(id)
    return record?.owner === owner ? record : undefined
  }

  hasShareNamed(owner: string, share: Pick<ShareRecord, 'id' | 'name'>): boolean {
    return this.#shares.hasNamed(owner, share)
  }

  shares(owner: string, after?: Pick<ShareRecord, 'createdAtMs' | 'id'>): { readonly records: ShareRecord[]; readonly isMore: boolean } {
    return this.#shares.page(owner, after)
  }

  async changeShare(id: string, change: ShareChange): Promise<Changed<ShareRecord> | undefined> {
    const before = this.#shares.living(id)
    if (before === undefined) return undefined
    this.#shares.change(before, change)
    // A name is nobody's but the owner's.
    const isTold = Object.keys(change).some((member) => member !== 'name')
    if (isTold) this.#shares.countChange(id)
    const record = this.#shares.get(id)
    if (record === undefined) return undefined
    return isTold ? this.#teller.tell(record, 'share', record) : { value: record, unreached: [] }
  }

  async slideShare(id: string, usedAtMs: number): Promise<ShareTrust | undefined> {
    const record = this.#shares.living(id)
    if (record !== undefined) this.#shares.slide(record, usedAtMs, this.#links.latestCeilingMs(id))
    return this.shareTrust(id)
  }

  async pin(id: string, change: PinChange, server?: string): Promise<Changed<ShareRecord> | 'full' | undefined> {
    const record = this.#shares.living(id)
    if (record === undefined || (server !== undefined && !record.servers.includes(server))) return undefined
    const pins = record.trust.pins === undefined ? undefined : changedPins(record.trust.pins, change, server)
    if (pins === undefined) return undefined
    return pins === false || !this.#hasRoom() ? 'full' : this.changeShare(id, { pins })
  }

  async rotateShare(id: string, links: readonly NewLink[], keepsAgents: boolean): Promise<Changed<ShareRecord> | false | undefined> {
    if (this.#shares.living(id) === undefined) return undefined
    if (!this.#links.hasRoomFor(id, links.length, keepsAgents)) return false
    const version = this.#shares.countChange(id)
    this.#shares.noteRotation(id, version, keepsAgents)
    this.#links.removeForRotation(id, keepsAgents)
    this.#codes.removeAll(id)
    for (const link of links) this.#links.add(id, link, version)
    const record = this.#shares.get(id)
    return record === undefined ? undefined : this.#teller.tell(record, keepsAgents ? 'rotated' : 'agents_rotated', record)
  }

  shareTrust(id: string): ShareTrust | undefined {
    return this.#shares.living(id)?.trust
  }

  linkTrust(share: string, id: string): LinkTrust | undefined {
    return this.#derived.trustOf(share, id)
  }

  deriveLink(share: string, link: DerivedLink): LinkTrust | undefined {
    return this.#derived.derive(share, link)
  }

  chainTrust(share: string, root: string, derived: readonly DerivedLink[]): ChainTrust {
    return this.#derived.chain(share, root, derived)
  }

  gateway(asker: Asker, order: GatewayOrder): GatewayAnswer | Promise<GatewayAnswer> {
    return this.#gateway.obey(asker, order)
  }

  addLink(share: string, link: NewLink): LinkAddition {
    if (this.#shares.living(share) === undefined) return 'no_share'
    if (!this.#hasRoom()) return 'no_room'
    if (!this.#links.hasRoom(share, link.createdAtMs)) return 'full'
    this.#links.add(share, link, this.#shares.countChange(share))
    return this.#links.get(share, link.id) ?? 'no_share'
  }

  links(share: string): LinkRecord[] {
    return this.#links.all(share)
  }

  addPerson(share: string, link: NewLink, codeHash: Uint8Array<ArrayBuffer>): LinkAddition {
    const added = this.addLink(share, link)
    if (typeof added === 'object') this.#codes.add(share, codeHash, link.id)
    return added
  }

  people(share: string): PersonRecord[] {
    const pending = this.#codes.pending(share)
    return this.#links.people(share).map((link) => ({ ...link, isPending: pending.has(link.id) }))
  }

  accessCode(share: string, hash: Uint8Array<ArrayBuffer>, isUse: boolean): CodeVerdict {
    return this.#codes.verdict({ share, hash, isUse }, (id) => {
      const [trust, link] = [this.shareTrust(share), this.#links.get(share, id)]
      return trust === undefined || link === undefined || link.isRevoked ? 0 : Math.min(trust.expiresAtMs, link.expiresAtMs)
    })
  }

  async changeLink(share: string, id: string, change: LinkChange): Promise<Changed<LinkRecord> | undefined> {
    const link = this.#shares.living(share) === undefined ? undefined : this.#links.get(share, id)
    if (link === undefined || link.isRevoked) return undefined
    this.#links.change(share, link, change, this.#shares.countChange(share))
    if (change.isRevoked === true) this.#codes.removeOf(share, id)
    const [record, value] = [this.#shares.get(share), this.#links.get(share, id)]
    return record === undefined || value === undefined ? undefined : this.#teller.tell(record, linkSubject(id), value)
  }

  /** Passes on what removed owners had, and tells what lanes have yet to hear. */
  override async alarm(): Promise<void> {
    this.#passOn()
    await Promise.all(this.#untold.due(Date.now()).map((untold) => this.#teller.send(untold)))
    await this.#setAlarm()
  }

  /** Some of the shares of an owner who was removed become the deployer's. */
  #passOn(): void {
    const departed = this.#owners.departed()
    if (departed === undefined) return
    const passed = this.#shares.passOn(departed, DEPLOYER, MAX_PASSED_SHARES)
    for (const { id, isMade, trust } of passed)
      if (isMade) this.#untold.note({ share: id, subject: 'share', version: trust.version, lanes: undefined }, Date.now())
    if (passed.length < MAX_PASSED_SHARES) this.#owners.settle(departed)
  }

  #hasRoom(): boolean {
    return this.ctx.storage.sql.databaseSize < MAX_REGISTRY_BYTES
  }

  #forget(id: string): void {
    const owner = this.#shares.remove(id)
    if (owner !== undefined) this.#gateway.forgetShare({ owner, id })
    this.#links.removeAll(id)
    this.#codes.removeAll(id)
    this.#untold.removeAll(id)
  }

  #setAlarm(): Promise<void> {
    const dueMs = this.#owners.departed() === undefined ? this.#untold.nextDueMs() : Date.now()
    return dueMs === undefined ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(dueMs)
  }
}
