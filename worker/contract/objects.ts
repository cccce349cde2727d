/** The Durable Objects as their callers see them. The classes implement these interfaces, so that no caller imports a class. */
import type { Failure } from '../../protocol/errors.ts'
import type { ApprovalNote, HoldOrder } from './trust/approvals.ts'
import type { ListingOrder } from './listings.ts'
import type { PassingVerdict } from './passing.ts'
import type { GatewayAnswer, Asker, GatewayOrder } from './registry/gateway-rpc.ts'
import type { Location } from './registry/locations.ts'
import type { MeterOrder } from './trust/metering.ts'
import type { Gated } from './trust/pass.ts'
import type { ListingTask, PinChange, PinOrder } from './pinned-server.ts'
import type {
  Adoption,
  Changed,
  ClaimOutcome,
  CodeVerdict,
  LinkAddition,
  LinkChange,
  LinkRecord,
  NewLink,
  NewOwner,
  OwnerRecord,
  OwnerVerdict,
  PersonRecord,
  RelaySecrets,
  ServerAddition,
  ShareAddition,
  ShareChange,
  ShareRecord,
} from './registry/registry-rpc.ts'
import type {
  AskAnswer,
  CallOutcome,
  CallRequest,
  Caller,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  LeftOrder,
  ParkOrder,
  ParkedRow,
  SendOutcome,
  SendRequest,
  SubscribeOrder,
} from './share-rpc.ts'
import type { Approval, ApprovalOrder } from './registry/sign-in-rpc.ts'
import type { TaskAnswer, TaskOrder } from './tasks.ts'
import type { ChainTrust, DerivedLink, LinkTrust, Pass, ShareTerms, ShareTrust } from './trust/trust-rpc.ts'
import type { AdminCommand, ShareFacts, ShareSettings } from './share-admin.ts'

/**
 * The object of a share, or of a lane of one, as a Worker calls it, always with the pass of who is served; but for the owner's orders.
 * Stream sockets and agents' links come over `fetch`, with the pass in the query (`contract/trust/pass.ts`).
 */
export interface ShareObject extends Rpc.DurableObjectBranded {
  /** Whether the share exists, for a Worker that has to begin its response before an answer can tell that, or whether it is let in. `isCharged`: to what has limits. */
  admit(pass: Pass, isCharged: boolean): Promise<Gated<boolean>>
  /** One client request; resolves with its answer, or with where the answer will come. */
  call(pass: Pass, request: CallRequest): Promise<Gated<CallOutcome>>
  /** A client's notification or response; resolves when the agent has receipted it. */
  send(pass: Pass, request: SendRequest | CancelRequest | LeftOrder | AskAnswer): Promise<Gated<SendOutcome>>
  /** More bytes of a large request; resolves with false when the rest is not wanted any more, with undefined when they must come again. */
  chunk(pass: Pass, key: string, offset: number, part: Uint8Array): Promise<Gated<boolean | undefined>>
  /** Ends a session (DELETE); false when the caller has no such session. */
  end(pass: Pass, caller: Caller): Gated<boolean> | Promise<Gated<boolean>>
  /** A call that its client has left, and that no agent has got, is not made any more: whoever has come back for it is told. */
  abandon(pass: Pass, caller: Caller, key: string, failure: Failure): Gated<void> | Promise<Gated<void>>
  /** Keeps what a server has answered, for the time when no agent is there. */
  noteListing(pass: Pass, order: ListingOrder): Gated<void> | Promise<Gated<void>>
  /** Keeps a call whose client is to give input; false when it cannot wait. */
  park(pass: Pass, order: ParkOrder): Promise<Gated<boolean>>
  /** What a principal's parked call waits for. */
  parked(pass: Pass, handle: string, principal: string): Gated<ParkedRow | undefined> | Promise<Gated<ParkedRow | undefined>>
  /** Keeps a session's call to a child of the other era, whose client is asked or has left. */
  keepCall(pass: Pass, order: KeepOrder): Promise<Gated<void>>
  /** What is known of a call that the caller's session has come back for; undefined without such a session. */
  keptCall(pass: Pass, caller: Caller, key: string): Gated<KeptFacts | undefined> | Promise<Gated<KeptFacts | undefined>>
  /** Opens a listen on a child that knows none, before its stream comes; false when the child is gone. */
  subscribe(pass: Pass, order: SubscribeOrder): Gated<boolean> | Promise<Gated<boolean>>
  /** Whose the tasks of servers are, and which process has each: for the lane that a principal hashes to, or of the process. */
  task(pass: Pass, order: TaskOrder): Gated<TaskAnswer> | Promise<Gated<TaskAnswer>>
  /** Of the share's first lane: what a Worker has found out of the server; answers `begin` when the server is to be listed. */
  pin(pass: Pass, order: PinOrder): Gated<ListingTask | undefined> | Promise<Gated<ListingTask | undefined>>
  /** What another lane has to charge to limits that are kept here; an `Exhausted` as text, since an object that an RPC has returned keeps awake whoever gave it until it is disposed of. */
  meter(order: MeterOrder): Promise<string | undefined>
  /** What another lane has to ask or to say of calls that wait for the owner; an `ApprovalVerdict` as text, for the same reason. */
  hold(order: HoldOrder): Promise<string | undefined>
  /** What has become of a call that its owner has allowed. */
  noteApproval(pass: Pass, note: ApprovalNote): Promise<Gated<void>>
  /** Whether its agents pass on what clients show for the server itself. */
  passing(pass: Pass): Gated<PassingVerdict> | Promise<Gated<PassingVerdict>>
  /** What the server says of where its clients sign in (RFC 9728): `PassedMetadata` as text. */
  resourceMetadata(pass: Pass): Promise<Gated<string>>
  /** The owner's orders; undefined for a share that does not exist. */
  admin(command: AdminCommand): Promise<ShareFacts | undefined>
  fetch(request: Request): Response | Promise<Response>
}

