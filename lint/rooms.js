/** Which room of the source may import which, as a rule of the linter: the table is the plan of the house (docs/design.md). */
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')

/** Files at the root of `worker/` that know nothing of the relay. */
const WORKER_BASE = [
  'protocol',
  'worker/limits.ts',
  'worker/asking-limits.ts',
  'worker/trust-limits.ts',
  'worker/usage-limits.ts',
  'worker/web-limits.ts',
  'worker/upstream-limits.ts',
  'worker/foreign-limits.ts',
  'worker/routing-limits.ts',
  'worker/log.ts',
  'worker/within.ts',
  'worker/read-capped.ts',
  'worker/newest.ts',
  'worker/ip-address.ts',
]
const CONTRACT = [...WORKER_BASE, 'worker/bridge', 'worker/contract']
const ACCESS = [...CONTRACT, 'worker/env.ts', 'worker/problem.ts', 'worker/access', 'worker/lanes.ts', 'worker/call-key.ts']
const MCP = [
  ...ACCESS,
  'worker/carry',
  'worker/mcp/message.ts',
  'worker/mcp/visitor.ts',
  'worker/mcp/session-id.ts',
  'worker/mcp/request-headers.ts',
]
const MCP_CLIENT = [...MCP, 'worker/mcp/policy', 'worker/mcp/call', 'worker/mcp/response']
/** What the rooms of the Share may use of the Worker's side. */
const SHARE = [...CONTRACT, 'worker/env.ts', 'worker/call-key.ts', 'worker/lanes.ts', 'worker/share/rows', 'worker/share/agents']
const SHARE_CHILDREN = [...SHARE, 'worker/share/clients', 'worker/share/children']
const AGENT_BASE = [
  'protocol',
  'agent/by-age.ts',
  'agent/exit.ts',
  'agent/last-words.ts',
  'agent/limits.ts',
  'agent/web-limits.ts',
  'agent/log.ts',
  'agent/mask.ts',
  'agent/node-version.ts',
  'agent/package.json',
  'agent/web-limits.ts',
]
const AGENT_CHANNEL = [...AGENT_BASE, 'agent/config', 'agent/server', 'agent/channel']
const AGENT_WEB = [...AGENT_BASE, 'agent/config', 'agent/server/web-app.ts']

/**
 * For each room (a folder, or a file that is a room of its own) the rooms that its files may import; its own is among
 * them of itself. A file belongs to the longest path that holds it.
 *
 * @type {Record<string, readonly string[]>}
 */
