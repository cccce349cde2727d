/** What a client asks of one of several servers: finds out which by the name, URI or task that the request names, and writes that as the server knows it. */
import { errorResponse, type Failure } from '../../../protocol/errors.ts'
import type { MessageFacts } from '../../../protocol/json/json-scan.ts'
import { type Replacement, replacement, splice } from '../../../protocol/splice.ts'
import { ownRelatedTask, shownResult } from './merged-answers.ts'
import type { MergedPart } from './merged-part.ts'
import type { MergedSession } from './merged-session.ts'
import { textOf, valueAt } from './message-spans.ts'
import type { PartAnswer } from './part-calls.ts'
import { type SplitName, splitName, withoutPrefix } from './prefixed-names.ts'

/** A client's request. */
export interface ClientRequest {
  readonly bytes: Uint8Array
  readonly facts: MessageFacts
  readonly rawId: string
  readonly done: (taken: boolean) => void
}

/** Where the request stands with its server; `uri` as that knows it. */
interface Routed {
  readonly part: MergedPart
  readonly uri?: string
}

export class MergedRequests {
  readonly #session: MergedSession
  /** Told which server a request goes to. */
  readonly #sent: (part: MergedPart, facts: MessageFacts) => void

  constructor(session: MergedSession, sent: (part: MergedPart, facts: MessageFacts) => void) {
    this.#session = session
    this.#sent = sent
  }

  /** False for a method that is not known here. */
  route(request: ClientRequest): boolean {
    const { method } = request.facts
    switch (method) {
      case 'tools/call':
      case 'prompts/get':
        this.#byName(request, ['params', 'name'])
        return true
      case 'resources/read':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
      case 'resources/directory/read':
        this.#byUri(request, ['params', 'uri'])
        return true
      case 'completion/complete':
        if (textOf(request.bytes, valueAt(request.bytes, ['params', 'ref', 'type'])) === 'ref/prompt')
          this.#byName(request, ['params', 'ref', 'name'])
        else this.#byUri(request, ['params', 'ref', 'uri'])
        return true
      case 'tasks/get':
      case 'tasks/result':
      case 'tasks/cancel':
        this.#byTask(request)
        return true
      default:
        return false
    }
  }

  #byName(request: ClientRequest, path: readonly string[]): void {
    const { bytes } = request
    const span = valueAt(bytes, path)
    const text = textOf(bytes, span)
    const split = splitName(text ?? '')
    const part = text === undefined ? undefined : this.#named(split)
    if (part === undefined || span === undefined) return this.#refuse(request, { code: 'NOT_OFFERED' })
    this.#send(request, part, split === undefined || part.server.isBare ? [] : [withoutPrefix(bytes, span, split)])
  }

  /** Whose name has this prefix; of any other name the server that has none. */
  #named(split: SplitName | undefined): MergedPart | undefined {
    const { parts } = this.#session
    const part = split === undefined ? undefined : parts.get(split.server)
    if (part?.server.isBare === false) return part
    return [...parts.values()].find(({ server }) => server.isBare)
  }

  #byTask(request: ClientRequest): void {
    const { bytes } = request
    const span = valueAt(bytes, ['params', 'taskId'])
    const split = splitName(textOf(bytes, span) ?? '')
    const part = split === undefined ? undefined : this.#session.parts.get(split.server)
    if (split === undefined || part === undefined || span === undefined) return this.#refuse(request, { code: 'TASK_NOT_FOUND' })
    this.#send(request, part, [withoutPrefix(bytes, span, split)])
  }

  #byUri(request: ClientRequest, path: readonly string[]): void {
    const { bytes, facts } = request
    const { parts, uris } = this.#session
    const span = valueAt(bytes, path)
    const uri = textOf(bytes, span)
    if (uri === undefined || span === undefined) return this.#refuse(request, { code: 'PARAMS_INVALID', at: path.join('.') })
    const own = uris.find(uri)
    const part = own === undefined ? undefined : parts.get(own.server)
    if (own !== undefined && part !== undefined)
      return this.#send(request, part, own.uri === uri ? [] : [replacement(span, JSON.stringify(own.uri))], own.uri)
    const needed = facts.method === 'completion/complete' ? 'completions' : 'resources'
    const able = [...parts.values()].filter(({ hello, isListed }) => isListed && hello?.capabilities[needed] !== undefined)
    this.#tryEach(request, uri, able)
  }

  /** Nobody has named this resource: each is asked, until one has it. */
  #tryEach(request: ClientRequest, uri: string, able: readonly MergedPart[], refusal?: Uint8Array): void {
    const [part, ...others] = able
    if (part === undefined) {
      if (refusal === undefined) this.#refuse(request, { code: 'NOT_OFFERED' })
      else this.#session.say(refusal)
      return
    }
    const isLast = others.length === 0
    const settle = (answer: PartAnswer): void => {
      if (answer.kind === 'result' || (isLast && answer.kind === 'failure' && refusal === undefined))
        return this.#settled({ part, uri }, request, answer)
      this.#tryEach({ ...request, done: () => {} }, uri, others, refusal ?? (answer.kind === 'error' ? answer.bytes : undefined))
    }
    this.#write(request, { part, uri }, ownRelatedTask(request.bytes, 'params'), settle)
  }

  #send(request: ClientRequest, part: MergedPart, changes: readonly Replacement[], uri?: string): void {
    const to = { part, ...(uri !== undefined && { uri }) }
    this.#write(request, to, [...changes, ...ownRelatedTask(request.bytes, 'params')], (answer) => this.#settled(to, request, answer))
  }

  #write(
    { bytes, facts, rawId, done }: ClientRequest,
    { part, uri }: Routed,
    changes: readonly Replacement[],
    settle: (answer: PartAnswer) => void,
  ): void {
    const failure =
      facts.method === 'resources/subscribe' && uri !== undefined ? this.#session.repeated.refusalOf(part.name, uri) : undefined
    if (failure !== undefined) return this.#refuse({ rawId, done }, failure)
    this.#sent(part, facts)
    part.send({ bytes: splice(bytes, changes), call: { rawId, settle }, done })
  }

  #settled({ part, uri }: Routed, { facts: { method }, rawId }: ClientRequest, answer: PartAnswer): void {
    const { say, origin, repeated } = this.#session
    if (answer.kind === 'failure') return say(Buffer.from(errorResponse(rawId, answer.failure)))
    if (answer.kind === 'error') return say(answer.bytes)
    if (uri !== undefined && method === 'resources/subscribe') repeated.subscribed(part.name, uri)
    if (uri !== undefined && method === 'resources/unsubscribe') repeated.unsubscribed(part.name, uri)
    say(shownResult(method, answer.bytes, origin(part)))
  }

  #refuse({ rawId, done }: Pick<ClientRequest, 'rawId' | 'done'>, { executed = 'no', ...failure }: Failure): void {
    done(true)
    // An answer comes after its request.
    setImmediate(() => this.#session.say(Buffer.from(errorResponse(rawId, { ...failure, executed }))))
  }
}
