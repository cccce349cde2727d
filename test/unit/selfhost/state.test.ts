import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openState } from '../../../selfhost/state.ts'

let parent = ''
let dir = ''

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mcp-edge-state-'))
  dir = join(parent, 'state')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

test('openState() makes a folder and files that only their owner can read', async () => {
  const folder = await openState(dir)
  await folder.read()
  for (const path of [dir, folder.storageDir, folder.runtimeDir]) expect((await stat(path)).mode & 0o777, path).toBe(0o700)
  expect((await stat(join(dir, 'state.json'))).mode & 0o777).toBe(0o600)
})

test('openState() makes the folders above it as well', async () => {
  const deep = join(dir, 'a/b/c')
  await (await openState(deep)).read()
  expect((await stat(join(deep, 'state.json'))).isFile()).toBe(true)
})

test('openState() names a folder that there cannot be', async () => {
  await writeFile(dir, 'a file')
  for (const path of [dir, join(dir, 'below')])
    await expect(openState(path)).rejects.toThrow(`${path} cannot be the folder for the data; name another with --data`)
})

test('read() makes an owner key once', async () => {
  const folder = await openState(dir)
  expect(folder.wasKilled).toBe(false)
  const { ownerKey } = await folder.read()
  expect(ownerKey).toMatch(/^mcpe_owner_[\w-]{43}$/)
  await folder.release()
  expect((await (await openState(dir)).read()).ownerKey).toBe(ownerKey)
})

test('write() keeps all that read() is to give back', async () => {
  const folder = await openState(dir)
  const share = { share: 's', sharePath: '/s/s/k/k/mcp', clientToken: 'c', agentToken: 'a', expiresAt: '2027-01-01T00:00:00.000Z' }
  const state = { ownerKey: 'o', port: 8787, share }
  await folder.write(state)
  expect(await folder.read()).toEqual(state)
})

test.each(['', '{', '[]', '{"ownerKey":1}', '{"ownerKey":"o","port":"1"}', '{"ownerKey":"o","share":{}}'])(
  'read() refuses the damaged state %j and leaves it alone',
  async (text) => {
    const folder = await openState(dir)
    await writeFile(join(dir, 'state.json'), text)
    await expect(folder.read()).rejects.toThrow(/damaged; restore it/)
    expect(await readFile(join(dir, 'state.json'), 'utf8')).toBe(text)
  },
)

test('openState() refuses a folder that a running start.ts holds, and takes it when that has ended', async () => {
  await openState(dir)
  const other = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1e6)', 'start.ts'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(other.stdout, 'data')
  await writeFile(join(dir, 'lock'), String(other.pid))
  await expect(openState(dir)).rejects.toThrow(`another process (${other.pid}) uses this folder`)
  const told: number[] = []
  const waiting = openState(dir, 60_000, (pid) => void told.push(pid))
  other.kill('SIGKILL')
  await once(other, 'exit')
  expect((await waiting).wasKilled).toBe(true)
  expect(told.every((pid) => pid === other.pid)).toBe(true)
  expect(await readFile(join(dir, 'lock'), 'utf8')).toBe(String(process.pid))
})
