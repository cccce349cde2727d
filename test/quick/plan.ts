/** What a change asks to be checked and tested, by the files that it touches. Pure. */

/** What is run of each kind; tests by the names of their files. */
export interface QuickPlan {
  /** Projects of the compiler that have such files, or import them. */
  readonly tsconfigs: readonly string[]
  /** Files whose unit tests are found by imports. */
  readonly sources: readonly string[]
  readonly workerd: readonly string[]
  /** Tests in workerd that the change asks for, beyond what is soon done. */
  readonly workerdLater: readonly string[]
  readonly e2e: readonly string[]
}

/** Each takes some seconds to start. */
const MAX_WORKERD_FILES = 6

/** Where the files of a project are, and what they import. */
const TSCONFIGS: Readonly<Record<string, readonly string[]>> = {
  protocol: ['protocol/'],
  worker: ['worker/', 'protocol/'],
  agent: ['agent/', 'protocol/'],
  selfhost: ['selfhost/', 'agent/', 'protocol/'],
  test: ['test/', 'bench/', 'selfhost/', 'agent/', 'worker/', 'protocol/'],
  'test/workerd': ['test/workerd/', 'test/unit/worker/', 'test/chaos/worker/', 'test/trace/', 'worker/', 'protocol/'],
  bench: ['bench/', 'test/', 'selfhost/', 'agent/', 'worker/', 'protocol/'],
  'bench/profile/worker': ['bench/profile/', 'worker/', 'protocol/'],
}
/** What every project is made by. */
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.base.json']

/** Unit tests that read a file, or the files of a folder, that they do not import. */
const READERS: Readonly<Record<string, readonly string[]>> = {
  'docs/troubleshooting.md': ['test/unit/docs/troubleshooting.test.ts', 'test/unit/protocol/errors.test.ts'],
  'wrangler.toml': ['test/unit/selfhost/config.test.ts', 'test/unit/deploy/wrangler.test.ts'],
  'recipes/': ['docker', 'kubernetes', 'librechat', 'nginx', 'systemd'].map((name) => `test/unit/recipes/${name}.test.ts`),
  '.dockerignore': ['test/unit/recipes/docker.test.ts'],
  '.ci/sum.ts': ['test/unit/ci/sum.test.ts'],
  '.ci/expected.json': ['test/unit/ci/sum.test.ts'],
}
/** Unit tests that read the text of all tests and of all pages: soon done, and any change may concern them. */
export const ALWAYS = ['test/unit/requirements/ledger.test.ts', 'test/unit/docs/paths.test.ts']

/**
 * Files of test/workerd by room, those first that tell most: they reach the Worker through its platform, so that no import
 * tells what they test. A file belongs to the longest path that it begins with.
 */
