/** Judges what a client has posted by the policies that bound it. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import type { PolicyJudge, ToolFacts } from '../../../protocol/policy/judge.ts'
import { readArguments } from '../../../protocol/policy/read-arguments.ts'
import { subjectOf } from '../../../protocol/policy/subject.ts'
import { isListMethod, type ListMethod } from '../../contract/listings.ts'
import type { ClientMessage } from '../message.ts'
import { isUiUri } from './pinned-entries.ts'

/** What a server says of its tools, or of what another of its lists has, by name: whatever is not there is not offered. `isCut`: it has more than is known. */
export type ToolsByName = Pick<ReadonlyMap<string, ToolFacts>, 'get'> & { readonly isCut?: boolean }

const NOT_OFFERED: Failure = { code: 'NOT_OFFERED', executed: 'no' }

/** Whether what answers a request must be looked at before its client gets it: a list, what the server says of itself, an app. */
export function isInspected({ facts, params }: Pick<ClientMessage, 'facts' | 'params'>): boolean {
  const { method } = facts
  if (isListMethod(method) || method === 'initialize' || method === 'server/discover') return true
  const { uri } = params
  return method === 'resources/read' && typeof uri === 'string' && isUiUri(uri)
}

/** The list of the server's that must be known for a verdict, if one must. */
export function neededList(judge: PolicyJudge, { facts, params, bytes }: ClientMessage): ListMethod | undefined {
  const { method } = facts
  if (judge.isOpen) return undefined
  if (method === 'tools/call') return 'tools/list'
  if (judge.pins === undefined || (method !== 'prompts/get' && method !== 'completion/complete')) return undefined
  const { kind } = subjectOf(method, params, bytes)
  if (kind === 'prompt') return judge.pins.pins('prompts') ? 'prompts/list' : undefined
  return kind === 'resources' && judge.pins.pins('resourceTemplates') ? 'resources/templates/list' : undefined
}

/** Why a message is not let through; undefined when it is. Whoever asks this cannot wait for the owner: what would have to is refused. */
export function refusalOf(judge: PolicyJudge, message: ClientMessage, tools?: ToolsByName): Failure | undefined {
  const verdict = verdictOf(judge, message, tools)
  return verdict === 'held' ? NOT_OFFERED : verdict
}

/**
 * Why a message is not let through; `held` when its owner must be asked first, undefined when it is. What does not exist and what is denied
 * are answered alike. `tools`: of the list that `neededList` names.
 */
export function verdictOf(judge: PolicyJudge, message: ClientMessage, tools?: ToolsByName): Failure | 'held' | undefined {
  const { facts, params, bytes } = message
  // A client's answer goes to who has asked.
  if (judge.isOpen || facts.kind === 'result' || facts.kind === 'error') return undefined
  const subject = subjectOf(facts.method, params, bytes)
  switch (subject.kind) {
    case 'free':
      return undefined
    case 'tool': {
      const args = judge.boundsArguments(subject.name) ? readArguments(bytes) : []
      const judgement = judge.toolCall(subject.name, tools?.get(subject.name), args)
      return judgement === 'denied' ? NOT_OFFERED : judgement === 'held' ? 'held' : undefined
    }
    case 'prompt':
      return judge.prompt(subject.name) && judge.accepts('prompts', tools?.get(subject.name)?.digest) ? undefined : NOT_OFFERED
    case 'resources':
      return subject.uris.every((uri) => judge.resource(uri) && isAcceptedTemplate(judge, uri, tools)) ? undefined : NOT_OFFERED
    case 'unknown':
      if (judge.isBare) return undefined
      return facts.kind === 'request'
        ? { code: 'METHOD_UNKNOWN', executed: 'no' }
        : { code: 'INVALID_REQUEST', detail: 'this link may not send it' }
  }
}

/** A URI that is no listed template is nothing that the server describes: what may be read of it is for `judge.resource` to say. */
function isAcceptedTemplate(judge: PolicyJudge, uri: string, templates: ToolsByName | undefined): boolean {
  const template = templates?.get(uri)
  if (template === undefined && templates?.isCut !== true) return true
  return judge.accepts('resourceTemplates', template?.digest)
}
