import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { watchFile } from '../../../../agent/config/watch.ts'
import { verifies } from '../../../requirements/verifies.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-watch-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('watchFile() tells of a file that is written, and of one that takes its place', async () => {
  verifies('promise.config.reload')
  const path = join(folder, 'c.yaml')
  writeFileSync(path, '1')
  let changed = Promise.withResolvers<void>()
  const unwatch = watchFile(
    path,
    () => changed.resolve(),
    (reason) => changed.reject(new Error(reason)),
  )
  writeFileSync(path, '2')
  await changed.promise
  changed = Promise.withResolvers()
  writeFileSync(join(folder, 'other'), '3')
  renameSync(join(folder, 'other'), path)
  await changed.promise
  unwatch()
})

test('watchFile() says when there is nothing to watch', async () => {
  const failed = Promise.withResolvers<string>()
  watchFile(join(folder, 'missing', 'c.yaml'), () => {}, failed.resolve)()
  expect(await failed.promise).toMatch(/ENOENT/)
})
