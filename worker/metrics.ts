/** `/metrics`: what an owner's shares have at this moment, in the text format of Prometheus. */
import type { Context } from 'hono'
import { BEARER_CHALLENGE } from './access/authenticate.ts'
import type { RouteEnv } from './access/owner/claim-gate.ts'
import { clientAddress } from './access/client-address.ts'
import { authenticateOwner } from './access/owner/owner.ts'
import { noteRefusal } from './access/refused-credentials.ts'
import { askLanes } from './carry/lane-orders.ts'
import type { ShareFacts } from './contract/share-admin.ts'
import { settingsOf } from './env.ts'
import { MAX_ASKED_SHARES } from './foreign-limits.ts'
import { problemResponse, triesResponse } from './problem.ts'

/** Prometheus, exposition formats, text-based format. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface Metric {
  readonly name: string
  readonly help: string
  readonly of: (facts: readonly ShareFacts[]) => number
}

const METRICS: readonly Metric[] = [
  {
    name: 'mcp_edge_agents',
    help: 'Agents that are connected.',
    of: (facts) => new Set(facts.flatMap(({ agents }) => agents.map(({ name }) => name))).size,
  },
  { name: 'mcp_edge_sessions', help: 'Sessions of clients.', of: sum((one) => one.sessions) },
  {
    name: 'mcp_edge_buffered_bytes',
    help: 'Bytes on their way to clients that have not taken them.',
    of: sum((one) => one.counters.buffered_bytes),
  },
  { name: 'mcp_edge_row_changes', help: 'Rows written since the share was last loaded.', of: sum((one) => one.counters.total_changes) },
]

/** Of the owner who asks, with its bearer. `?after=<share>` goes on behind the last share of a page, which has 40. */
export async function getMetrics(c: Context<RouteEnv>): Promise<Response> {
  const owner = await authenticateOwner(c.req.raw, c.var.relay, c.env)
  if (!owner.ok) {
    noteRefusal('owner', clientAddress(c.req.raw, settingsOf(c.env)))
    const { detail, waitMs } = owner.error
    const challenge = { 'www-authenticate': BEARER_CHALLENGE }
    return waitMs === undefined ? problemResponse('OWNER_KEY_NEEDED', detail, challenge) : triesResponse(waitMs)
  }
  const registry = c.env.REGISTRY.getByName('registry')
  const after = c.req.query('after')
  const before = after === undefined ? undefined : await registry.share(owner.value.id, after)
  const { records, isMore } = await registry.shares(owner.value.id, before)
  const page = records.slice(0, MAX_ASKED_SHARES)
  // To ask an object for the first time is to make it.
  const alive = page.filter(({ isMade, isEnding, expiresAtMs }) => isMade && !isEnding && expiresAtMs > Date.now())
  const shares = await Promise.all(
    alive.map(async ({ id }) => {
      const lanes = await askLanes(c.env, id, { op: 'describe' })
      return { id, facts: lanes.flatMap(({ facts }) => facts ?? []), isReached: lanes.every((lane) => lane.isReached) }
    }),
  )
  const lines = METRICS.flatMap(({ name, help, of }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...shares.map(({ id, facts }) => `${name}{share="${id}"} ${of(facts)}`),
  ])
  const reached = shares.map(({ id, isReached }) => `mcp_edge_share_up{share="${id}"} ${isReached ? 1 : 0}`)
  const text = [
    ...lines,
    '# HELP mcp_edge_share_up Whether all of the share has answered.',
    '# TYPE mcp_edge_share_up gauge',
    ...reached,
    '',
  ].join('\n')
  const last = isMore || records.length > page.length ? page.at(-1)?.id : undefined
  const next = last === undefined ? {} : { link: `</metrics?after=${last}>; rel="next"` }
  return new Response(text, { headers: { 'content-type': CONTENT_TYPE, 'cache-control': 'no-store', ...next } })
}

function sum(of: (facts: ShareFacts) => number): Metric['of'] {
  return (facts) => facts.reduce((total, one) => total + of(one), 0)
}
