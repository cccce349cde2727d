/** What whoever has shown no credential may not do, whatever the policy says: what others would have to keep or hold for it. Pure but for the note. */
import type { Failure } from '../../../protocol/errors.ts'
import { subjectOf } from '../../../protocol/policy/subject.ts'
import { isTaskMethod } from '../../bridge/tasks.ts'
import { MAX_ANONYMOUS_HANDSHAKE_BYTES } from '../../limits.ts'
import type { ClientMessage } from '../message.ts'
import type { Visitor } from '../visitor.ts'
import { noted } from './noted-refusal.ts'

/** Why a visitor may not send a message, if it has no credential. `session`: its own, or empty. */
export function guestRefusal(visitor: Visitor, session: string, message: ClientMessage): Failure | undefined {
  if (!visitor.isAnonymous) return undefined
  return noted(visitor.shareFor(session), visitor.principalIn(session), message, refusalOfGuest(message))
}

const UNKNOWN: Failure = { code: 'METHOD_UNKNOWN', executed: 'no' }
const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe'])

/** Tasks, subscriptions to resources, and what is not known here. Of changed lists anybody may be told. */
export function refusalOfGuest({ facts, params, bytes }: ClientMessage): Failure | undefined {
  const { kind, method } = facts
  if (kind === 'result' || kind === 'error') return undefined
  if (method === 'initialize' && bytes.length > MAX_ANONYMOUS_HANDSHAKE_BYTES)
    return { code: 'BODY_TOO_LARGE', executed: 'no', detail: 'without a credential initialize may have 16 KiB' }
  if (SUBSCRIPTIONS.has(method) || isTaskMethod(method) || params['task'] !== undefined) return UNKNOWN
  const subject = subjectOf(method, params, bytes)
  if (subject.kind === 'unknown') return UNKNOWN
  return method === 'subscriptions/listen' && subject.kind === 'resources' && subject.uris.length > 0 ? UNKNOWN : undefined
}
