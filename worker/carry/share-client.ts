/** A Worker's client of one object of a share, for one holder of a link, whose pass goes with all that is asked: RPC and stream sockets. */
import type { Failure } from '../../protocol/errors.ts'
import { passFailure, policyFailure, signInFailureAt } from '../access/pass-failure.ts'
import { type ForeignOpening, foreignQuery } from '../contract/foreign-makes.ts'
import { CUT_CLOSE, type Gated, isVerdict, passQuery, refusalOf } from '../contract/trust/pass.ts'
import type { ListingTask, PinChange, PinOrder } from '../contract/pinned-server.ts'
import type { GrantFacts, Pass } from '../contract/trust/trust-rpc.ts'
import { MAX_CALL_TRIES } from '../limits.ts'
import { uploadRest } from './upload.ts'
import type {
  AskAnswer,
  CallOutcome,
  Caller,
  CallRequest,
  CancelRequest,
  KeepOrder,
  KeptFacts,
  LeftOrder,
  ParkOrder,
  SendOutcome,
  SendRequest,
  SubscribeOrder,
  ParkedRow,
} from '../contract/share-rpc.ts'
import { STREAM_CLOSE, type StreamTarget } from '../contract/streams.ts'
import type { ListingOrder } from '../contract/listings.ts'
import type { TaskAnswer, TaskOrder } from '../contract/tasks.ts'
import { type Env, settingsOf } from '../env.ts'
import { type Lane, laneBeside, laneName } from '../lanes.ts'
import { type Holder, HolderGrant } from './holder-grant.ts'
import type { AcceptedEntries, KnownGrant } from './known-grants.ts'
import { type CallRenewed, limitFailure, nothing, refuse, type Refused, type Renewed } from './pass-refused.ts'
import { type RequestRefused, requestSocketIn, socketIn, upgraded } from './upgrade.ts'
import { laneStub } from './share-stub.ts'
import type { ShareObject } from '../contract/objects.ts'

export class ShareClient {
  readonly #env: Env
  readonly #lane: Lane
  readonly #holder: Holder
  readonly #grant: HolderGrant
  /** Name of the object, by which an isolate keeps what it knows of a share's server: each lane counts its versions for itself; and of the one server that it carries, if that has one. */
  readonly id: string
  readonly server: string | undefined
  #stub: DurableObjectStub<ShareObject>
  #hasAsked = false

  constructor(env: Env, lane: Lane, holder: Holder) {
    this.#env = env
    this.#lane = lane
    this.#holder = holder
    this.id = laneName(lane)
    this.server = lane.server
    this.#stub = laneStub(env, lane)
    this.#grant = new HolderGrant(lane.server === undefined ? lane.share : this.id, holder)
  }

