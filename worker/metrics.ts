/** `/metrics`: what an owner's shares have at this moment, in the text format of Prometheus. */
import type { Context } from 'hono'
import type { RouteEnv } from './access/owner/claim-gate.ts'
import { admitOwner } from './access/owner/admit-owner.ts'
import { askLanes } from './carry/lane-orders.ts'
import { livingShares } from './carry/living-shares.ts'
import type { ShareFacts } from './contract/share-admin.ts'

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
  const owner = await admitOwner(c.req.raw, c.var.relay, c.env)
  if (!owner.ok) return owner.error
  const living = await livingShares(c.env, owner.value.id, c.req.query('after'))
  const shares = await Promise.all(
    living.shares.map(async (share) => {
      const lanes = await askLanes(c.env, share, { op: 'describe' })
      return { id: share.id, facts: lanes.flatMap(({ facts }) => facts ?? []), isReached: lanes.every((lane) => lane.isReached) }
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
  const next = living.next === undefined ? {} : { link: `</metrics?after=${living.next}>; rel="next"` }
  return new Response(text, { headers: { 'content-type': CONTENT_TYPE, 'cache-control': 'no-store', ...next } })
}

function sum(of: (facts: ShareFacts) => number): Metric['of'] {
  return (facts) => facts.reduce((total, one) => total + of(one), 0)
}