export const WORKERD_TESTS: Readonly<Record<string, readonly string[]>> = {
  'protocol/': ['rows/share', 'sessions/session', 'modern-client/modern-on-legacy'],
  'worker/': ['sessions/session', 'rows/share', 'calls/round-trips'],
  'worker/access/': ['access/access', 'sessions/session'],
  'worker/index.ts': ['foreign-agents/seed-addresses', 'access/access', 'sessions/session'],
  'worker/metrics.ts': ['foreign-agents/seed-addresses'],
  'worker/foreign-agents/gateway.ts': ['foreign-agents/gateway', 'foreign-agents/seed-addresses'],
  'worker/foreign-agents/gateway-body.ts': ['foreign-agents/gateway'],
  'worker/registry/gateway.ts': ['foreign-agents/gateway'],
  'worker/registry/gateway-table.ts': ['foreign-agents/gateway'],
  'worker/foreign-agents/': [
    'foreign-agents/context-forge',
    'foreign-agents/reverse-proxy-sessions',
    'foreign-agents/mr-pilot',
    'foreign-agents/egdesk',
    'access/access',
  ],
  'worker/long-poll/': ['long-poll/polled-agents', 'long-poll/host-agents'],
  'worker/agent-route.ts': ['access/access', 'rows/share', 'access/mutated-requests'],
  'worker/api/servers/catalog.ts': ['owner/catalog', 'owner/api-routes', 'owner/openapi'],
  'worker/api/': [
    'owner/api-routes',
    'policy/accepted-tools',
    'owner/openapi',
    'owner/owner-sessions',
    'owner/share-orders',
    'access/links',
    'access/access',
    'calls/lanes',
    'owner/registry',
    'owner/lane-orders',
  ],
  'worker/bridge/': [
    'modern-client/modern-on-legacy',
    'sessions/legacy-on-modern',
    'modern-client/modern-listen',
    'modern-client/modern-calls',
    'modern-client/bridged-roots',
    'calls/carried',
  ],
  'worker/carry/': ['rows/share', 'limits/credit', 'limits/unread-streams', 'calls/away', 'calls/hand-over', 'sessions/answer-parts'],
  'worker/contract/': [
    'sessions/session',
    'rows/share',
    'modern-client/modern-on-legacy',
    'sessions/legacy-on-modern',
    'calls/round-trips',
  ],
  'worker/lanes.ts': ['calls/lanes'],
  'worker/access/passed-credentials.ts': ['sessions/passed-credentials', 'access/access', 'access/wrong-credentials'],
  'worker/carry/passing-agents.ts': ['sessions/passed-credentials'],
  'worker/mcp/visitor.ts': ['sessions/session', 'access/access', 'sessions/passed-credentials', 'access/anonymous'],
  'worker/mcp/resource-metadata.ts': ['sessions/passed-credentials'],
  'worker/carry/known-servers.ts': ['servers/named-servers', 'servers/server-orders', 'servers/server-bounds'],
  'worker/mcp/': [
    'sessions/session',
    'access/access',
    'sessions/doors',
    'sessions/http-sse',
    'sessions/returning-sse',
    'modern-client/modern-calls',
    'sessions/resumed-streams',
    'modern-client/named-calls',
    'access/browser-page',
  ],
  'worker/mcp/call/': ['calls/round-trips', 'sessions/session', 'calls/hand-over', 'agents/standby-answers', 'agents/recovery'],
  'worker/mcp/legacy-client/': [
    'sessions/session',
    'sessions/legacy-on-modern',
    'sessions/left-rounds',
    'sessions/resumed-streams',
    'sessions/input-rounds',
    'sessions/resumed-listeners',
    'sessions/posted-calls',
    'modern-client/tasks',
  ],
  'worker/mcp/modern-client/': [
    'modern-client/modern-on-legacy',
    'modern-client/modern-listen',
    'modern-client/modern-calls',
    'modern-client/left-modern',
    'calls/round-trips',
    'modern-client/bridged-asks',
    'modern-client/request-states',
    'modern-client/long-declarations',
    'modern-client/modern-tasks',
  ],
  'worker/mcp/pinning/': [
    'policy/pinning',
    'policy/first-listings',
    'policy/pinned-doors',
    'policy/accepted-tools',
    'policy/large-listings',
  ],
  'worker/mcp/policy/': [
    'policy/failed-listings',
    'policy/link-policy',
    'policy/moved-calls',
    'access/trust-gate',
    'policy/hidden-lists',
    'policy/pinning',
    'policy/pinned-doors',
    'policy/approvals-doors',
    'policy/pinned-answers',
  ],
  'worker/mcp/upstream/': [
    'upstream/upstream-calls',
    'upstream/upstream-failures',
    'upstream/upstream-trust',
    'upstream/upstream-pinning',
    'upstream/upstream-unclear',
    'upstream/upstream-tasks',
    'upstream/upstream-lists',
  ],
  'worker/mcp/response/': ['sessions/session', 'rows/share', 'sessions/http-sse', 'modern-client/modern-calls', 'sessions/resumed-streams'],
  'worker/registry/': ['owner/registry', 'access/links', 'owner/owners', 'calls/lanes', 'access/access'],
  'worker/sign-in/': [
    'sign-in/sign-in',
    'sign-in/sign-in-ends',
    'sign-in/consent',
    'sign-in/sign-in-clients',
    'sign-in/client-documents',
    'access/share-hosts',
    'access/wrong-credentials',
  ],
  'worker/share/': [
    'rows/share',
    'sessions/session',
    'modern-client/modern-on-legacy',
    'agents/recovery',
    'calls/idle',
    'owner/share-report',
    'sessions/kept-by-share',
  ],
  'worker/share/agents/wires/': [
    'foreign-agents/context-forge',
    'foreign-agents/mr-pilot',
    'foreign-agents/egdesk',
    'foreign-agents/egdesk-web',
    'long-poll/host-agents',
    'rows/share',
  ],
  'worker/share/agents/': [
    'rows/share',
    'calls/away',
    'agents/lost-agents',
    'calls/left-unmade',
    'agents/drain',
    'agents/max-calls',
    'agents/silent-link',
    'agents/returning-agents',
  ],
  'worker/share/answers/': [
    'rows/share',
    'agents/recovery',
    'agents/standby-answers',
    'agents/restart-news',
    'calls/run-once',
    'agents/returning-agents',
  ],
  'worker/share/calls/': [
    'sessions/session',
    'modern-client/modern-on-legacy',
    'sessions/legacy-on-modern',
    'sessions/resumed-streams',
    'sessions/left-sessions',
    'calls/abandoned',
    'limits/quotas',
  ],
  'worker/share/children/': [
    'sessions/shared-child',
    'modern-client/both-eras',
    'sessions/repeatable-calls',
    'calls/spread',
    'calls/served-names',
    'calls/served-names-kept',
    'calls/served-names-lost',
    'modern-client/modern-listen',
    'agents/recovery',
    'sessions/session',
  ],
  'worker/share/clients/': ['limits/credit', 'limits/unread-streams', 'rows/share', 'calls/hand-over', 'sessions/untaken-messages'],
  'worker/share/clients/posted-calls.ts': ['sessions/posted-calls', 'sessions/http-sse'],
  'worker/share/rows/': [
    'rows/rows-in-memory',
    'rows/listing-rows',
    'sessions/session',
    'agents/recovery',
    'rows/parked-rows',
    'owner/audit-rings',
  ],
  'worker/share/usage/': [
    'owner/owner-sessions',
    'access/link-uses',
    'owner/audit',
    'owner/audit-rings',
    'owner/captured-calls',
    'owner/followed-audit',
  ],
  'worker/share/trust/': [
    'access/trust-gate',
    'policy/pinning',
    'limits/rate-limits',
    'limits/used-limits',
    'limits/limited-audit',
    'limits/address-limits',
    'access/anonymous',
    'access/cut-off',
    'access/cut-off-lanes',
    'access/trust-table',
    'policy/link-policy',
    'access/sliding-ends',
    'policy/approvals',
    'policy/approvals-ends',
    'policy/approvals-lanes',
    'policy/allowances',
  ],
  'worker/web/': ['web/web-host', 'web/web-path', 'web/web-sign-in'],
  'worker/share/upstream/': ['upstream/upstream-trust', 'upstream/upstream-calls'],
  'worker/share/web/': ['web/web-host', 'web/web-backlog', 'web/web-cut-off'],
  'wrangler.toml': ['sessions/session'],
}

