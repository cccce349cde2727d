/** Makes of a client's request the call that goes to the Share. */
import type { DeclaredClient } from '../../bridge/capabilities.ts'
import type { ServedName } from '../../../protocol/served-names.ts'
import { isObject } from '../../../protocol/json/json-object.ts'
import { asksForTask } from '../../bridge/tasks.ts'
import type { Caller, GroupCallRequest, SessionCallRequest } from '../../contract/share-rpc.ts'
import { canStandBy } from '../../contract/listings.ts'
import { randomKey } from '../../call-key.ts'
import type { ClientMessage } from '../message.ts'
import { firstPart } from '../../carry/upload.ts'

/** A tool with a longer name is not looked up. */
const MAX_TOOL_CHARS = 256

/** What of a call its client decides, and not the message. */
type GroupClient = Pick<GroupCallRequest, 'principal' | 'group' | 'authorization' | keyof DeclaredClient>

/** The client of a call that was made, for another. */
export function clientOf({ principal, group, capabilities, declared, clientInfo, authorization }: GroupCallRequest): GroupClient {
  return {
    principal,
    group,
    capabilities,
    ...(declared === undefined ? {} : { declared }),
    ...(clientInfo === undefined ? {} : { clientInfo }),
    ...(authorization === undefined ? {} : { authorization }),
  }
}

/**
 * Whether a call goes on when its client has left, which comes back to it: one of a session does, and would be lost if its Worker ended before an agent has it;
 * but not one that was handed on, which goes with the stream.
 */
export function goesOnAlone(request: SessionCallRequest | GroupCallRequest): boolean {
  return 'session' in request && request.method !== 'initialize' && request.delivery === 'stream' && request.isHandedOn !== true
}

/** The call of a session. */
export function callRequest(caller: Caller, message: ClientMessage, delivery: SessionCallRequest['delivery']): SessionCallRequest {
  const { uri } = message.facts
  const { level } = message.params
  return {
    ...caller,
    ...callFacts(message, caller, 'initialize'),
    delivery,
    ...(asksForTask(message.facts.method, message.params) ? { mayBeginTask: true } : {}),
    ...(uri === undefined ? {} : { uri }),
    ...(typeof level === 'string' ? { level } : {}),
  }
}

/** The call of a client without session. */
export function groupCallRequest(client: GroupClient, message: ClientMessage, delivery: GroupCallRequest['delivery']): GroupCallRequest {
  return { ...client, ...callFacts(message, client, 'server/discover'), delivery }
}

function callFacts(
  { bytes, facts, params }: ClientMessage,
  { authorization }: Pick<Caller, 'authorization'>,
  greeting: 'initialize' | 'server/discover',
): Omit<GroupCallRequest, keyof GroupClient | 'delivery'> {
  const { method, id, requestToken } = facts
  const { cursor, name, protocolVersion } = params
  const about = method === 'tools/call' ? undefined : servedNameIn(method, params)
  return {
    key: randomKey(),
    method,
    rawId: id?.raw ?? 'null',
    id: id?.span ?? [0, 0],
    ...(requestToken === undefined ? {} : { rawToken: requestToken.raw, token: requestToken.span }),
    body: firstPart(bytes),
    size: bytes.length,
    ...(method === 'tools/call' && typeof name === 'string' && name.length <= MAX_TOOL_CHARS ? { tool: name } : {}),
    ...(about === undefined ? {} : { about }),
    // What a server says to whom it knows is nobody else's, and is not kept.
    ...(authorization === undefined && canStandBy(method, params, greeting)
      ? { canStandBy: true, ...(typeof cursor === 'string' ? { cursor } : {}) }
      : {}),
    ...(method === 'initialize' && typeof protocolVersion === 'string' ? { revision: protocolVersion } : {}),
  }
}

/** What a request is about, by which it may go to one of several agents. */
function servedNameIn(method: string, params: ClientMessage['params']): ServedName | undefined {
  const { name, uri, ref } = params
  if (method === 'prompts/get' && typeof name === 'string') return { kind: 'name', text: name }
  if (method.startsWith('resources/') && typeof uri === 'string') return { kind: 'uri', text: uri }
  if (method !== 'completion/complete' || !isObject(ref)) return undefined
  if (typeof ref['uri'] === 'string') return { kind: 'uri', text: ref['uri'] }
  return typeof ref['name'] === 'string' ? { kind: 'name', text: ref['name'] } : undefined
}
