import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { startChild, type Child, type ChildEnd } from '../../../../agent/server/child.ts'
import type { Guard } from '../../../../agent/server/guard.ts'
import { Mask } from '../../../../agent/mask.ts'
import { allGone, childrenOf, isAlive } from '../../../e2e/processes.ts'

const NO_GUARD: Guard = { add: () => {}, remove: () => {}, end: () => {} }

interface Started {
  readonly child: Child
  readonly gone: Promise<ChildEnd>
  readonly lines: string[]
  readonly stderr: string[]
  readonly line: () => Promise<string>
}

function start(
  command: string,
  args: string[],
  options: { secrets?: string[]; env?: Record<string, string>; guard?: Guard } = {},
): Started {
  const gone = Promise.withResolvers<ChildEnd>()
  const lines: string[] = []
  const stderr: string[] = []
  const waiting: (() => void)[] = []
  const wake = (): void => waiting.splice(0).forEach((act) => act())
  const child = startChild(
    { command, args, cwd: '/', env: { PATH: process.env['PATH'] ?? '', ...options.env } },
    {
      line: (bytes) => {
        lines.push(Buffer.from(bytes).toString())
        wake()
      },
      tooLong: () => {},
      stderr: (line) => stderr.push(line),
      gone: (end) => gone.resolve(end),
    },
    { guard: options.guard ?? NO_GUARD, mask: new Mask(options.secrets ?? []), platform: process.platform },
  )
  let read = 0
  const line = async (): Promise<string> => {
    while (lines.length <= read) await new Promise<void>((resolve) => waiting.push(resolve))
    return lines[read++] ?? ''
  }
  return { child, gone: gone.promise, lines, stderr, line }
}

function node(script: string): [string, string[]] {
  return [process.execPath, ['-e', script]]
}

test('startChild() hands over lines, and takes bytes', async () => {
  const { child, line, gone } = start('cat', [])
  const taken = Promise.withResolvers<boolean>()
  child.write(Buffer.from('hello\n'), taken.resolve)
  expect(await taken.promise).toBe(true)
  expect(await line()).toBe('hello')
  await child.stop()
  expect(await gone).toEqual({ exitCode: 0, signal: null, stderr: '' })
})

test.each([
  ['/nowhere/no-such-command', 'command not found: /nowhere/no-such-command'],
  ['no-such-command-anywhere', 'command not found: no-such-command-anywhere'],
  ['/etc/passwd', 'not allowed to run: /etc/passwd'],
  ['a\0b', 'a\0b did not start: ERR_INVALID_ARG_VALUE'],
])('startChild() reports that %j cannot run', async (command, startError) => {
  const { child, gone } = start(command, [])
  const taken = Promise.withResolvers<boolean>()
  child.write(Buffer.from('x\n'), taken.resolve)
  expect(await gone).toMatchObject({ exitCode: null, startError })
  expect(await taken.promise).toBe(false)
  await child.stop()
})

test('Child.write() brings the lines of one turn to the child in one piece and in order, and tells of each', async () => {
  const script = `console.log('reading'); process.stdin.on('data', (piece) => console.log(JSON.stringify(String(piece))))`
  const { child, gone, line } = start(...node(script))
  expect(await line()).toBe('reading')
  const written = Array.from({ length: 500 }, (_, index) => `line ${index}\n`)
  const taken = written.map((text) => new Promise<boolean>((resolve) => child.write(Buffer.from(text), resolve)))
  expect(JSON.parse(await line())).toBe(written.join(''))
  expect(new Set(await Promise.all(taken))).toEqual(new Set([true]))
  void child.stop()
  await gone
})

test('Child.stop() in the turn of a write lets the child have that line', async () => {
  const { child, gone, lines } = start(...node(`process.stdin.on('data', (piece) => console.log(String(piece)))`))
  const taken = new Promise<boolean>((resolve) => child.write(Buffer.from('last words'), resolve))
  void child.stop()
  expect(await taken).toBe(true)
  await gone
  expect(lines).toEqual(['last words'])
})

test('startChild() uses no shell', async () => {
  const { gone, lines } = start('echo', ['$(id); `id` "x"'])
  await gone
  expect(lines).toEqual(['$(id); `id` "x"'])
})

test('startChild() reports exit code and the masked end of stderr', async () => {
  const { gone, stderr } = start(
    ...node(`process.stderr.write('a'.repeat(6000) + '\\nkey is pass' + 'word-1\\nlast words'); process.exitCode = 7`),
    { secrets: ['password-1'] },
  )
  const end = await gone
  expect(end).toMatchObject({ exitCode: 7, signal: null })
  expect(end.stderr).toMatch(/^a+\nkey is \[secret\]\nlast words$/)
  expect(Buffer.byteLength(end.stderr)).toBeLessThanOrEqual(4096)
  expect(stderr.slice(1)).toEqual(['key is [secret]', 'last words'])
})