const ROOMS = {
  protocol: [],
  'worker/bridge': WORKER_BASE,
  'worker/contract': [...WORKER_BASE, 'worker/bridge'],
  'worker/env.ts': CONTRACT,
  'worker/problem.ts': ['protocol'],
  'worker/call-key.ts': ['worker/access'],
  'worker/lanes.ts': ['protocol', 'worker/access', 'worker/contract'],
  'worker/access': [...CONTRACT, 'worker/env.ts', 'worker/problem.ts'],
  'worker/carry': ACCESS,
  'worker/registry': [...ACCESS, 'worker/carry'],
  'worker/api': [...ACCESS, 'worker/carry'],
  'worker/sign-in': [...ACCESS, 'worker/carry'],
  'worker/agent-route.ts': [...ACCESS, 'worker/carry', 'worker/mcp/pinning'],
  'worker/long-poll': [...ACCESS, 'worker/carry', 'worker/agent-route.ts'],
  'worker/metrics.ts': [...ACCESS, 'worker/carry'],
  'worker/foreign-agents': [...MCP_CLIENT, 'worker/agent-route.ts', 'worker/mcp/modern-client'],
  'worker/mcp/message.ts': WORKER_BASE.concat('worker/bridge'),
  'worker/mcp/session-id.ts': ['protocol', 'worker/access', 'worker/bridge'],
  'worker/mcp/request-headers.ts': ['protocol', 'worker/bridge', 'worker/mcp/visitor.ts'],
  'worker/mcp/visitor.ts': [...ACCESS, 'worker/carry', 'worker/mcp/session-id.ts'],
  'worker/mcp/policy': MCP,
  'worker/mcp/call': [...MCP, 'worker/mcp/policy'],
  'worker/mcp/response': [...MCP, 'worker/mcp/policy', 'worker/mcp/call'],
  'worker/mcp/legacy-client': [...MCP_CLIENT, 'worker/mcp/pinning'],
  'worker/mcp/modern-client': [...MCP_CLIENT, 'worker/mcp/pinning'],
  'worker/mcp/pinning': [...MCP, 'worker/mcp/policy', 'worker/mcp/call'],
  'worker/mcp/upstream': [...MCP_CLIENT, 'worker/mcp/modern-client', 'worker/mcp/pinning'],
  'worker/mcp': [...MCP_CLIENT, 'worker/mcp/legacy-client', 'worker/mcp/modern-client', 'worker/mcp/pinning', 'worker/mcp/upstream'],
  'worker/web': [...ACCESS, 'worker/carry'],
  'worker/share/rows': CONTRACT,
  'worker/share/agents': [...CONTRACT, 'worker/share/rows'],
  'worker/share/clients': [...CONTRACT, 'worker/share/agents', 'worker/share/rows'],
  'worker/share/web': [...SHARE, 'worker/share/clients'],
  'worker/share/upstream': [...SHARE, 'worker/share/clients'],
  'worker/share/children': SHARE_CHILDREN,
  'worker/share/answers': SHARE_CHILDREN,
  'worker/share/calls': [...SHARE_CHILDREN, 'worker/share/answers'],
  'worker/share/usage': [...SHARE_CHILDREN, 'worker/share/answers', 'worker/share/calls'],
  'worker/share/trust': [...SHARE_CHILDREN, 'worker/share/answers', 'worker/share/calls'],
  'worker/share': [
    ...SHARE_CHILDREN,
    'worker/carry/share-stub.ts',
    'worker/share/answers',
    'worker/share/calls',
    'worker/share/trust',
    'worker/share/usage',
    'worker/share/web',
    'worker/share/upstream',
  ],
  'worker/index.ts': ['worker'],
  'agent/config': AGENT_BASE,
  'agent/server': [...AGENT_BASE, 'agent/config'],
  'agent/server/merged': [...AGENT_BASE, 'agent/server/child.ts', 'agent/server/oversized-answer.ts'],
  'agent/channel': AGENT_CHANNEL,
  'agent/web': AGENT_WEB,
  'agent/link': [...AGENT_CHANNEL, 'agent/web'],
  'agent/owner': [...AGENT_BASE, 'agent/config'],
  'agent/library': [...AGENT_BASE, 'agent/config', 'agent/server', 'agent/run.ts'],
  agent: [...AGENT_CHANNEL, 'agent/web', 'agent/link', 'agent/owner', 'agent/library'],
  worker: WORKER_BASE,
  selfhost: ['protocol', 'agent'],
}

const NAMES = Object.keys(ROOMS).toSorted((a, b) => b.length - a.length)

/** @param {string} file */
function roomOf(file) {
  return NAMES.find((name) => isIn(file, name))
}

/**
 * @param {string} file
 * @param {string} place
 */
function isIn(file, place) {
  return file === place || file.startsWith(`${place}/`)
}

const rule = {
  create(context) {
    const file = path.relative(ROOT, context.filename).split(path.sep).join('/')
    const room = roomOf(file)
    if (room === undefined) return {}
    const check = ({ source }) => {
      if (source === null || typeof source?.value !== 'string' || !source.value.startsWith('.')) return
      const target = path.posix.join(path.posix.dirname(file), source.value)
      if (roomOf(target) === room || ROOMS[room].some((place) => isIn(target, place))) return
      context.report({ node: source, message: `${room} may not import ${roomOf(target) ?? target}: see lint/rooms.js.` })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    }
  },
}

// oxlint-disable-next-line import/no-default-export -- a plugin is what its module exports by default
export default { meta: { name: 'house' }, rules: { rooms: rule } }
