/**
 * Keeps a server process within its owner's own policy, whatever the relay lets through: refuses in the server's place,
 * and cuts its lists. Works on whole lines, so that nothing else of the agent knows of policies.
 */
import { errorResponse, type ErrorCode, type Failure } from '../../protocol/errors.ts'
import { canonicalId, scanBatch, scanClientMessage, type MessageFacts } from '../../protocol/json/json-scan.ts'
import { OPEN_ARRAY, skipSpace } from '../../protocol/json/json-skip.ts'
import { scanWithoutNulls } from '../../protocol/members/null-members.ts'
import { memberNamed, membersAt, orUndefined } from '../../protocol/policy/json-members.ts'
import type { PolicyJudge } from '../../protocol/policy/judge.ts'
import { cutLists } from '../../protocol/policy/list-cut.ts'
import { readArguments } from '../../protocol/policy/read-arguments.ts'
import { subjectOf } from '../../protocol/policy/subject.ts'
import { RELAYED_ROOT } from '../../protocol/members/routing-keys.ts'
import { MAX_CALLS_BEHIND_LIST } from '../limits.ts'
import type { Child, ChildHandlers } from './child.ts'
import { ToolList } from './tool-list.ts'

type Params = Readonly<Record<string, unknown>>
type Taken = (taken: boolean) => void

/** A line, and what was shown with it. */
interface Shown {
  readonly line: Uint8Array
  readonly authorization: string | undefined
}

const decoder = new TextDecoder()

/** Starts processes that can be used within the judge's bounds only. */
export function policedStart(judge: PolicyJudge, start: (handlers: ChildHandlers) => Child): (handlers: ChildHandlers) => Child {
  return judge.isOpen ? start : (handlers) => new PolicedChild(judge, handlers, start)
}

class PolicedChild implements Child {
  readonly #judge: PolicyJudge
  readonly #handlers: ChildHandlers
  readonly #child: Child
  readonly #tools: ToolList
  /** Raw ids of the calls that wait for the list of tools, by canonical id. */
  readonly #held = new Map<string, string>()
  /** What was shown with the call that asks for the list. */
  #asking: string | undefined

