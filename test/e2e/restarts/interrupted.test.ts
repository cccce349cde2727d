/** Runners that are ended by Ctrl-C: what they have started ends with them, and their folders are gone. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../harness/deadline.ts'
import { allGone, descendants } from '../../harness/processes.ts'
import { NODE, Program, ROOT } from '../../harness/program.ts'
import { StateFolder } from '../../harness/selfhost.ts'

test.each(['test/interop/matrix.ts', 'test/conformance/run.ts'])('%s leaves no folder and no process after Ctrl-C', async (runner) => {
  await using place = await StateFolder.create()
  await using program = new Program(NODE, [join(ROOT, runner)], { env: { TMPDIR: place.path } })
  // The folder of its relay, and the relay itself.
  const started = await until(() => {
    const pids = descendants(program.pid)
    return pids.length >= 2 && readdirSync(place.path).length > 0 && pids
  }, 'the relay of the runner')
  expect((await program.stop('SIGINT')).code).toBe(130)
  await allGone(started)
  expect(readdirSync(place.path)).toEqual([])
})

test.each(['test/interop/matrix.ts', 'test/conformance/run.ts'])('%s --help starts nothing', async (runner) => {
  await using program = new Program(NODE, [join(ROOT, runner), '--help'])
  expect((await program.exited).code).toBe(0)
  expect(program.stdout.lines[0]).toMatch(/^npm run (?:matrix|conformance)/)
})
