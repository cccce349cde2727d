/** `POST /reverse-proxy/sessions/<session>/request`: an owner's own request to the server behind an agent of another make, by the way of any client's. */
import { MODERN_REVISION } from '../bridge/names.ts'
import { ShareClient } from '../carry/share-client.ts'
import { laneOf } from '../lanes.ts'
import { readBody, readPosted } from '../mcp/message.ts'
import { postModern } from '../mcp/modern-client/call.ts'
import { failureResponse } from '../mcp/response/responses.ts'
import type { Visitor } from '../mcp/visitor.ts'
import { askedFor, type ForeignSession, type SessionsContext } from './sessions.ts'

/** An owner can be asked for nothing here. */
const ENVELOPE = {
  revision: MODERN_REVISION,
  declared: {},
  capabilities: new Set<never>(),
  clientInfo: { name: 'mcp-edge-owner', version: '1' },
}

/** Answers with the server's answer. What the share's policies do not allow is refused to its owner too, what they hold waits, and the audit tells of it. */
export async function requestReverseProxy(c: SessionsContext): Promise<Response> {
  const session = await askedFor(c, true)
  if (!session.ok) return session.error
  const body = await readBody(c.req.raw)
  if (body === undefined) return failureResponse({ code: 'BODY_TOO_LARGE' })
  const posted = readPosted(body)
  if (!posted.ok) return failureResponse(posted.error)
  const [message] = posted.value.messages
  if (message === undefined || posted.value.isBatch || message.facts.kind !== 'request')
    return failureResponse({ code: 'INVALID_REQUEST', detail: 'send one request' }, message?.facts.id?.raw)
  const visitor = visitorOf(c, session.value)
  return postModern(visitor, visitor.stateKey, message, ENVELOPE, { json: true, events: false }, c.req.raw)
}

/** The owner, as whoever has made the agent's token: it comes by that link, which the share's policies and limits bound. */
function visitorOf(c: SessionsContext, { share, facts }: ForeignSession): Visitor {
  const clients: ShareClient[] = []
  return {
    shareFor: (name) => {
      const client = new ShareClient(c.env, laneOf(share, name), { chain: [facts.token], isInUrl: false })
      clients.push(client)
      return client
    },
    hasAsked: () => clients.some(({ hasAsked }) => hasAsked),
    asked: () => clients,
    principalIn: () => `agent:${facts.token}`,
    isAnonymous: false,
    isAstray: false,
    basePath: `/s/${share}`,
    revision: MODERN_REVISION,
    stateKey: c.var.relay.keys.requestState,
  }
}
