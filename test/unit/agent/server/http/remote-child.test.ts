import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import { HTTP_CALL_BYTES, HTTP_CALLS, HTTP_DRAIN_MS, HTTP_INITIALIZED_MS } from '../../../../../agent/limits.ts'
import type { ChildEnd } from '../../../../../agent/server/child.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { type Outgoing, RemoteChild, type RemotePort } from '../../../../../agent/server/http/remote-child.ts'
import { verifies } from '../../../../requirements/verifies.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A session whose wire is played by the test. */
class Stage {
  readonly sent: Outgoing[] = []
  readonly heard: Record<string, unknown>[] = []
  readonly ends: ChildEnd[] = []
  readonly child: RemoteChild
  isBusy = false
  isCut = false
  #port: RemotePort | undefined
  readonly #accept = new Map<Outgoing, () => void>()

  constructor() {
    const server = new HttpServer(readHttpTarget({ url: 'http://127.0.0.1:9/', sse: false, header: [], headerFile: undefined }))
    const handlers = {
      line: (bytes: Uint8Array) => void this.heard.push(JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>),
      tooLong: () => {},
      stderr: () => {},
      gone: (end: ChildEnd) => void this.ends.push(end),
    }
    const isBusy = (): boolean => this.isBusy
    this.child = new RemoteChild(server, handlers, undefined, (port) => {
      this.#port = port
      return {
        get isBusy() {
          return isBusy()
        },
        send: (message) => {
          this.sent.push(message)
          return new Promise((resolve) => void this.#accept.set(message, resolve))
        },
        cut: () => void (this.isCut = true),
        leave: () => Promise.resolve(),
      }
    })
  }

  get port(): RemotePort {
    if (this.#port === undefined) throw new Error('no wire')
    return this.#port
  }

  writes(message: object): boolean[] {
    const taken: boolean[] = []
    this.child.write(Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`), (isTaken) => void taken.push(isTaken))
    return taken
  }

  async accepts(index: number): Promise<void> {
    const message = this.sent[index]
    if (message !== undefined) this.#accept.get(message)?.()
    await Promise.resolve()
    await Promise.resolve()
  }
}

test.each([
  ['bytes', 2, { text: 'y'.repeat(HTTP_CALL_BYTES / 2) }],
  ['number', HTTP_CALLS + 1, {}],
])(
  'RemoteChild refuses calls beyond the %s that may be under way, as not executed, and takes more when one has ended',
  async (_what, calls, params) => {
    verifies('promise.http.bounded')
    const stage = new Stage()
    for (let id = 1; id <= calls; id++) stage.writes({ id, method: 'tools/call', params })
    vi.advanceTimersByTime(1)
    expect(stage.sent).toHaveLength(calls - 1)
    expect(stage.heard).toMatchObject([{ id: calls, error: { data: { code: 'BACKLOG_FULL', executed: 'no' } } }])
    await stage.accepts(0)
    stage.writes({ id: 0, method: 'tools/call', params })
    expect(stage.sent).toHaveLength(calls)
  },
)

test('RemoteChild lets nothing overtake notifications/initialized, for so long as a server may take', async () => {
  const stage = new Stage()
  stage.writes({ method: 'notifications/initialized' })
  stage.writes({ id: 1, method: 'tools/list' })
  expect(stage.sent).toHaveLength(1)
  await stage.accepts(0)
  expect(stage.sent).toHaveLength(2)
  const slow = new Stage()
  slow.writes({ method: 'notifications/initialized' })
  slow.writes({ id: 1, method: 'tools/list' })
  vi.advanceTimersByTime(HTTP_INITIALIZED_MS)
  expect(slow.sent).toHaveLength(2)
})

test('RemoteChild ends when what runs has ended, or its time is up, and takes nothing meanwhile', () => {
  verifies('promise.http.session-lost')
  const stage = new Stage()
  stage.port.answered()
  stage.isBusy = true
  stage.port.over({ words: 'restarted', code: 'CHILD_DIED' }, '7')
  stage.port.over({ words: 'restarted', code: 'CHILD_DIED' }, '8')
  expect(stage.writes({ id: 9, method: 'tools/list' })).toEqual([])
  vi.advanceTimersByTime(HTTP_DRAIN_MS - 1)
  expect([stage.isCut, stage.ends, stage.sent]).toEqual([false, [], []])
  stage.isBusy = false
  stage.port.settled()
  vi.advanceTimersByTime(1)
  expect(stage.ends).toEqual([{ exitCode: null, signal: null, stderr: '', startError: 'restarted', untaken: ['7', '8'] }])
  const stuck = new Stage()
  stuck.isBusy = true
  stuck.port.over({ words: 'not there', code: 'SERVER_UNREACHABLE' })
  vi.advanceTimersByTime(HTTP_DRAIN_MS + 1)
  expect(stuck.ends).toMatchObject([{ code: 'SERVER_UNREACHABLE', startError: 'not there' }])
  stuck.port.heard(Buffer.from('{}'))
  expect(stuck.heard).toEqual([])
})
