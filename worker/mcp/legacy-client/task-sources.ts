/** What a session's request about tasks brings: of a task that is begun it is noted whose it is, one that is named is asked for where its process is, and lists are cut to the client's own. */
import { waitUntil } from 'cloudflare:workers'
import type { Answer } from '../../../protocol/frame.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import { asksForTask, isTaskMethod, namedTask, taskListEdits, TASKS_LIST, TASKS_RESULT } from '../../bridge/tasks.ts'
import { randomKey } from '../../call-key.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { aboutTask, groupOfPlace, type KnownTask } from '../../contract/tasks.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { Courier } from '../call/courier.ts'
import { isFinal, type Item, type ItemSource, SoleItem } from '../call/item.ts'
import { send } from '../call/send.ts'
import { findTasks, type TaskOwner, withTaskNoted } from '../call/tasks.ts'
import { WholeMessage } from '../call/whole-message.ts'
import type { ClientMessage } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import { CancelWait } from './cancel-wait.ts'
import { type PostedRequest, refusedItem, SessionRequest } from './request.ts'

/** How a request is about tasks; undefined for one that is not. */
export type TaskRole = 'begins' | 'names' | 'lists'

export function taskRole({ facts, params }: Pick<ClientMessage, 'facts' | 'params'>): TaskRole | undefined {
  const { method } = facts
  if (asksForTask(method, params)) return 'begins'
  if (method === TASKS_LIST) return 'lists'
  return isTaskMethod(method) && params['taskId'] !== undefined ? 'names' : undefined
}

/** A call that may begin a task, for a client that may have left it and come back. */
export class BegunTask implements ItemSource {
  readonly #inner: ItemSource
  readonly #owner: TaskOwner

  constructor(inner: ItemSource, share: ShareClient, { principal, session }: Caller, tool: string | undefined) {
    this.#inner = inner
    this.#owner = { share, principal, place: session, ...(tool === undefined ? {} : { tool }) }
  }

  async next(): Promise<Item | undefined> {
    return withTaskNoted(this.#owner, await this.#inner.next())
  }

  taken(bytes: number): void {
    this.#inner.taken(bytes)
  }

  close(): void {
    this.#inner.close()
  }

  linger(): void {
    this.#inner.linger?.()
  }
}

/** A list of tasks, which is held back until it is whole. */
export class OwnTasks implements ItemSource {
  readonly #inner: ItemSource
  readonly #share: ShareClient
  readonly #principal: string
  readonly #answer = new WholeMessage<Answer>()
  /** Parts of it were paid for before the client could take them. */
  #isPaid = false

  constructor(inner: ItemSource, share: ShareClient, { principal }: Caller) {
    this.#inner = inner
    this.#share = share
    this.#principal = principal
  }

  async next(): Promise<Item | undefined> {
    for (;;) {
      const item = await this.#inner.next()
      if (item?.kind !== 'frame') return item
      const { header, body } = item
      if (header.type !== 'answer' && header.type !== 'chunk') return item
      if (header.type === 'answer' && header.failed) return item
      if (header.type === 'answer' && header.size > MAX_BRIDGED_ANSWER_BYTES) return unreadable('it is longer than 8 MiB')
      const whole = header.type === 'answer' ? this.#answer.begin(header, body) : this.#answer.goOn(header, body)
      if (whole !== undefined) return this.#cut({ ...item, ...whole })
      this.#isPaid = true
      this.#inner.taken(body.length)
    }
  }

  taken(bytes: number): void {
    if (!this.#isPaid) this.#inner.taken(bytes)
  }

  close(): void {
    this.#inner.close()
  }

  linger(): void {
    this.#inner.linger?.()
  }

  async #cut(item: Extract<Item, { readonly kind: 'frame' }>): Promise<Item> {
    const known = await findTasks(this.#share, this.#principal)
    const own = new Set(known.filter(isOfSession).map(({ task }) => task))
    const edits = taskListEdits(item.body, (task) => own.has(task))
    return edits === undefined ? unreadable('it is no list of tasks') : { ...item, edits: [...(item.edits ?? []), ...edits] }
  }
}

/** A request that names a task. It goes to the session that has begun it, whichever of the principal's sessions asks. */
export class NamedTask implements ItemSource {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #posted: PostedRequest
  readonly #key: string
  #source: Promise<ItemSource> | undefined
  /** The same, once it is known. */
  #found: ItemSource | undefined
  /** Another session has begun it. */
  #isElsewhere = false
  #isClosed = false
  #isLingering = false
  /** Of a request that waits elsewhere: its client may cancel it by its own id. */
  #cancelWait: CancelWait | undefined

