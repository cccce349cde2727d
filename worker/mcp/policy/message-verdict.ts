/** Judges what a client has posted by the policies that bound it. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import type { PolicyJudge, ToolFacts } from '../../../protocol/policy/judge.ts'
import { readArguments } from '../../../protocol/policy/read-arguments.ts'
import { subjectOf } from '../../../protocol/policy/subject.ts'
import type { ClientMessage } from '../message.ts'

/** What a server says of its tools, by name: whatever is not there is not offered. */
export type ToolsByName = ReadonlyMap<string, ToolFacts>

const NOT_OFFERED: Failure = { code: 'NOT_OFFERED', executed: 'no' }

/** Whether the server's tools must be known for a verdict. */
export function needsTools(judge: PolicyJudge, { facts }: Pick<ClientMessage, 'facts'>): boolean {
  return !judge.isOpen && facts.method === 'tools/call'
}

/** Why a message is not let through; undefined when it is. Whoever asks this cannot wait for the owner: what would have to is refused. */
export function refusalOf(judge: PolicyJudge, message: ClientMessage, tools?: ToolsByName): Failure | undefined {
  const verdict = verdictOf(judge, message, tools)
  return verdict === 'held' ? NOT_OFFERED : verdict
}

/**
 * Why a message is not let through; `held` when its owner must be asked first, undefined when it is. What does not exist and what is denied
 * are answered alike.
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
      return judge.prompt(subject.name) ? undefined : NOT_OFFERED
    case 'resources':
      return subject.uris.every((uri) => judge.resource(uri)) ? undefined : NOT_OFFERED
    case 'unknown':
      return facts.kind === 'request'
        ? { code: 'METHOD_UNKNOWN', executed: 'no' }
        : { code: 'INVALID_REQUEST', detail: 'this link may not send it' }
  }
}
