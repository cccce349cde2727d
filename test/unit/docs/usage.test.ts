/** Every runner that the pages name says by --help what it does, and does nothing else. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '../../..')
/** A Node with all that it imports, on a busy machine. */
const HELP_MS = 30_000

const scripts = Object.entries(manifest.scripts).flatMap(([name, command]) => {
  const [, file] = /^(?:exec )?node (?:--import \S+ )?(\S+)$/.exec(command) ?? []
  return file === undefined ? [] : [{ name: name === 'start' ? 'npm start' : `npm run ${name}`, file }]
})
const RUNNERS = [...scripts, ...['cost', 'lanes', 'profile'].map((name) => ({ name: `node bench/${name}.ts`, file: `bench/${name}.ts` }))]

test.concurrent.each(RUNNERS)(
  '$name --help prints its usage and ends',
  async ({ name, file }) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, '--help'], { cwd: ROOT, timeout: HELP_MS })
    expect(stdout.split('\n')[0]).toMatch(new RegExp(`^(?:usage: )?${name.replaceAll('.', '\\.')}\\b`))
    expect(stderr).toBe('')
  },
  HELP_MS,
)

test(
  'npm run conformance refuses options that it does not have, before it runs anything',
  async () => {
    const running = promisify(execFile)(process.execPath, ['test/conformance/run.ts', '--seed', '1'], { cwd: ROOT, timeout: HELP_MS })
    await expect(running).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/'--seed'[^]*\n\nnpm run conformance\n/),
    })
  },
  HELP_MS,
)