/** The object that keeps the grants of the people of one share. Its token endpoint comes over `fetch`, with the URL that its client has called. */
export interface SignInObject extends Rpc.DurableObjectBranded {
  /** Uses up an access code, and grants what its person was asked for. */
  approve(order: ApprovalOrder): Promise<Approval>
  /** Forgets everything: the share is gone. */
  end(): Promise<void>
  fetch(request: Request): Promise<Response>
}

/** The object of one agent that polls (`long-poll/`). Workers pass its requests on over `fetch`, and what it answers back. */
export interface LongPollObject extends Rpc.DurableObjectBranded {
  fetch(request: Request): Response | Promise<Response>
}

/** The one object that knows the relay's keys, its owner and its shares, as a Worker or a Share calls it. */
export interface RegistryObject extends Rpc.DurableObjectBranded {
  /** The signing key, made on first use, and whether there is an owner. */
  secrets(): RelaySecrets
  /** Without a code: the code to show to the deployer. With the right one: the owner key, to exactly one caller ever. */
  claim(code: string | undefined): Promise<ClaimOutcome>
  /** Whose token has this hash. `isClaimTaken`: the key that a claim has made is its deployer's. */
  findOwner(hash: Uint8Array<ArrayBuffer>, isClaimTaken: boolean): OwnerVerdict
  /** Adds an owner; `false` when there are as many as there may be. */
  addOwner(owner: NewOwner): boolean
  /** All owners besides the deployer, oldest first. */
  owners(): OwnerRecord[]
  /** Removes an owner: its token is void at once, its shares are paused and pass to the deployer. `false` without that owner. */
  removeOwner(id: string): Promise<boolean>
  /** Adds an owner's share and the links that come with it. */
  addShare(
    owner: string,
    settings: ShareSettings,
    location: Location | undefined,
    links: readonly NewLink[],
    terms?: ShareTerms,
  ): ShareAddition
  /**
   * For a new object: the share that it belongs to, and what its owner has decided; undefined when it was deleted, ended long ago, or never was.
   * `server`: of one that carries a server with a name; undefined also when the share has none of that name.
   */
  adopt(id: string, server?: string): Adoption | undefined
  /** Notes that an agent serves a server of this name, which is one that may be. Undefined as for `adopt`. */
  addServer(id: string, server: string): ServerAddition | undefined
  /** Names of a share's servers; none as for `adopt`. */
  servers(id: string): readonly string[]
  /** Forgets a server, and ends its object. Undefined when the share has none of that name. */
  removeServer(id: string, server: string): Promise<Changed<string> | undefined>
  /** Ends a share: no new object of it is made, those that there are hear of it, and then the list forgets it. Undefined for a share that is not in the list. */
  endShare(id: string): Promise<Changed<ShareRecord> | undefined>
  /** Changes a share, and tells the lanes; undefined without it. */
  changeShare(id: string, change: ShareChange): Promise<Changed<ShareRecord> | undefined>
  /** Moves an end that slides, after a use, and tells no lane: each asks before it ends. What holds then; undefined as for `adopt`. */
  slideShare(id: string, usedAtMs: number): Promise<ShareTrust | undefined>
  /**
   * Changes what is accepted of a share's server, and tells the lanes. `full`: it would be more than may be pinned. Undefined without the share,
   * where pinning is off, and for the first pins of a server that has some. `server`: its name, if it has one.
   */
  pin(id: string, change: PinChange, server?: string): Promise<Changed<ShareRecord> | 'full' | undefined>
  /** Revokes every link of a share, but for those of agents unless they are meant too, and adds others; `false` when that would be more links than it may have. */
  rotateShare(id: string, links: readonly NewLink[], keepsAgents: boolean): Promise<Changed<ShareRecord> | false | undefined>
  /** What the owner has decided for a share; undefined as for `adopt`. */
  shareTrust(id: string): ShareTrust | undefined
  /** The same for one of its links; undefined for one that was never made, or that ended long ago. */
  linkTrust(share: string, id: string): LinkTrust | undefined
  /**
   * A link that a holder has narrowed, added to the list if it comes for the first time. Undefined when the link that it comes from is not
   * there, or the share has as many of these as it may have.
   */
  deriveLink(share: string, link: DerivedLink): LinkTrust | undefined
  /**
   * What is decided for a share and for each link of a chain, those being added that come for the first time: as far as the first that is over,
   * or is not there. One request, whatever a holder makes of its link.
   */
  chainTrust(share: string, root: string, derived: readonly DerivedLink[]): ChainTrust
  /** Adds a link to a share. */
  addLink(share: string, link: NewLink): LinkAddition
  /** The links of a share that are not revoked, oldest first. */
  links(share: string): LinkRecord[]
  /** Adds a person's link, and what is kept of its access code: SHA-256. */
  addPerson(share: string, link: NewLink, codeHash: Uint8Array<ArrayBuffer>): LinkAddition
  /** The people of a share, oldest first. */
  people(share: string): PersonRecord[]
  /** Whose access code has this hash. `isUse`: it is used up by this, so that exactly one caller ever is told. */
  accessCode(share: string, hash: Uint8Array<ArrayBuffer>, isUse: boolean): CodeVerdict
  /** Changes or revokes a link, and tells the lanes. Undefined for one that is revoked, or was never made. */
  changeLink(share: string, id: string, change: LinkChange): Promise<Changed<LinkRecord> | undefined>
  /** What becomes of servers that are registered by name, and of sessions for them: of one owner's, or of one agent's share. */
  gateway(asker: Asker, order: GatewayOrder): GatewayAnswer | Promise<GatewayAnswer>
  /** Whether another share of this owner's that has not ended has the name of this one. */
  hasShareNamed(owner: string, share: Pick<ShareRecord, 'id' | 'name'>): boolean
  /** A share of this owner's. */
  share(owner: string, id: string): ShareRecord | undefined
  /** A page of an owner's shares, newest first; `after` is the last one of the page before. */
  shares(owner: string, after?: Pick<ShareRecord, 'createdAtMs' | 'id'>): { readonly records: ShareRecord[]; readonly isMore: boolean }
}