  constructor(judge: PolicyJudge, handlers: ChildHandlers, start: (handlers: ChildHandlers) => Child) {
    this.#judge = judge
    this.#handlers = handlers
    this.#tools = new ToolList((request) => this.#child.write(Buffer.from(`${request}\n`), () => {}, this.#asking))
    this.#child = start({
      ...handlers,
      line: (bytes, of) => this.#heard(bytes, of),
      refused: (rawId, failure) => this.#refusedFor(rawId, failure),
      gone: (end) => {
        this.#tools.close()
        // The process has not seen the calls that still wait, though they were taken.
        handlers.gone({ ...end, untaken: [...(end.untaken ?? []), ...this.#held.values()] })
      },
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  unfinished(mostBytes: number): Uint8Array | undefined {
    return this.#child.unfinished(mostBytes)
  }

  authorize(authorization: string): void {
    this.#child.authorize?.(authorization)
  }

  pause(): void {
    this.#child.pause()
  }

  resume(): void {
    this.#child.resume()
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }

  kill(): void {
    this.#child.kill()
  }

  write(line: Uint8Array, done: Taken, authorization?: string): void {
    const scanned = scanClientMessage(line, RELAYED_ROOT)
    // A relay that is as it should be has refused it.
    if (!scanned.ok) return done(true)
    const facts = scanned.value
    if (facts.kind === 'result' || facts.kind === 'error') return this.#child.write(line, done, authorization)
    const params = paramsOf(line)
    const subject = subjectOf(facts.method, params, line)
    if (facts.id === undefined) return this.#notify({ line, authorization }, facts, subject.kind === 'free', done)
    const rawId = facts.id.raw
    switch (subject.kind) {
      case 'free':
        return this.#child.write(line, done, authorization)
      case 'tool':
        return this.#callTool({ line, authorization }, { rawId, name: subject.name, params }, done)
      case 'prompt':
        return this.#decide({ line, authorization }, rawId, this.#judge.prompt(subject.name), done)
      case 'resources':
        return this.#decide(
          { line, authorization },
          rawId,
          subject.uris.every((uri) => this.#judge.resource(uri)),
          done,
        )
      case 'unknown':
        return this.#refuse(rawId, 'METHOD_UNKNOWN', done)
    }
  }

  /** A notification that is dropped is taken: nobody waits for more. */
  #notify({ line, authorization }: Shown, { requestId }: MessageFacts, isFree: boolean, done: Taken): void {
    // One that waits was never sent, and must not be any more.
    const wasHeld = requestId !== undefined && this.#held.delete(canonicalId(requestId.raw))
    if (isFree && !wasHeld) this.#child.write(line, done, authorization)
    else done(true)
  }

  #callTool({ line, authorization }: Shown, { rawId, name, params }: { rawId: string; name: string; params: Params }, done: Taken): void {
    const id = canonicalId(rawId)
    if (this.#held.size >= MAX_CALLS_BEHIND_LIST) return this.#refuse(rawId, 'BACKLOG_FULL', done)
    this.#held.set(id, rawId)
    let isWaiting = false
    this.#asking = authorization
    this.#tools.tell(params, (factsOf) => {
      // Its client has cancelled it.
      if (!this.#held.delete(id)) return
      const isAllowed = this.#judge.toolCall(name, factsOf(name), readArguments(line)) === 'allowed'
      this.#decide({ line, authorization }, rawId, isAllowed, isWaiting ? () => {} : done)
    })
    if (!this.#held.has(id)) return
    isWaiting = true
    // It may be written at any time from now on.
    done(true)
  }

  #decide({ line, authorization }: Shown, rawId: string, isAllowed: boolean, done: Taken): void {
    if (isAllowed) this.#child.write(line, done, authorization)
    else this.#refuse(rawId, 'NOT_OFFERED', done)
  }

  #refuse(rawId: string, code: ErrorCode, done: Taken): void {
    done(true)
    // Not from within the write: an answer comes after its request.
    setImmediate(() => this.#handlers.line(Buffer.from(errorResponse(rawId, { code, executed: 'no' }))))
  }

  /** Where its list of tools is refused to a client, the calls that wait for that list are refused in the same way. */
  #refusedFor(rawId: string, failure: Failure): void {
    if (!this.#tools.isAsked(rawId)) return this.#handlers.refused?.(rawId, failure)
    const held = [...this.#held.values()]
    this.#held.clear()
    this.#tools.answered(rawId, new Uint8Array(0), undefined)
    for (const one of held) this.#handlers.refused?.(one, failure)
  }

  #heard(bytes: Uint8Array, of: string | undefined): void {
    const batch = bytes[0] === OPEN_ARRAY ? scanBatch(bytes) : undefined
    if (batch?.ok !== true || batch.value === undefined) return this.#message(bytes, of)
    for (const [from, to] of batch.value) this.#message(bytes.subarray(from, to), of)
  }

  #message(line: Uint8Array, of: string | undefined): void {
    const { bytes, scanned } = scanWithoutNulls(line)
    // Nor does anybody else take it for a message.
    if (!scanned.ok) return this.#handlers.line(line, of)
    const { kind, method, id } = scanned.value
    if (method === 'notifications/tools/list_changed') this.#tools.changed()
    if (id === undefined || (kind !== 'result' && kind !== 'error')) return this.#handlers.line(bytes, of)
    const result = kind === 'result' ? resultOf(bytes) : undefined
    if (this.#tools.answered(id.raw, bytes, result)) return
    if (kind === 'error') return this.#handlers.line(bytes)
    // Whatever it answers: some servers change the type of an id, and no other result has such members.
    const cut = result === undefined ? undefined : cutLists(bytes, result, this.#judge)
    this.#handlers.line(cut ?? Buffer.from(errorResponse(id.raw, { code: 'LIST_UNREADABLE' })))
  }
}

/** Where the result of an answer begins; undefined when that is not certain. */
function resultOf(bytes: Uint8Array): number | undefined {
  return orUndefined(() => memberNamed(membersAt(bytes, skipSpace(bytes, 0)), 'result'))?.[0]
}

/** The params of a message that has been scanned; none where they are no object. */
function paramsOf(line: Uint8Array): Params {
  try {
    const { params } = JSON.parse(decoder.decode(line)) as { readonly params?: unknown }
    return typeof params === 'object' && params !== null && !Array.isArray(params) ? (params as Params) : {}
  } catch {
    return {}
  }
}
