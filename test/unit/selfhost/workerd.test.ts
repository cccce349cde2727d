import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toWorkerdConfig } from '../../../selfhost/config.ts'
import { startWorkerd, type WorkerdOptions } from '../../../selfhost/workerd.ts'

const WORKER = 'export default { fetch: (_, env) => new Response(env.SECRET) }'
const RELAY = {
  name: 'r',
  main: '',
  compatibilityDate: '2026-01-01',
  compatibilityFlags: [],
  objects: [],
  sqliteClasses: [],
  vars: {},
}

let dir = ''

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mcp-edge-workerd-'))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

function optionsOf(more: Partial<WorkerdOptions> = {}): WorkerdOptions {
  const files = { configFile: join(dir, 'runtime/config.capnp'), storageDir: join(dir, 'storage') }
  return { ...files, variables: { SECRET: 'from the environment' }, onProcess: () => {}, output: () => {}, ...more }
}

test('startWorkerd() tells its process and the port that it listens on, and gives the Worker its variables', async () => {
  for (const name of ['runtime', 'storage']) await mkdir(join(dir, name))
  await writeFile(join(dir, 'runtime/worker.js'), WORKER)
  const config = toWorkerdConfig(RELAY, { address: '127.0.0.1:0', bundle: 'worker.js', fromEnvironment: ['SECRET'] })
  await writeFile(optionsOf().configFile, config)
  const pids: number[] = []
  const relay = await startWorkerd(optionsOf({ onProcess: (pid) => pids.push(pid) }))
  try {
    expect(pids).toEqual([relay.pid])
    expect(await (await fetch(`http://127.0.0.1:${relay.port}`)).text()).toBe('from the environment')
  } finally {
    await relay.stop()
  }
  expect(await relay.ended).toMatch(/SIGINT|exit code/)
})

test('startWorkerd() fails when workerd ends before it listens, and tells what it has said', async () => {
  const lines: string[] = []
  const failed = startWorkerd(optionsOf({ output: (line) => void lines.push(line) }))
  await expect(failed).rejects.toThrow(/^workerd did not start \(exit code \d+\)\n./)
  expect(lines).not.toEqual([])
})
