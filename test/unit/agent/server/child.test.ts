import { expect, test, vi } from 'vitest'
import { startChild, type Child, type ChildEnd, type StopGrace } from '../../../../agent/server/child.ts'
import type { Guard } from '../../../../agent/server/guard.ts'
import { LineMask } from '../../../../agent/server/masking/line-mask.ts'
import { Mask } from '../../../../agent/mask.ts'
import { allGone, isAlive } from '../../../harness/processes.ts'
import { verifies } from '../../../requirements/verifies.ts'

const NO_GUARD: Guard = { add: () => {}, remove: () => {}, end: () => {} }

/** For children that heed neither: long enough to see the steps apart. */
const SHORT: StopGrace = { stdinEndMs: 200, termMs: 200 }

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
  options: { secrets?: string[]; env?: Record<string, string>; guard?: Guard; grace?: StopGrace } = {},
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
    {
      guard: options.guard ?? NO_GUARD,
      mask: new Mask(options.secrets ?? []),
      platform: process.platform,
      ...(options.grace && { grace: options.grace }),
    },
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

test('startChild() masks the lines that it hands over', async () => {
  verifies('promise.9.masked')
  const line = Promise.withResolvers<string>()
  const [command, args] = node('console.log(JSON.stringify("it is correct-horse"))')
  const child = startChild(
    { command, args, cwd: '/', env: {} },
    { line: (bytes) => line.resolve(Buffer.from(bytes).toString()), tooLong: () => {}, stderr: () => {}, gone: () => {} },
    { guard: NO_GUARD, mask: new Mask([]), lineMask: new LineMask(['correct-horse'], () => {}), platform: process.platform },
  )
  expect(await line.promise).toBe('"it is [secret]"')
  await child.stop()
})

test('startChild() uses no shell', async () => {
  verifies('promise.9.no-shell')
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

test('Child.stop() ends a child that heeds the end of its stdin, without a signal', async () => {
  verifies('stdio.shutdown.stdin')
  const { child, gone } = start(...node(`process.stdin.resume().on('end', () => process.exit(5))`))
  await child.stop()
  expect(await gone).toMatchObject({ exitCode: 5, signal: null })
})

test('Child.stop() ends a child that ignores stdin with SIGTERM', async () => {
  verifies('stdio.shutdown.sigterm')
  const { child, gone, line } = start(...node(`setInterval(() => {}, 1e6); console.log('up')`), { grace: SHORT })
  await line()
  await child.stop()
  expect(await gone).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
})

test('Child.stop() ends a child and its own child that ignore stdin and SIGTERM', async () => {
  verifies('stdio.shutdown.sigkill')
  const { child, gone, line } = start(
    ...node(`
    process.on('SIGTERM', () => {})
    const own = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log(process.pid)"], { stdio: ['ignore', 'inherit', 'ignore'] })
    setInterval(() => {}, 1e6)`),
    { grace: SHORT },
  )
  const grandchild = Number(await line())
  expect(isAlive(grandchild)).toBe(true)
  await child.stop()
  expect(await gone).toMatchObject({ signal: 'SIGKILL' })
  await allGone([grandchild])
})

test('startChild() ends what a child leaves behind, and does not wait for a pipe that it holds open', async () => {
  const { child, gone, line } = start(
    ...node(`
    const own = require('node:child_process').spawn(process.execPath, ['-e', "setInterval(() => {}, 1e6); process.on('SIGTERM', () => {}); console.log(process.pid)"], { stdio: ['ignore', 'inherit', 'ignore'] })
    process.stdin.on('data', () => process.exit(0))`),
    { grace: SHORT },
  )
  const grandchild = Number(await line())
  child.write(Buffer.from('go\n'), () => {})
  expect(await gone).toMatchObject({ exitCode: 0 })
  await allGone([grandchild])
})

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
