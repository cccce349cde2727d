/** The Durable Objects as their callers see them. The classes implement these interfaces, so that no caller imports a class. */
import type { ListingOrder } from './listings.ts'
import type { Location } from './locations.ts'
import type { ClaimOutcome, RelaySecrets, ShareRecord } from './registry-rpc.ts'
import type {
  AdminCommand,
  AskAnswer,
  CallOutcome,
  CallRequest,
  Caller,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  ParkOrder,
  ParkedRow,
  SendOutcome,
  SendRequest,
  ShareFacts,
  SubscribeOrder,
  ShareSettings,
} from './share-rpc.ts'

/** The object of a share, or of a lane of one, as a Worker calls it. Stream sockets and agents' links come over `fetch`. */
export interface ShareObject extends Rpc.DurableObjectBranded {
  /** One client request; resolves with its answer, or with where the answer will come. */
  call(request: CallRequest): Promise<CallOutcome>
  /** A client's notification or response; resolves when the agent has receipted it. */
  send(request: SendRequest | CancelRequest | AskAnswer): Promise<SendOutcome>
  /** More bytes of a large request; resolves with false when the rest is not wanted any more, with undefined when they must come again. */
  chunk(key: string, offset: number, part: Uint8Array): Promise<boolean | undefined>
  /** Ends a session (DELETE); false when the caller has no such session. */
  end(caller: Caller): boolean
  /** For a Worker whose call found no agent: true once it is worth asking again, false when it is not after `maxMs`. */
  agentNews(mark: number, maxMs: number, isResend: boolean): Promise<boolean>
  /** Keeps what a server has answered, for the time when no agent is there. */
  noteListing(order: ListingOrder): void
  /** Keeps a call whose client is to give input; false when it cannot wait. */
  park(order: ParkOrder): Promise<boolean>
  /** What a principal's parked call waits for. */
  parked(handle: string, principal: string): ParkedRow | undefined
  /** Keeps a session's call to a child of the other era, whose client is asked or has left. */
  keepCall(order: KeepOrder): Promise<void>
  /** What is known of a call that the caller's session has come back for; undefined without such a session. */
  keptCall(caller: Caller, key: string): KeptFacts | undefined
  /** Opens a listen on a child that knows none, before its stream comes; false when the child is gone. */
  subscribe(order: SubscribeOrder): boolean
  /** The owner's orders; undefined for a share that does not exist. */
  admin(command: AdminCommand): Promise<ShareFacts | undefined>
  fetch(request: Request): Response
}

/** The one object that knows the relay's keys, its owner and its shares, as a Worker or a Share calls it. */
export interface RegistryObject extends Rpc.DurableObjectBranded {
  /** The signing key, made on first use, and the hash of the owner key once there is an owner. */
  secrets(): RelaySecrets
  /** Without a code: the code to show to the deployer. With the right one: the owner key, to exactly one caller ever. */
  claim(code: string | undefined): Promise<ClaimOutcome>
  /** Adds a share to the list; `false` when the list is full. */
  addShare(settings: ShareSettings, location: Location | undefined): boolean
  /** For a new object: the settings of the share that it belongs to; undefined when the share has ended, or never was. */
  adopt(id: string): ShareSettings | undefined
  /** Marks a share as ended, so that no new object of it is made. Undefined for a share that is not in the list. */
  endShare(id: string): ShareRecord | undefined
  removeShare(id: string): void
  share(id: string): ShareRecord | undefined
  /** A page of shares, newest first; `after` is the last one of the page before. */
  shares(after?: Pick<ShareRecord, 'createdAtMs' | 'id'>): { readonly records: ShareRecord[]; readonly isMore: boolean }
}
