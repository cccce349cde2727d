/** server-filesystem behind a share: real files, written and read through the relay. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServedShare, npmServer, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { asArray, asObject, textField, toolText } from '../../harness/json.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import type { TestClient } from '../../harness/test-client.ts'

const stack = new AsyncDisposableStack()
let folder: string
let client: TestClient

beforeAll(async () => {
  folder = stack.use(await StateFolder.create()).path
  const relay = stack.use(await startRelay())
  // Roots of the client would replace the folder given here, so this client must have none that exist.
  const share = await createServedShare(stack, relay, { command: npmServer('server-filesystem', folder) })
  client = stack.use(await connectSdk1Http(share.shareUrl))
})
afterAll(() => stack.disposeAsync())

test('write_file and read_text_file keep text of every script', async () => {
  const path = join(folder, 'note.txt')
  const content = 'Grüße, 漢字, 🙂\nsecond line\n'
  await client.callTool('write_file', { path, content })
  expect(await readFile(path, 'utf8')).toBe(content)
  expect(toolText(await client.callTool('read_text_file', { path }))).toBe(content)
})

test('read_media_file answers with the bytes of an image', async () => {
  const path = join(folder, 'pixel.png')
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==', 'base64')
  await writeFile(path, png)
  const block = asObject(asArray((await client.callTool('read_media_file', { path }))['content'])[0])
  expect(Buffer.from(textField(block, 'data'), 'base64')).toEqual(png)
})

test('a path outside the folder is refused by the server, not by us', async () => {
  const result = await client.callTool('read_text_file', { path: '/etc/hostname' })
  expect(result['isError']).toBe(true)
  expect(toolText(result)).toContain('outside allowed directories')
})
