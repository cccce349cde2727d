import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { supervise } from '../../../selfhost/child-process.ts'

const GRACE_MS = 50
const RUNS = 'process.stdout.write("up"); setInterval(() => {}, 1e6)'

/** A Node process that runs this. */
function started(code: string): ReturnType<typeof spawn> {
  return spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] })
}

async function running(code: string): Promise<Awaited<ReturnType<typeof supervise>>> {
  const child = started(code)
  const up = once(child.stdout ?? child, 'data')
  const supervised = await supervise(child, 'SIGTERM', GRACE_MS)
  await up
  return supervised
}

describe('supervise()', () => {
  test('fails when there is no such program', async () => {
    await expect(supervise(spawn(join(import.meta.dirname, 'no-such-program')), 'SIGTERM', GRACE_MS)).rejects.toThrow('ENOENT')
  })

  test('says how the process ended by itself', async () => {
    expect(await (await supervise(started('process.exitCode = 7'), 'SIGTERM', GRACE_MS)).ended).toBe('exit code 7')
  })

  test('stop() ends it by the signal, and does nothing the second time', async () => {
    const { ended, stop } = await running(RUNS)
    await stop()
    expect(await ended).toBe('killed by SIGTERM')
    await stop()
  })

  test('stop() kills what is still there after the grace time', async () => {
    const { ended, stop } = await running(`process.on('SIGTERM', () => {}); ${RUNS}`)
    await stop()
    expect(await ended).toBe('killed by SIGKILL')
  })
})