  /** The same client for another of the holder's requests, which was judged by itself. The stub is one, since only its calls arrive in order. */
  fork(): ShareClient {
    const other = new ShareClient(this.#env, this.#lane, this.#holder)
    other.#stub = this.#stub
    return other
  }

  /** The same client of the lane to which a name hashes. */
  at(name: string): ShareClient {
    const lane = laneBeside(this.#lane, name)
    return lane.index === this.#lane.index ? this.fork() : new ShareClient(this.#env, lane, this.#holder)
  }

  /** The same client of the first lane of this server. */
  firstLane(): ShareClient {
    return this.#lane.index === 0 ? this.fork() : new ShareClient(this.#env, { ...this.#lane, index: 0 }, this.#holder)
  }

  /** What the holder may do, as far as this isolate knows: a request is judged by it before it is made, and again when the Share knows better. */
  get grant(): KnownGrant | undefined {
    return this.#grant.known
  }

  /** The Share has told what the holder may do now. What was judged by something else goes on naming that. */
  learn(facts: GrantFacts): void {
    this.#grant.learn(facts)
  }

  /** All policies that bound the holder, as JSON texts: those that its owner can change, and those that stand in its credential. */
  policies(grant: KnownGrant | undefined = this.grant): readonly string[] {
    return this.#grant.policies(grant)
  }

  /** What is accepted of the server; undefined where nothing is held back. */
  pins(grant: KnownGrant | undefined = this.grant): AcceptedEntries | undefined {
    return grant?.pins
  }

  /** The link of the owner's that the holder's comes from. */
  get root(): string {
    return this.#holder.chain[0]
  }

  /** From where the holder's client has come, as in `Pass`. */
  get address(): string | undefined {
    return this.#holder.address
  }

  /** A refusal of a policy, or of the server itself, as the holder is told it. */
  told(refusal: Failure): Failure {
    return policyFailure(signInFailureAt(refusal, this.#holder.metadataUrl), this.#holder)
  }

  /** Whether the Share was asked anything, and so has let the holder in or refused. */
  get hasAsked(): boolean {
    return this.#hasAsked
  }

  /** How long what a client sends waits for an agent that is away, in milliseconds. */
  get awayWaitMs(): number {
    return settingsOf(this.#env).awayWaitMs
  }

  /** How long a client may think about a question of its server, in milliseconds. */
  get inputWaitMs(): number {
    return settingsOf(this.#env).inputWaitMs
  }

  /** Asks whether the holder is let in, where no answer tells that in time, or at all. `isCharged`: to something that limits are charged for. Rejects with PassRefused, also without the share. */
  async admit(renewed?: Renewed, isCharged = false): Promise<void> {
    const isThere = await this.#admitted<boolean>((pass) => this.#stub.admit(pass, isCharged), refuse, renewed)
    if (!isThere) refuse({ code: 'SHARE_NOT_FOUND' }, STREAM_CLOSE.ENDED)
  }

  /** Takes a call to the Share. `body`: the whole of it, whose rest follows if it is larger than what `request` has. */
  call(request: CallRequest, body: Uint8Array, renewed?: CallRenewed): Promise<CallOutcome> {
    let made = request
    return this.#admitted<CallOutcome>(
      (pass) => this.#withRest<Gated<CallOutcome>>(this.#stub.call(pass, made), made, body),
      (failure) => ({ kind: 'failed', failure }),
      (grant) => {
        const checked = renewed?.(grant) ?? {}
        if ('code' in checked) return checked
        made = { ...made, ...checked }
        return undefined
      },
    )
  }

  /** Brings a message that is not a request; `body` as for `call`. */
  send(request: SendRequest, body: Uint8Array, renewed?: Renewed): Promise<SendOutcome> {
    return this.#admitted<SendOutcome>(
      (pass) => this.#withRest<Gated<SendOutcome>>(this.#stub.send(pass, request), request, body),
      (failure) => ({ kind: 'failed', failure }),
      renewed,
    )
  }

  /** Says that the client of a call without session has left or needs its children no more, or answers a child's request in the relay's name. */
  tell(order: CancelRequest | LeftOrder | AskAnswer): Promise<SendOutcome> {
    return this.#admitted<SendOutcome>(
      (pass) => this.#stub.send(pass, order),
      (failure) => ({ kind: 'failed', failure }),
    )
  }

  /** Brings more of a message that was let in; as in `ShareObject`, and false when nothing is let in any more. */
  async chunk(key: string, offset: number, part: Uint8Array): Promise<boolean | undefined> {
    const told = await this.#stub.chunk(this.#grant.pass, key, offset, part)
    return isVerdict(told) ? false : told
  }

  /** Tells a client that has come back for a call that no agent gets it any more, and why. */
  async abandon(request: CallRequest, failure: Failure): Promise<void> {
    if (!('session' in request)) return
    const { session, principal, key } = request
    const told = this.#admitted<void>((pass) => this.#stub.abandon(pass, { session, principal }, key, failure), nothing)
    await told.catch(() => undefined)
  }

  /** Keeps a call whose client is to give input; false when it cannot wait. Rejects with PassRefused. */
  park(order: ParkOrder): Promise<boolean> {
    return this.#admitted<boolean>((pass) => this.#stub.park(pass, order), refuse)
  }

  /** What a principal's parked call waits for. */
  parked(handle: string, principal: string): Promise<ParkedRow | undefined> {
    return this.#admitted<ParkedRow | undefined>((pass) => this.#stub.parked(pass, handle, principal), nothing)
  }

  /** Keeps a call whose client is asked, or has left. */
  keepCall(order: KeepOrder): Promise<void> {
    return this.#admitted<void>((pass) => this.#stub.keepCall(pass, order), nothing)
  }

  /** What is known of a call that a client has come back for. */
  keptCall(caller: Caller, key: string): Promise<KeptFacts | undefined> {
    return this.#admitted<KeptFacts | undefined>((pass) => this.#stub.keptCall(pass, caller, key), nothing)
  }

  /** Says whose a task is, or asks. Rejects with PassRefused. */
  task(order: TaskOrder): Promise<TaskAnswer> {
    return this.#admitted<TaskAnswer>((pass) => this.#stub.task(pass, order), refuse)
  }

  /** Asks the object for what needs nothing else. Rejects with PassRefused, unless `refused` makes something of a refusal. */
  ask<T>(what: (share: DurableObjectStub<ShareObject>, pass: Pass) => PromiseLike<Gated<T>>, refused: Refused<T> = refuse): Promise<T> {
    return this.#admitted<T>((pass) => what(this.#stub, pass), refused)
  }

  /** Keeps what a server has answered, for the time when no agent is there. */
  async noteListing(order: ListingOrder): Promise<void> {
    // For whoever has shown no credential nothing is kept.
    if (this.#holder.isAnonymous === true) return
    await this.#admitted<void>((pass) => this.#stub.noteListing(pass, order), nothing)
  }

  /** To the share's first lane: what was found out of the server; answers `begin` when the server is to be listed. Rejects with PassRefused. */
  pin(order: PinOrder): Promise<ListingTask | undefined> {
    return this.#admitted<ListingTask | undefined>((pass) => this.#stub.pin(pass, order), refuse)
  }

  /** Pins what a server offers that was listed for the first time, or what an agent of it does. */
  async pinFirst(change: Extract<PinChange, { readonly first: string } | { readonly served: unknown }>): Promise<void> {
    await this.#env.REGISTRY.getByName('registry').pin(this.#lane.share, change, this.server)
  }

  /** Opens a listen on a child that knows none, before its stream comes; false when the child is gone. Rejects with PassRefused. */
  subscribe(order: SubscribeOrder, renewed?: Renewed): Promise<boolean> {
    return this.#admitted<boolean>((pass) => this.#stub.subscribe(pass, order), refuse, renewed)
  }

  /** Ends a session; false when the caller has no such session. Rejects with PassRefused. */
  end(caller: Caller): Promise<boolean> {
    return this.#admitted<boolean>((pass) => this.#stub.end(pass, caller), refuse)
  }

  /** Opens a stream's socket; undefined when the caller has no such session. Rejects with PassRefused. */
  async open(target: StreamTarget, renewed?: Renewed): Promise<WebSocket | undefined> {
    const ask = (pass: Pass): Promise<Gated<Response>> => upgraded(this.#stub, 'stream', { ...target, ...passQuery(pass) })
    return socketIn(await this.#admitted<Response>(ask, refuse, renewed))
  }

  /** Opens the socket of a request to the share's web app or upstream; or why that is not begun. Rejects with PassRefused. */
  async begin(target: StreamTarget & { readonly kind: 'web' | 'upstream' }, renewed: Renewed): Promise<WebSocket | RequestRefused> {
    const ask = (pass: Pass): Promise<Gated<Response>> => upgraded(this.#stub, 'stream', { ...target, ...passQuery(pass) })
    return requestSocketIn(await this.#admitted<Response>(ask, refuse, renewed))
  }

  /** Hands an agent's upgrade over: a 101, or a 404 of a share that is gone. `foreign`: of an agent of another make. Rejects with PassRefused. */
  agent(foreign?: ForeignOpening): Promise<Response> {
    const made = foreign && foreignQuery(foreign)
    return this.#admitted<Response>((pass) => upgraded(this.#stub, 'agent', { ...passQuery(pass), ...made }), refuse)
  }

  /** How the holder's stream has ended that was closed with this code; undefined unless a refusal has cut it off. */
  cutBy(close: number): Failure | undefined {
    const code = refusalOf(close)
    return code === undefined ? undefined : passFailure(code, this.#holder, 'unknown')
  }

  /** After an exception a stub may be broken. Otherwise one is kept, since only its calls arrive in order. */
  renew(): void {
    this.#stub = laneStub(this.#env, this.#lane)
  }

  /** Asks, and once more by what the Share says that has changed; `refused` makes of a failure what is asked for. */
  async #admitted<T>(ask: (pass: Pass) => PromiseLike<Gated<T>>, refused: Refused<T>, renewed?: Renewed): Promise<T> {
    for (let tries = 1; ; tries++) {
      this.#hasAsked = true
      const told = await ask(this.#grant.pass)
      if (!isVerdict(told)) return told
      if (told.kind === 'limited') return refused(limitFailure(told), STREAM_CLOSE.ENDED)
      if (told.kind !== 'stale_grant')
        return refused(passFailure(told.code, this.#holder, told.kind === 'cut' ? 'unknown' : undefined), CUT_CLOSE[told.code])
      if (tries === MAX_CALL_TRIES) return refused({ code: 'INTERNAL', executed: 'no' }, STREAM_CLOSE.ENDED)
      const grant = this.#grant.judgeBy(told.facts)
      const failure = renewed?.(grant)
      if (failure !== undefined) return refused(failure, STREAM_CLOSE.ENDED)
    }
  }

  #withRest<T>(asked: PromiseLike<T>, { key, size, body: first }: CallRequest | SendRequest, body: Uint8Array): PromiseLike<T> {
    // A part that comes before the message is let in finds none to belong to, and the rest comes again behind the message.
    if (size > first.length) void uploadRest((at, part) => this.chunk(key, at, part), body)
    return asked
  }
}