/** `isGone`: the change deletes it. */
export function quickPlan(changed: readonly { readonly file: string; readonly isGone: boolean }[]): QuickPlan {
  const files = changed.map(({ file }) => file)
  const there = changed.flatMap(({ file, isGone }) => (isGone ? [] : [file]))
  const isSettings = files.some((file) => SETTINGS.includes(file))
  const isIn = (folders: readonly string[]) => (file: string) => folders.some((folder) => file.startsWith(folder))
  const tsconfigs = Object.entries(TSCONFIGS).filter(([, folders]) => isSettings || files.some(isIn(folders)))
  const own = there.flatMap((file) => /^test\/workerd\/(.+)\.test\.ts$/.exec(file)?.[1] ?? [])
  const asked = inOrder([...own, ...inTurns(files.map(workerdTests))])
  const maxFiles = Math.max(own.length, MAX_WORKERD_FILES)
  return {
    tsconfigs: tsconfigs.map(([name]) => name),
    sources: inOrder([...there.filter((file) => file.endsWith('.ts')), ...there.flatMap(readers), ...ALWAYS]),
    workerd: asked.slice(0, maxFiles),
    workerdLater: asked.slice(maxFiles),
    e2e: there.flatMap((file) => /^test\/e2e\/(.+)\.test\.ts$/.exec(file)?.[1] ?? []),
  }
}

function readers(file: string): readonly string[] {
  return READERS[file] ?? READERS[file.replace(/\/.*/, '/')] ?? []
}

function workerdTests(file: string): readonly string[] {
  // What the tests there share is best tried by those that try most.
  if (file.startsWith('test/workerd/')) return file.endsWith('.test.ts') ? [] : (WORKERD_TESTS['worker/'] ?? [])
  const rooms = Object.keys(WORKERD_TESTS).filter((room) => file.startsWith(room))
  return WORKERD_TESTS[rooms.toSorted((a, b) => b.length - a.length)[0] ?? ''] ?? []
}

/** The first of each list, then the second of each. */
function inTurns(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat()
}

function inOrder(names: readonly string[]): string[] {
  return [...new Set(names)]
}
