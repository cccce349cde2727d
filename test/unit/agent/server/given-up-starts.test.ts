/** Starts on which clients gave up, with scripted processes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CallMemory } from '../../../../agent/channel/calls/call-memory.ts'
import { Channels } from '../../../../agent/channel/channels.ts'
import { ChildLimit } from '../../../../agent/channel/child-limit.ts'
import { DOUBTED_START_MS, GIVEN_UP_START_MS, LATE_START_MS } from '../../../../agent/limits.ts'
import { GivenUpStarts } from '../../../../agent/server/given-up-starts.ts'
import type { AgentFrame } from '../../../../protocol/frame.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeChild } from '../fake-child.ts'
import { keyOf } from '../scripted-relay.ts'
import { SILENT_LOG } from '../silent-log.ts'

const NOTHING = new Uint8Array(0)

/** A lane's channels, whose clients are slow servers' impatient ones. */
class Scene {
  readonly children: FakeChild[] = []
  readonly answers: { readonly ch: string; readonly text: string }[] = []
  readonly failures: Extract<AgentFrame, { type: 'failed' }>[] = []
  readonly starts: GivenUpStarts
  readonly channels: Channels
  #calls = 0

  constructor({ maxChildren = 4, idleStopMs = 0 } = {}) {
    const startChild = (handlers: FakeChild['handlers']): FakeChild => {
      const child = new FakeChild(handlers)
      this.children.push(child)
      return child
    }
    const now = (): number => performance.now()
    this.starts = new GivenUpStarts({ startChild, now, idleStopMs, log: SILENT_LOG })
    this.channels = new Channels({
      childLimit: new ChildLimit(maxChildren, this.starts),
      memory: new CallMemory(),
      idleStopMs,
      log: SILENT_LOG,
      now,
      tellsStderr: false,
      startChild,
      starts: this.starts,
    })
    const send = (frame: AgentFrame, body?: Uint8Array): void => {
      if (frame.type === 'answer') this.answers.push({ ch: frame.ch, text: Buffer.from(body ?? NOTHING).toString('utf8') })
      if (frame.type === 'failed') this.failures.push(frame)
    }
    this.channels.attach({ writable: true, send }, { type: 'welcome', share: 's', unwanted: [] })
  }

  /** A client begins; its channel is named as it is. */
  begin(ch: string, id: string, { owner = 'p', name = 'c' } = {}): void {
    this.channels.receive({ type: 'open', ch, ids: 'keep', asks: 'pass', owner }, NOTHING)
    this.call(ch, `{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{"clientInfo":{"name":"${name}"}}}`, id)
  }

