/** A message is in few of our files on its way, in none of them twice, and docs/design.md names them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { recordWays } from '../../trace/record.ts'
import { describeWays, faultsOf, type Way, withBlock } from '../../trace/way.ts'
import { ROOT } from '../../harness/program.ts'

let ways: readonly Way[]

beforeAll(async () => {
  ways = await recordWays()
})

test('recordWays() sees a call at all six stages, and a notification at the three on its way up', () => {
  const six = ['Worker down', 'Share down', 'agent down', 'agent up', 'Share up', 'Worker up']
  const seen = ways.map(({ stages }) => stages.map(({ place, direction }) => `${place} ${direction}`))
  expect(seen).toEqual([six, six, six.slice(3)])
})

test('each stage of each way has five files at most, none of them twice', () => {
  expect(ways.flatMap(faultsOf)).toEqual([])
})

test('docs/design.md names the files of each way (npm run trace -- --write)', async () => {
  const page = await readFile(join(ROOT, 'docs/design.md'), 'utf8')
  expect(page).toBe(withBlock(page, describeWays(ways)))
})
