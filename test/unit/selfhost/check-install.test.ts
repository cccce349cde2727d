import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }

const CHECK = join(import.meta.dirname, '../../../selfhost/check-install.js')
let checkout = ''

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'mcp-edge-install-'))
  await mkdir(join(checkout, 'selfhost'))
  await copyFile(CHECK, join(checkout, 'selfhost/check-install.js'))
  await writeFile(join(checkout, 'package.json'), '{"type":"module"}')
  await writeFile(join(checkout, 'selfhost/start.ts'), "console.log('started' satisfies string)")
})

afterEach(() => rm(checkout, { recursive: true, force: true }))

/** What `npm start` runs, by the Node of this test. */
function start(...options: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const args = manifest.scripts.start.replace('exec node ', '').split(' ')
  return promisify(execFile)(process.execPath, [...options, ...args], { cwd: checkout })
}

test('npm start says in a checkout without packages that they are to be installed, and runs nothing', async () => {
  await expect(start()).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'mcp-edge: the project is not installed here yet: run npm ci, and then npm start again.\n',
  })
})

test('npm start says that the Node of the machine is too old, where only the other packages are there', async () => {
  await mkdir(join(checkout, 'node_modules/workerd'), { recursive: true })
  await expect(start('--no-experimental-strip-types')).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('npm ci --include=dev'),
  })
})

test('npm start starts where all is there', async () => {
  await mkdir(join(checkout, 'node_modules/workerd'), { recursive: true })
  expect((await start()).stdout).toBe('started\n')
})
