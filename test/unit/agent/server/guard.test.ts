import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startGuard } from '../../../../agent/server/guard.ts'
import { allGone, childrenOf } from '../../../harness/processes.ts'

test('startGuard() ends the groups of an agent that was killed', async () => {
  const guardUrl = new URL('../../../../agent/server/guard.ts', import.meta.url).href
  const script = `
    import { spawn } from 'node:child_process'
    import { startGuard } from ${JSON.stringify(guardUrl)}
    const guard = startGuard(() => {}, process.platform, ['0', '0'])
    const stubborn = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log('up')"], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    guard.add(999999999)
    guard.remove(999999999)
    guard.add(stubborn.pid)
    stubborn.stdout.once('data', () => console.log(stubborn.pid))
    setInterval(() => {}, 1e6)`
  const agent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = (await once(agent.stdout, 'data')) as [Buffer]
  const stubborn = Number(text.toString())
  const guards = childrenOf(agent.pid ?? 0).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('mcp-edge-guard'))
  expect(guards).toHaveLength(1)
  process.kill(guards[0] ?? 0, 'SIGINT')
  process.kill(guards[0] ?? 0, 'SIGTERM')
  agent.kill('SIGKILL')
  await allGone([stubborn, ...guards])
})

test('startGuard() starts nothing on Windows, where there is no POSIX shell', () => {
  const before = childrenOf(process.pid)
  const guard = startGuard(() => {}, 'win32')
  guard.add(1)
  guard.end()
  expect(childrenOf(process.pid).filter((pid) => !before.includes(pid))).toEqual([])
})

test('Guard.end() lets the guard end, and spares a group that was removed', async () => {
  const group = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  const before = childrenOf(process.pid)
  const guard = startGuard(() => {}, process.platform, ['0', '0'])
  const own = childrenOf(process.pid).filter((pid) => !before.includes(pid))
  expect(own).toHaveLength(1)
  guard.add(group.pid ?? 0)
  guard.remove(group.pid ?? 0)
  guard.end()
  await allGone(own)
  expect(group.signalCode).toBeNull()
  group.stdin.end()
  expect(await once(group, 'exit')).toEqual([0, null])
})
