/** The way from one request of a client to the share's upstream: where that is, the session in which it asks there, and what it is told of the request. */
import type { Failure } from '../../../protocol/errors.ts'
import { decryptText, encryptText, type TextBinding } from '../../access/secrets/encrypted-text.ts'
import { readUpstreamServer } from '../../access/upstream/upstream-server.ts'
import { randomKey } from '../../call-key.ts'
import type { KnownGrant } from '../../carry/known-grants.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { readKeptUpstream } from '../../contract/registry/kept-upstream.ts'
import { MAX_RELAYS_PASSED } from '../../upstream-limits.ts'
import { SESSION_HEADER } from '../session-id.ts'
import type { McpContext, Visitor } from '../visitor.ts'
import { type UpstreamFields, UpstreamPort } from './upstream-port.ts'

export interface Way {
  readonly share: ShareClient
  readonly port: UpstreamPort
  readonly principal: string
  /** Says that another upstream is decided for by now: as what a request is refused that has gone this way. */
  readonly moved: (grant: KnownGrant | undefined) => Failure | undefined
  /** Whose lists the upstream's are: it may show them to one client and not to another. */
  readonly audience: string
  /** Fields of every request. */
  readonly fields: UpstreamFields
  /** The same of what the relay asks by itself: without its client's session. */
  readonly ownFields: UpstreamFields
  /** What a client is told of the session that the upstream has given. */
  readonly sessionFields: (session: string | undefined) => Promise<Record<string, string>>
}

/** Of a request that must find its way anew, since more was decided than was known: nobody is told. */
export const ASK_ANEW: Failure = { code: 'INTERNAL', executed: 'no' }

/** Characters that no two upstreams that are set have in common at the beginning of their encrypted texts: there stands what is random. */
const INSTANCE_CHARS = 16

const OWN_HOP = '1.1 mcp-edge'

/** `isFirst`: of a request that begins a session, whatever id it has. Rejects with PassRefused. */
export async function wayOf(c: McpContext, visitor: Visitor, isFirst: boolean): Promise<Way | Failure> {
  const id = c.req.param('share') ?? ''
  const relays = (c.req.header('via') ?? '').split(',').filter((hop) => hop.trim() === OWN_HOP).length
  if (relays >= MAX_RELAYS_PASSED) return { code: 'UPSTREAM_CIRCLE', executed: 'no' }
  // Requests have nothing in common here: a share of several objects is to be used in all of them.
  const share = visitor.shareFor(randomKey())
  // It comes with what is decided for the share, of which this isolate may have heard nothing yet.
  if (share.grant?.upstream === undefined) await share.admit()
  const text = share.grant?.upstream
  const kept = text === undefined ? undefined : readKeptUpstream(text)
  const key = c.var.relay.keys.upstream
  const server = kept === undefined ? undefined : await decryptText(key, { purpose: 'upstream', share: id, holder: '' }, kept.sealed)
  if (kept === undefined || server === undefined) return { code: 'UPSTREAM_UNREADABLE', executed: 'no' }
  const network = c.env.UPSTREAM_NETWORK
  const read = readUpstreamServer(JSON.parse(server), { mayBePrivate: network !== undefined })
  if (!read.ok) return { code: 'UPSTREAM_NOT_PUBLIC', executed: 'no' }
  const principal = visitor.principalIn('')
  // One upstream's sessions are nothing to another, of which the query may be all that tells. What it is bound to stands nowhere.
  const binding: TextBinding = { purpose: 'upstream session', share: id, holder: `${principal}\n${read.value.url}` }
  const sealed = isFirst ? undefined : c.req.header(SESSION_HEADER)
  const own = sealed === undefined ? undefined : await decryptText(key, binding, sealed)
  if (sealed !== undefined && own === undefined) return { code: 'SESSION_NOT_FOUND' }
  const ownFields = { 'user-agent': 'mcp-edge', via: Array.from({ length: relays + 1 }, () => OWN_HOP).join(', ') }
  return {
    share,
    port: new UpstreamPort(read.value, network),
    principal,
    moved: (grant) => (grant === undefined || grant.upstream === text ? undefined : ASK_ANEW),
    audience: `upstream ${id} ${kept.sealed.slice(0, INSTANCE_CHARS)} ${principal} ${sealed ?? ''}`,
    fields: { ...ownFields, ...(own === undefined ? {} : { [SESSION_HEADER]: own }) },
    ownFields,
    sessionFields: async (given) => {
      if (given === undefined) return {}
      return { [SESSION_HEADER]: sealed !== undefined && given === own ? sealed : await encryptText(key, binding, given) }
    },
  }
}

/** Fields of MCP that pass from the client to the upstream. `isModern`: those too that mirror the body. */
export function mirroredFields(headers: Headers, isModern: boolean): UpstreamFields {
  const passes = (name: string): boolean =>
    name === 'mcp-protocol-version' || (isModern && (name === 'mcp-method' || name === 'mcp-name' || name.startsWith('mcp-param-')))
  return Object.fromEntries([...headers].filter(([name]) => passes(name)))
}