  call(ch: string, text: string, id: string): void {
    const body = Buffer.from(text)
    const at = text.indexOf(`"id":${id}`) + 5
    const method = /"method":"([^"]+)"/.exec(text)?.[1] ?? ''
    const key = keyOf(++this.#calls)
    this.channels.receive({ type: 'call', ch, key, method, id: [at, at + id.length], ra: 'ra', tag: `tag ${ch}`, size: body.length }, body)
  }

  /** As a client does whose own time is over. */
  cancel(ch: string, id: string): void {
    const body = Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`)
    const key = keyOf(++this.#calls)
    this.channels.receive({ type: 'notify', ch, key, method: 'notifications/cancelled', cancels: `tag ${ch}`, size: body.length }, body)
  }

  leave(ch: string): void {
    this.channels.receive({ type: 'close', ch }, NOTHING)
  }

  child(index: number): FakeChild {
    const child = this.children[index]
    if (child === undefined) throw new Error(`no process ${index} was started`)
    return child
  }

  get stopped(): boolean[] {
    return this.children.map(({ stopped }) => stopped)
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a start on which its client gave up', () => {
  test('is taken over by an initialize of the same owner that is equal but for its id, and answers that', async () => {
    verifies('promise.2.start-taken-over')
    const scene = new Scene()
    scene.begin('a', '0')
    scene.leave('a')
    scene.begin('b', '"x"')
    expect(scene.children).toHaveLength(1)
    expect(scene.child(0).lines).toHaveLength(1)
    scene.child(0).says('{"jsonrpc":"2.0","id":0,"result":{"n":0}}')
    await Promise.resolve()
    expect(scene.answers).toEqual([{ ch: 'b', text: '{"jsonrpc":"2.0","id":"x","result":{"n":0}}' }])
    scene.call('b', '{"jsonrpc":"2.0","id":1,"method":"tools/call"}', '1')
    scene.child(0).says('{"jsonrpc":"2.0","id":1,"result":{}}')
    expect(scene.answers.at(-1)).toEqual({ ch: 'b', text: '{"jsonrpc":"2.0","id":1,"result":{}}' })
    expect(scene.stopped).toEqual([false])
  })

  test('keeps an answer that came while nobody waited, and what the server said beside it', async () => {
    verifies('promise.2.start-taken-over')
    const scene = new Scene()
    scene.begin('a', '0')
    scene.leave('a')
    scene.child(0).says('{"jsonrpc":"2.0","id":"0","result":{}}')
    scene.begin('b', '7')
    await Promise.resolve()
    expect(scene.answers).toEqual([{ ch: 'b', text: '{"jsonrpc":"2.0","id":7,"result":{}}' }])
  })

  test('is taken over again and again', async () => {
    const scene = new Scene()
    for (const [ch, id] of Object.entries({ a: '0', b: '1', c: '2' })) {
      scene.begin(ch, id)
      scene.leave(ch)
    }
    scene.begin('d', '3')
    scene.child(0).says('{"jsonrpc":"2.0","id":0,"result":{}}')
    await Promise.resolve()
    expect(scene.answers).toEqual([{ ch: 'd', text: '{"jsonrpc":"2.0","id":3,"result":{}}' }])
    expect(scene.children).toHaveLength(1)
  })

  test('is not told of a cancellation, by which its client says that it gives up', () => {
    verifies('promise.2.start-taken-over')
    const scene = new Scene()
    scene.begin('a', '0')
    scene.cancel('a', '0')
    expect(scene.failures).toMatchObject([{ ch: 'a', code: 'CANCELLED' }])
    scene.leave('a')
    scene.begin('b', '0')
    expect(scene.children).toHaveLength(1)
    expect(scene.child(0).lines).toHaveLength(1)
  })

  test.each([
    ['another owner', { owner: 'q' }, false],
    ['an initialize that is not equal', { name: 'other' }, true],
  ])('is nothing to %s', (_, by, isEnded) => {
    verifies('promise.2.start-taken-over')
    const scene = new Scene()
    scene.begin('a', '0')
    scene.leave('a')
    scene.begin('b', '0', by)
    expect(scene.stopped).toEqual([isEnded, false])
    expect(scene.child(1).lines).toHaveLength(1)
  })

  test.each([
    ['was told more', (scene: Scene) => scene.call('a', '{"jsonrpc":"2.0","id":1,"method":"ping"}', '1')],
    ['asks its client', (scene: Scene) => scene.child(0).says({ jsonrpc: '2.0', id: 9, method: 'roots/list' })],
    ['has answered', (scene: Scene) => scene.child(0).says({ jsonrpc: '2.0', id: 0, result: {} })],
  ])('is not kept where the server %s', (_, act) => {
    const scene = new Scene()
    scene.begin('a', '0')
    act(scene)
    scene.leave('a')
    expect(scene.stopped).toEqual([true])
  })

  test('ends after GIVEN_UP_START_MS, or --idle-stop where that is shorter', () => {
    verifies('promise.6.left-initialize')
    for (const [idleStopMs, afterMs] of [
      [0, GIVEN_UP_START_MS],
      [5000, 5000],
    ] as const) {
      const scene = new Scene({ idleStopMs })
      scene.begin('a', '0')
      scene.leave('a')
      vi.advanceTimersByTime(afterMs - 1)
      expect(scene.stopped).toEqual([false])
      vi.advanceTimersByTime(1)
      expect(scene.stopped).toEqual([true])
    }
  })

  test('makes room for whoever comes when --max-children is reached', () => {
    verifies('promise.10.children')
    const scene = new Scene({ maxChildren: 1 })
    scene.begin('a', '0')
    scene.leave('a')
    scene.begin('b', '0', { owner: 'q' })
    expect(scene.stopped).toEqual([true, false])
  })

  test('ends with the agent', async () => {
    const scene = new Scene()
    scene.begin('a', '0')
    scene.leave('a')
    const stopped = scene.starts.stop()
    expect(scene.stopped).toEqual([true])
    scene.child(0).ends()
    await stopped
  })
})

describe('a start on which its client may have given up, since it takes DOUBTED_START_MS', () => {
  function doubted(): Scene {
    const scene = new Scene()
    scene.begin('a', '0')
    vi.advanceTimersByTime(DOUBTED_START_MS)
    scene.begin('b', '1')
    expect(scene.children).toHaveLength(1)
    return scene
  }

  test('is taken over once it is known that the client has left', async () => {
    verifies('promise.2.start-taken-over')
    const scene = doubted()
    scene.leave('a')
    await Promise.resolve()
    scene.child(0).says({ jsonrpc: '2.0', id: 0, result: {} })
    expect(scene.answers.map(({ ch }) => ch)).toEqual(['b'])
    expect(scene.children).toHaveLength(1)
  })

  test('stays with its client once that is answered, and the other has one of its own', () => {
    const scene = doubted()
    scene.child(0).says({ jsonrpc: '2.0', id: 0, result: {} })
    expect(scene.answers.map(({ ch }) => ch)).toEqual(['a'])
    expect(scene.child(1).lines).toHaveLength(1)
  })

  test('delays another start by LATE_START_MS at most', () => {
    const scene = doubted()
    vi.advanceTimersByTime(LATE_START_MS)
    expect(scene.child(1).lines).toHaveLength(1)
  })

  test('whose next try has left as well is waited for by nobody', async () => {
    const scene = doubted()
    scene.leave('b')
    await vi.advanceTimersByTimeAsync(LATE_START_MS)
    expect(scene.children).toHaveLength(1)
    scene.child(0).says({ jsonrpc: '2.0', id: 0, result: {} })
    expect(scene.answers.map(({ ch }) => ch)).toEqual(['a'])
  })
})
