/** The process that waits for the next channel, with scripted processes. */
import { describe, expect, test } from 'vitest'
import type { Child, ChildEnd, ChildHandlers } from '../../../../agent/server/child.ts'
import { SpareChild } from '../../../../agent/server/spare.ts'

const END: ChildEnd = { exitCode: 1, signal: null, stderr: '' }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A process that does what the test says. */
class ScriptedChild implements Child {
  readonly pid = 1
  readonly handlers: ChildHandlers
  isStopped = false

  constructor(handlers: ChildHandlers) {
    this.handlers = handlers
  }

  write(_: Uint8Array, done: (taken: boolean) => void): void {
    done(true)
  }
  unfinished(): undefined {}

  pause(): void {}
  resume(): void {}
  stop(): Promise<void> {
    this.isStopped = true
    return Promise.resolve()
  }
  kill(): void {
    this.isStopped = true
  }
}

/** Who takes a process, and what it hears of it. */
class Taker implements ChildHandlers {
  readonly heard: string[] = []
  readonly line = (line: Uint8Array): void => void this.heard.push(new TextDecoder().decode(line))
  readonly tooLong = (): void => void this.heard.push('too long')
  readonly stderr = (line: string): void => void this.heard.push(`stderr ${line}`)
  readonly gone = (): void => void this.heard.push('gone')
}

class Scene {
  readonly children: ScriptedChild[] = []
  hasRoom = true
  readonly spare: SpareChild

  constructor() {
    const none = (): void => {}
    this.spare = new SpareChild({
      startChild: (handlers) => {
        const child = new ScriptedChild(handlers)
        this.children.push(child)
        return child
      },
      hasRoom: () => this.hasRoom,
      log: { debug: none, info: none, warn: none, error: none, child: none },
    })
  }

  /** The process at a place, in the order of their starts. */
  child(index: number): ScriptedChild {
    const child = this.children[index]
    if (child === undefined) throw new Error(`no process ${index} was started`)
    return child
  }
}

describe('a spare process', () => {
  test('is started once, and handed out to the next channel', () => {
    const scene = new Scene()
    expect(scene.spare.take(new Taker())).toBe(scene.child(0))
    expect(scene.children).toHaveLength(1)
    scene.spare.prepare()
    scene.spare.prepare()
    expect(scene.children).toHaveLength(2)
    expect(scene.spare.take(new Taker())).toBe(scene.child(1))
    expect(scene.spare.take(new Taker())).toBe(scene.child(2))
  })

  test('tells its taker what it said before, in order, and then what it says', async () => {
    const scene = new Scene()
    scene.spare.prepare()
    const { handlers } = scene.child(0)
    handlers.stderr('starting')
    handlers.line(bytes('early'))
    const taker = new Taker()
    scene.spare.take(taker)
    expect(taker.heard).toEqual([])
    await Promise.resolve()
    handlers.line(bytes('late'))
    handlers.gone(END)
    expect(taker.heard).toEqual(['stderr starting', 'early', 'late', 'gone'])
  })

  test('is not started where there is no room', () => {
    const scene = new Scene()
    scene.hasRoom = false
    scene.spare.prepare()
    expect(scene.children).toEqual([])
  })

  test('that ends by itself is not handed out, and no other is started', () => {
    const scene = new Scene()
    scene.spare.prepare()
    scene.child(0).handlers.gone(END)
    scene.spare.prepare()
    expect(scene.children).toHaveLength(1)
    expect(scene.spare.take(new Taker())).toBe(scene.child(1))
  })

  test('that talks without end is ended, and no other is started', () => {
    const scene = new Scene()
    scene.spare.prepare()
    for (let lines = 0; lines < 100; lines++) scene.child(0).handlers.stderr('noise')
    expect(scene.child(0).isStopped).toBe(true)
    scene.spare.prepare()
    expect(scene.children).toHaveLength(1)
  })

  test.each(['stop', 'kill'] as const)('is gone after %s, and none is started any more', async (how) => {
    const scene = new Scene()
    scene.spare.prepare()
    await scene.spare[how]()
    expect(scene.child(0).isStopped).toBe(true)
    scene.spare.prepare()
    expect(scene.children).toHaveLength(1)
  })
})