test('startChild() cuts a long line of stderr so that no half of a secret remains', async () => {
  const { gone, stderr } = start(...node(`process.stderr.write('a'.repeat(16 * 1024 - 5) + 'password-1' + 'b'.repeat(99) + '\\n')`), {
    secrets: ['password-1'],
  })
  await gone
  expect(stderr).toHaveLength(1)
  expect(stderr[0]).toMatch(/^a+… \(\d+ bytes\)$/)
})

test('Child.stop() ends a child that heeds the end of its stdin, without a signal', async () => {
  const { child, gone } = start(...node(`process.stdin.resume().on('end', () => process.exit(5))`))
  await child.stop()
  expect(await gone).toMatchObject({ exitCode: 5, signal: null })
})

test.concurrent('Child.stop() ends a child that ignores stdin with SIGTERM', async () => {
  const { child, gone, line } = start(...node(`setInterval(() => {}, 1e6); console.log('up')`))
  await line()
  await child.stop()
  expect(await gone).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
}, 10_000)

test.concurrent('Child.stop() ends a child and its own child that ignore stdin and SIGTERM', async () => {
  const { child, gone, line } = start(
    ...node(`
    process.on('SIGTERM', () => {})
    const own = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log(process.pid)"], { stdio: ['ignore', 'inherit', 'ignore'] })
    setInterval(() => {}, 1e6)`),
  )
  const grandchild = Number(await line())
  expect(isAlive(grandchild)).toBe(true)
  await child.stop()
  expect(await gone).toMatchObject({ signal: 'SIGKILL' })
  await allGone([grandchild])
}, 15_000)

test.concurrent('startChild() ends what a child leaves behind, and does not wait for a pipe that it holds open', async () => {
  const { child, gone, line } = start(
    ...node(`
    const own = require('node:child_process').spawn(process.execPath, ['-e', "setInterval(() => {}, 1e6); process.on('SIGTERM', () => {}); console.log(process.pid)"], { stdio: ['ignore', 'inherit', 'ignore'] })
    process.stdin.on('data', () => process.exit(0))`),
  )
  const grandchild = Number(await line())
  child.write(Buffer.from('go\n'), () => {})
  expect(await gone).toMatchObject({ exitCode: 0 })
  await allGone([grandchild])
}, 15_000)

test('startChild() lets what a child leaves behind tidy up', async () => {
  const { child, gone, line } = start(
    ...node(`
    const own = require('node:child_process').spawn(process.execPath, ['-e', "setInterval(() => {}, 1e6); process.on('SIGTERM', () => { console.log('tidied'); process.exit() }); console.log('up')"], { stdio: ['ignore', 'inherit', 'ignore'] })
    process.stdin.on('data', () => process.exit(0))`),
  )
  await line()
  child.write(Buffer.from('go\n'), () => {})
  expect(await line()).toBe('tidied')
  expect(await gone).toMatchObject({ exitCode: 0 })
})

test('startChild() tells the guard of the group, and when it is empty', async () => {
  const told: string[] = []
  const removed = Promise.withResolvers<void>()
  const guard: Guard = {
    add: (pgid) => told.push(`add ${pgid}`),
    remove: (pgid) => {
      told.push(`del ${pgid}`)
      removed.resolve()
    },
    end: () => {},
  }
  const { child, gone } = start('cat', [], { guard })
  await child.stop()
  await gone
  await removed.promise
  expect(told).toEqual([`add ${child.pid}`, `del ${child.pid}`])
})

test('Child.pause() stops a flood in the pipe, and resume() lets it go on', async () => {
  const { child, line, lines, gone } = start(
    ...node(`
    let n = 0
    const more = () => { while (process.stdout.write(++n + ' ' + 'x'.repeat(1000) + '\\n')); process.stdout.once('drain', more) }
    more()`),
  )
  await line()
  child.pause()
  const seen = lines.length
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(lines.length - seen).toBeLessThan(200)
  child.resume()
  await vi.waitUntil(() => lines.length > seen + 1000, { interval: 5 })
  child.kill()
  expect(await gone).toMatchObject({ signal: 'SIGKILL' })
  expect(lines.map((text) => Number.parseInt(text))).toEqual(lines.map((_, index) => index + 1))
})

test.concurrent('startGuard() ends the groups of an agent that was killed', async () => {
  const guardUrl = new URL('../../../../agent/server/guard.ts', import.meta.url).href
  const script = `
    import { spawn } from 'node:child_process'
    import { startGuard } from ${JSON.stringify(guardUrl)}
    const guard = startGuard(() => {}, process.platform)
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
}, 20_000)
