/** Requests that set something for their session, its log level or subscriptions: kept for children that are started later. */
import { isLoggingLevel } from '../../bridge/names.ts'
import { clientsGroup, SHARED_GROUP } from '../../contract/groups.ts'
import type { CallOutcome, SessionCallRequest } from '../../contract/share-rpc.ts'
import { MAX_REPLAYED_BYTES } from '../../limits.ts'
import { keptRequest } from '../rows/kept-requests.ts'
import type { Store } from '../rows/store.ts'
import { EMPTY_RESULT, TOO_MANY_SUBSCRIPTIONS } from './outcomes.ts'

/** Forgets what a request that is made again has set: a child that is started for it is told so by the request itself, and not by a replay under the same id before that. */
export function forgetSetting({ requests }: Pick<Store, 'requests'>, { method, uri, session }: SessionCallRequest): void {
  if (method === 'logging/setLevel') requests.dropLevel(session)
  else if (method === 'resources/subscribe' && uri !== undefined) requests.dropSubscription(session, uri)
}

/** Keeps what such a request sets; its answer, where the child of this group need not hear of it. */
export function settingKept({ requests }: Pick<Store, 'requests'>, request: SessionCallRequest, group: string): CallOutcome | undefined {
  const { method, uri, level, size, session } = request
  const isShared = clientsGroup(group) === SHARED_GROUP
  if (size > MAX_REPLAYED_BYTES) return undefined
  if (method === 'logging/setLevel' && level !== undefined && isLoggingLevel(level))
    return requests.setLevel(session, keptRequest(request, level), isShared) ? undefined : EMPTY_RESULT
  if (method === 'resources/unsubscribe' && uri !== undefined)
    return requests.unsubscribe(session, uri, isShared) ? undefined : EMPTY_RESULT
  if (method !== 'resources/subscribe' || uri === undefined) return undefined
  if (!requests.hasRoomFor(session, uri, size)) return TOO_MANY_SUBSCRIPTIONS
  return requests.subscribe(session, keptRequest(request, uri), isShared) ? undefined : EMPTY_RESULT
}
