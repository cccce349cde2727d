import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { JUNK_GIVE_UP_MS, JUNK_VERDICT_MS, LAST_WORDS, SILENT_START_MS, UNFINISHED_LOOK_MS } from '../../../../agent/limits.ts'
import type { LogFields } from '../../../../agent/log.ts'
import { ChildStartup } from '../../../../agent/server/child-startup.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { SILENT_LOG } from '../silent-log.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const HEADERS = ['Content-Length: 120', '']

class Scene {
  readonly logged: (readonly [string, LogFields | undefined])[] = []
  readonly unreadable: string[] = []
  readonly passedOn: string[] = []
  unfinished = ''
  readonly startup = new ChildStartup({
    ch: 'c',
    log: {
      ...SILENT_LOG,
      child: (_, line) => void this.passedOn.push(line),
      info: (event, fields) => void this.logged.push([event, fields]),
      warn: (event, fields) => void this.logged.push([event, fields]),
    },
    now: () => performance.now(),
    unfinished: () => Buffer.from(this.unfinished),
    unreadable: (detail) => void this.unreadable.push(detail),
  })

  junk(...lines: readonly string[]): void {
    for (const line of lines) this.startup.junk(Buffer.from(line))
  }
}

test('ChildStartup logs once how long the first message took', () => {
  const scene = new Scene()
  vi.advanceTimersByTime(1234)
  scene.startup.message()
  scene.startup.message()
  expect(scene.logged).toEqual([['channel.started', { ch: 'c', tookMs: 1234 }]])
})

test('ChildStartup names a child that stays silent, and waits on', () => {
  verifies('promise.10.silent-start')
  const scene = new Scene()
  scene.junk('Downloading…')
  vi.advanceTimersByTime(SILENT_START_MS)
  expect(scene.logged).toMatchObject([['child.silent', { ch: 'c', forMs: SILENT_START_MS, junkLines: 1 }]])
  vi.advanceTimersByTime(10 * JUNK_GIVE_UP_MS)
  expect(scene.unreadable).toEqual([])
})

test('ChildStartup passes on what a child prints before its first message, and says where one that listens on a port can be found', () => {
  const scene = new Scene()
  const lines = Array.from({ length: LAST_WORDS }, (_, index) => `line ${index}`)
  scene.junk('Server running on port 3000', '', ...lines)
  scene.startup.junk(Buffer.from('more'))
  expect(scene.passedOn).toEqual(['Server running on port 3000', ...lines.slice(0, LAST_WORDS - 2)])
  const other = new Scene()
  other.junk('Server running on port 3000')
  vi.advanceTimersByTime(SILENT_START_MS)
  expect(other.logged[0]?.[1]?.['meaning']).toContain('--url http://localhost:3000/mcp')
  other.startup.message()
  other.junk('after it')
  expect(other.passedOn).toHaveLength(1)
})

test('ChildStartup believes output in another form when no message has come soon after it', () => {
  verifies('promise.10.unreadable')
  const scene = new Scene()
  scene.junk(...HEADERS)
  vi.advanceTimersByTime(JUNK_VERDICT_MS - 1)
  expect(scene.unreadable).toEqual([])
  vi.advanceTimersByTime(1)
  scene.junk(...HEADERS)
  vi.advanceTimersByTime(JUNK_GIVE_UP_MS)
  expect(scene.unreadable).toEqual(['the server prints Content-Length headers instead of one message per line'])
})

test('ChildStartup takes a message for proof that the rest is only junk', () => {
  verifies('stdio.junk')
  const scene = new Scene()
  scene.junk(...HEADERS)
  scene.startup.message()
  scene.junk(...HEADERS)
  vi.advanceTimersByTime(JUNK_GIVE_UP_MS)
  expect(scene.unreadable).toEqual([])
})

test('ChildStartup gives up on a child that goes on printing, and on one that ends no line', () => {
  verifies('promise.10.unreadable')
  const chatty = new Scene()
  for (let ms = 0; ms < JUNK_GIVE_UP_MS; ms += 1000) {
    chatty.junk('sh-5.2$ ')
    vi.advanceTimersByTime(1000)
  }
  expect(chatty.unreadable).toEqual([expect.stringContaining('goes on printing')])
  const endless = new Scene()
  endless.unfinished = '{"jsonrpc":"2.0","id":0,"result":'
  vi.advanceTimersByTime(JUNK_GIVE_UP_MS)
  expect(endless.unreadable).toEqual([])
  endless.unfinished += '{}}'
  vi.advanceTimersByTime(UNFINISHED_LOOK_MS + JUNK_VERDICT_MS)
  expect(endless.unreadable).toEqual(['the server ends its messages without a line end'])
})

test('ChildStartup.end() ends its watch', () => {
  const scene = new Scene()
  scene.junk(...HEADERS)
  scene.startup.end()
  vi.advanceTimersByTime(JUNK_GIVE_UP_MS)
  expect([scene.logged, scene.unreadable]).toEqual([[], []])
})
