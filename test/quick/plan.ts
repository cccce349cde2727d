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
  'protocol/': ['share', 'session', 'modern-on-legacy'],
  'worker/': ['session', 'share', 'round-trips'],
  'worker/access/': ['access', 'session'],
  'worker/index.ts': ['seed-addresses', 'access', 'session'],
  'worker/metrics.ts': ['seed-addresses'],
  'worker/foreign-agents/': ['context-forge', 'reverse-proxy-sessions', 'mr-pilot', 'egdesk', 'access'],
  'worker/agent-route.ts': ['access', 'share', 'mutated-requests'],
  'worker/api/': [
    'api-routes',
    'accepted-tools',
    'openapi',
    'owner-sessions',
    'share-orders',
    'links',
    'access',
    'lanes',
    'registry',
    'lane-orders',
  ],
  'worker/bridge/': ['modern-on-legacy', 'legacy-on-modern', 'modern-listen', 'modern-calls', 'bridged-roots', 'carried'],
  'worker/carry/': ['share', 'credit', 'unread-streams', 'away', 'hand-over', 'answer-parts'],
  'worker/contract/': ['session', 'share', 'modern-on-legacy', 'legacy-on-modern', 'round-trips'],
  'worker/lanes.ts': ['lanes'],
  'worker/mcp/': ['session', 'access', 'doors', 'http-sse', 'returning-sse', 'modern-calls', 'resumed-streams', 'named-calls'],
  'worker/mcp/call/': ['round-trips', 'session', 'hand-over', 'standby-answers', 'recovery'],
  'worker/mcp/legacy-client/': [
    'session',
    'legacy-on-modern',
    'left-rounds',
    'resumed-streams',
    'input-rounds',
    'resumed-listeners',
    'tasks',
  ],
  'worker/mcp/modern-client/': [
    'modern-on-legacy',
    'modern-listen',
    'modern-calls',
    'left-modern',
    'round-trips',
    'bridged-asks',
    'request-states',
    'long-declarations',
    'modern-tasks',
  ],
  'worker/mcp/pinning/': ['pinning', 'first-listings', 'pinned-doors', 'accepted-tools', 'large-listings'],
  'worker/mcp/policy/': ['link-policy', 'trust-gate', 'hidden-lists', 'pinning', 'pinned-doors', 'approvals-doors', 'pinned-answers'],
  'worker/mcp/response/': ['session', 'share', 'http-sse', 'modern-calls', 'resumed-streams'],
  'worker/registry/': ['registry', 'links', 'owners', 'lanes', 'access'],
  'worker/sign-in/': ['sign-in', 'sign-in-ends', 'consent', 'sign-in-clients', 'client-documents', 'share-hosts', 'wrong-credentials'],
  'worker/share/': ['share', 'session', 'modern-on-legacy', 'recovery', 'idle', 'share-report', 'kept-by-share'],
  'worker/share/agents/wires/': ['context-forge', 'mr-pilot', 'egdesk', 'share'],
  'worker/share/agents/': ['share', 'away', 'lost-agents', 'left-unmade', 'drain', 'silent-link', 'returning-agents'],
  'worker/share/answers/': ['share', 'recovery', 'standby-answers', 'restart-news', 'run-once', 'returning-agents'],
  'worker/share/calls/': ['session', 'modern-on-legacy', 'legacy-on-modern', 'resumed-streams', 'left-sessions', 'abandoned', 'quotas'],
  'worker/share/children/': ['shared-child', 'both-eras', 'repeatable-calls', 'modern-listen', 'recovery', 'session'],
  'worker/share/clients/': ['credit', 'unread-streams', 'share', 'hand-over', 'untaken-messages'],
  'worker/share/rows/': ['rows-in-memory', 'listing-rows', 'session', 'recovery', 'parked-rows', 'audit-rings'],
  'worker/share/usage/': ['owner-sessions', 'link-uses', 'audit', 'audit-rings', 'captured-calls', 'followed-audit'],
  'worker/share/trust/': [
    'trust-gate',
    'pinning',
    'rate-limits',
    'used-limits',
    'limited-audit',
    'address-limits',
    'anonymous',
    'cut-off',
    'cut-off-lanes',
    'trust-table',
    'link-policy',
    'sliding-ends',
    'approvals',
    'approvals-ends',
    'approvals-lanes',
    'allowances',
  ],
  'worker/web/': ['web-host', 'web-path'],
  'worker/share/web/': ['web-host'],
  'wrangler.toml': ['session'],
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
