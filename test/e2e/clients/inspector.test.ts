/** The Inspector's command line, one method a run. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServedShare, npmServer, type Share, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { asArray, asObject, toolText } from '../../harness/json.ts'
import { NODE, ROOT, run } from '../../harness/program.ts'

const CLI = join(ROOT, 'node_modules/.bin/mcp-inspector')

const stack = new AsyncDisposableStack()
let share: Share
let home: string

beforeAll(async () => {
  home = stack.use(await StateFolder.create()).path
  const relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: npmServer('server-everything') })
})
afterAll(() => stack.disposeAsync())

async function inspect(args: readonly string[]): Promise<Record<string, unknown>> {
  const env = { HOME: home, BROWSER: 'none' }
  const exit = await run(NODE, [CLI, '--cli', ...args], { env })
  expect(exit, exit.stderr).toHaveProperty('code', 0)
  return asObject(JSON.parse(exit.stdout))
}

test('tools/list over the URL that carries its key', async () => {
  const { tools } = await inspect([share.shareUrl, '--transport', 'http', '--method', 'tools/list'])
  expect(asArray(tools).map((tool) => asObject(tool)['name'])).toContain('echo')
})

test('tools/call with a bearer token', async () => {
  const header = ['--header', `Authorization: Bearer ${share.clientToken}`]
  const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello']
  expect(toolText(await inspect([share.url, '--transport', 'http', ...header, ...call]))).toBe('Echo: hello')
})

test('resources/list over HTTP+SSE', async () => {
  const url = share.shareUrl.replace(/\/mcp$/, '/sse')
  const { resources } = await inspect([url, '--transport', 'sse', '--method', 'resources/list'])
  expect(asArray(resources).length).toBeGreaterThan(0)
})
