import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALWAYS, quickPlan, WORKERD_TESTS } from '../../quick/plan.ts'

const ROOT = join(import.meta.dirname, '../../..')
const planOf = (...files: string[]): ReturnType<typeof quickPlan> => quickPlan(files.map((file) => ({ file, isGone: false })))

test('quickPlan() of a file of the Share has its room tested in workerd, and no project that does not see it', () => {
  expect(planOf('worker/share/clients/credit.ts')).toEqual({
    tsconfigs: ['worker', 'test', 'test/workerd', 'bench', 'bench/profile/worker'],
    sources: ['worker/share/clients/credit.ts', ...ALWAYS],
    workerd: ['limits/credit', 'limits/unread-streams', 'rows/share', 'calls/hand-over', 'sessions/untaken-messages'],
    workerdLater: [],
    e2e: [],
  })
})

test('quickPlan() of the agent needs no workerd', () => {
  const { tsconfigs, workerd } = planOf('agent/channel/outbox.ts')
  expect(tsconfigs).toEqual(['agent', 'selfhost', 'test', 'bench'])
  expect(workerd).toEqual([])
})

test('quickPlan() takes no more than six files of workerd, the first of each room, and names the others', () => {
  const { workerd, workerdLater } = planOf('worker/share/answers/a.ts', 'worker/share/rows/b.ts', 'worker/access/c.ts')
  expect(workerd).toEqual([
    'rows/share',
    'rows/rows-in-memory',
    'access/access',
    'agents/recovery',
    'rows/listing-rows',
    'sessions/session',
  ])
  expect(workerdLater).toEqual([
    'agents/standby-answers',
    'agents/restart-news',
    'calls/run-once',
    'rows/parked-rows',
    'agents/returning-agents',
    'owner/audit-rings',
  ])
})

test('quickPlan() runs each test that was changed itself, in workerd and end to end', () => {
  const { workerd, e2e } = planOf('test/workerd/calls/idle.test.ts', 'test/e2e/clients/http.test.ts', 'test/harness/selfhost.ts')
  expect(workerd).toEqual(['calls/idle'])
  expect(e2e).toEqual(['clients/http'])
})

test('quickPlan() looks for no importers of a file that is gone, and still tests its room', () => {
  const { sources, workerd } = quickPlan([{ file: 'worker/lanes.ts', isGone: true }])
  expect(sources).toEqual(ALWAYS)
  expect(workerd).toEqual(['calls/lanes'])
})

test('quickPlan() finds the unit tests that read a page', () => {
  expect(planOf('docs/troubleshooting.md').sources).toContain('test/unit/docs/troubleshooting.test.ts')
})

test('quickPlan() finds the unit tests that read the recipes', () => {
  const { sources } = planOf('recipes/docker/relay.Dockerfile')
  expect(sources).toContain('test/unit/recipes/docker.test.ts')
  expect(sources.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})

test('quickPlan() has everything compiled when the compiler or its settings change', () => {
  expect(planOf('tsconfig.base.json').tsconfigs).toHaveLength(8)
})

test('WORKERD_TESTS has each file of test/workerd for some room, and rooms that exist', () => {
  const there = readdirSync(join(ROOT, 'test/workerd'), { recursive: true, encoding: 'utf8' }).flatMap(
    (name) => /^(.+)\.test\.ts$/.exec(name)?.[1] ?? [],
  )
  expect([...new Set(Object.values(WORKERD_TESTS).flat())].toSorted()).toEqual(there.toSorted())
  expect(Object.keys(WORKERD_TESTS).filter((room) => !existsSync(join(ROOT, room)))).toEqual([])
})