  constructor(share: ShareClient, caller: Caller, posted: PostedRequest, key: string) {
    this.#share = share
    this.#caller = caller
    this.#posted = posted
    this.#key = key
  }

  async next(): Promise<Item | undefined> {
    this.#source ??= this.#find()
    const item = await (await this.#source).next()
    if (!this.#isElsewhere) return item
    if (item === undefined || isFinal(item)) this.#cancelWait?.close()
    // Its session has ended, and with it its process.
    if (item?.kind === 'failed' && item.failure.code === 'SESSION_NOT_FOUND') return NOT_FOUND
    // What the relay answers by itself it says of the name that the request has there.
    return item?.kind === 'response' ? { kind: 'failed', failure: { code: 'METHOD_UNKNOWN', executed: 'no' } } : item
  }

  taken(bytes: number): void {
    this.#found?.taken(bytes)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelWait?.close()
    this.#found?.close()
  }

  linger(): void {
    this.#isLingering = true
    this.#found?.linger?.()
  }

  async #find(): Promise<ItemSource> {
    const source = await this.#sourceFor(await this.#place())
    this.#found = source
    if (this.#isLingering) source.linger?.()
    if (this.#isClosed) source.close()
    return source
  }

  /** The session that has begun it: the client's own, or of others that have named a task so the latest. */
  async #place(): Promise<KnownTask | undefined> {
    const { facts, params } = this.#posted.message
    const { principal, session } = this.#caller
    const task = namedTask(facts.method, params)
    if (task === undefined) return undefined
    const judge = judgeFor(this.#share)
    const known = (await findTasks(this.#share, principal, [task])).filter(isOfSession)
    const allowed = known.filter(({ tool }) => tool === undefined || judge.names(tool))
    return allowed.find(({ place }) => place === session) ?? allowed[0]
  }

  async #sourceFor(known: KnownTask | undefined): Promise<ItemSource> {
    if (known === undefined) return new SoleItem(NOT_FOUND)
    const { place } = known
    this.#isElsewhere = place !== this.#caller.session
    const share = this.#isElsewhere ? this.#share.at(place) : this.#share
    const posted = this.#isElsewhere ? renamed(this.#posted) : this.#posted
    const request = new SessionRequest(share, { ...this.#caller, session: place }, posted)
    const made = request.call(posted, this.#key)
    const rawId = this.#posted.message.facts.id?.raw ?? 'null'
    if (this.#isElsewhere && posted.message.facts.method === TASKS_RESULT)
      await this.#hearCancel(rawId, share, { ...this.#caller, session: place }, posted.message.facts.id?.raw ?? 'null')
    return 'code' in made
      ? new SoleItem(refusedItem(rawId, made))
      : new Courier(share, { ...made.request, ...aboutTask(known) }, made.body, made.turns)
  }

  /** What waits for a task may wait for long. `rawId` is the client's own id, `idThere` what the request is called in the session that has the task. */
  async #hearCancel(rawId: string, share: ShareClient, caller: Caller, idThere: string): Promise<void> {
    const cancelled = cancellationOf(idThere)
    if (cancelled === undefined) return
    // This Worker's request ends when its client leaves, and without waitUntil the message would end with it.
    const cancel = (): void => waitUntil(send(share, caller, cancelled).catch(() => undefined))
    this.#cancelWait = new CancelWait(this.#share, this.#caller, rawId, cancel)
    await this.#cancelWait.open()
    if (this.#isClosed) this.#cancelWait.close()
  }
}

const encoder = new TextEncoder()

function cancellationOf(rawId: string): ClientMessage | undefined {
  const bytes = encoder.encode(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${rawId}}}`)
  const facts = scanMessage(bytes)
  return facts.ok ? { bytes, facts: facts.value, params: {} } : undefined
}

const NOT_FOUND: Item = { kind: 'failed', failure: { code: 'TASK_NOT_FOUND', executed: 'no' } }

function isOfSession({ place }: KnownTask): boolean {
  return groupOfPlace(place) === undefined
}

function unreadable(detail: string): Item {
  return { kind: 'failed', failure: { code: 'LIST_UNREADABLE', executed: 'yes', detail } }
}

/** The request under an id and a progress token that the client of another session, whose child keeps what that says, cannot have in use. */
function renamed(posted: PostedRequest): PostedRequest {
  const { bytes, facts, params } = posted.message
  const name = JSON.stringify(`mcp-edge/${randomKey()}`)
  const spans = [facts.id, facts.requestToken].flatMap((value) => (value === undefined ? [] : [value.span]))
  const own = splice(
    bytes,
    spans.map((span) => replacement(span, name)),
  )
  const scanned = scanMessage(own)
  return scanned.ok ? { ...posted, message: { bytes: own, facts: scanned.value, params } } : posted
}
