/** The calls about what is done with a share: its sessions and its audit. What they answer. */
import * as v from 'valibot'
import { NO_CONTENT, type Operation, time, unreachedLanes, unreachedServers, whole } from './operation.ts'

const text = v.nullable(v.string())

const Session = v.object({
  id: v.string(),
  kind: v.picklist(['session', 'group']),
  principal: v.string(),
  link: v.object({ id: v.string(), name: text }),
  client: v.object({ name: text, version: text }),
  transport: v.picklist(['http', 'sse']),
  revision: text,
  started_at: v.nullable(time),
  last_call_at: v.nullable(time),
  agent: text,
  lane: whole,
  server: text,
})
/** A client of a share as its owner sees it. */
export type SessionFacts = v.InferOutput<typeof Session>
const unreached = { unreached_lanes: v.exactOptional(unreachedLanes), unreached_servers: v.exactOptional(unreachedServers) }
const SessionList = v.object({ sessions: v.array(Session), ...unreached })

const AuditEvent = v.object({
  at: time,
  link: v.string(),
  principal: v.string(),
  address: text,
  session: text,
  client: text,
  method: v.string(),
  tool: text,
  outcome: v.string(),
  status: whole,
  ms: v.nullable(whole),
  bytes: whole,
  count: whole,
  lane: whole,
  server: text,
  arguments: v.exactOptional(v.string()),
  result: v.exactOptional(v.string()),
})
/** A call that was made, as the share's owner sees it. */
export type AuditFacts = v.InferOutput<typeof AuditEvent>
const AuditPage = v.object({ events: v.array(AuditEvent), next: v.string(), ...unreached })
const AuditLine = v.union([AuditEvent, v.object({ next: v.string() })])

export const USAGE_SCHEMAS = { Session, SessionList, AuditEvent, AuditPage, AuditLine }

export const USAGE_OPERATIONS = {
  listSessions: {
    method: 'GET',
    path: '/api/shares/{share}/sessions',
    summary: 'Lists the clients of a share, the newest sessions first.',
    who: 'owner',
    answers: { 200: { description: 'The newest 1,000 of each lane.', body: SessionList } },
  },
  endSession: {
    method: 'DELETE',
    path: '/api/shares/{share}/sessions/{session}',
    summary: 'Ends a session with its streams, calls and server process.',
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['SESSION_NOT_FOUND', 'LANES_UNREACHED'],
  },
  readAudit: {
    method: 'GET',
    path: '/api/shares/{share}/audit',
    summary: 'Tells the calls that were made, oldest first, or as they come.',
    who: 'owner',
    query: {
      after: v.pipe(v.string(), v.description('What an earlier answer had as next.')),
      follow: v.pipe(v.picklist(['true', 'false']), v.description('Whether to go on, a line for each call, until the client leaves.')),
    },
    answers: { 200: { description: 'Up to 1,000 calls, or with follow a line for each.', body: AuditPage, lines: AuditLine } },
    errors: ['BODY_INVALID'],
  },
} as const satisfies Record<string, Operation>
