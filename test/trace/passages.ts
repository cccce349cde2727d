/** Notes where a marked message is handed over, by a stack each time: it wraps functions of the platform, none of ours. No I/O, no clock. */

/** What only a traced request, and only a traced answer or notification, has in its bytes. */
const MARKERS = {
  down: ['"arguments":{"text":"traced"'],
  up: ['"type":"text","text":"traced"', '"method":"notifications/tools/list_changed"'],
} as const

/** A stack at which a marked message was handed over, or `isTaken` out of where it had waited. */
export interface RawPassage {
  readonly direction: 'down' | 'up'
  readonly isTaken: boolean
  /** As V8 writes it, the innermost call first. */
  readonly stack: string
}

/** Looks for a mark in a value, also in the bytes that are parts of its parts. */
export type Look = (value: unknown, isTaken?: boolean) => void

type Callable = (...args: unknown[]) => unknown

/** An item in a queue has a frame, which has a body. */
const MAX_DEPTH = 3
const MAX_FRAMES = 100
const latin1 = new TextDecoder('latin1')

/** Who has put off what runs now. */
let cause = ''

/**
 * From now on tells of marked messages that go into a list or come out of one, or resolve a promise, and reach who waits
 * for it. What else hands messages over can be wrapped with the function that it returns.
 */
export function watchHandOvers(heed: (passage: RawPassage) => void): Look {
  Object.assign(Error, { stackTraceLimit: MAX_FRAMES })
  let isLooking = false
  const look: Look = (value, isTaken = false) => {
    // What is done in here goes by functions that are wrapped.
    if (isLooking) return
    isLooking = true
    const direction = directionOf(value, MAX_DEPTH)
    if (direction !== undefined) heed({ direction, isTaken, stack: stackHere() })
    isLooking = false
  }
  wrapMethod(Array.prototype, 'push', look)
  wrap(Array.prototype, 'shift', (shift, list, args) => {
    const taken = Reflect.apply(shift, list, args)
    look(taken, true)
    return taken
  })
  wrap(Promise, 'withResolvers', (withResolvers, owner, args) => {
    const made = Reflect.apply(withResolvers, owner, args) as PromiseWithResolvers<unknown>
    const resolve = (value: unknown): void => {
      look(value)
      made.resolve(value)
    }
    return { ...made, promise: passOn(made.promise, look), resolve }
  })
  wrap(globalThis, 'queueMicrotask', (queue, owner, [task]) => {
    const scheduled = stackHere()
    const run = (): void => {
      cause = scheduled
      Reflect.apply(task as Callable, undefined, [])
      cause = ''
    }
    return Reflect.apply(queue, owner, [run])
  })
  return look
}

/** Has a method look at its first argument. */
export function wrapMethod(holder: object, name: string, look: Look): void {
  wrap(holder, name, (method, owner, args) => {
    look(args[0])
    return Reflect.apply(method, owner, args)
  })
}

/** Replaces a method; `around` gets the one that was there, its owner at the call, and the arguments. */
export function wrap(holder: object, name: string, around: (method: Callable, owner: unknown, args: unknown[]) => unknown): void {
  const method: unknown = Reflect.get(holder, name)
  if (typeof method !== 'function') throw new Error(`there is no ${name} to wrap`)
  const value = function wrapped(this: unknown, ...args: unknown[]): unknown {
    return around(method as Callable, this, args)
  }
  Object.defineProperty(holder, name, { value, configurable: true, writable: true })
}

/** What the promise brings, looked at once more on its way to who waits for it. */
async function passOn(promise: Promise<unknown>, look: Look): Promise<unknown> {
  const value = await promise
  look(value, true)
  return value
}

function stackHere(): string {
  return `${new Error('here').stack ?? ''}\n${cause}`
}

function directionOf(value: unknown, depth: number): RawPassage['direction'] | undefined {
  const text = value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? latin1.decode(value) : value
  if (typeof text === 'string') {
    if (MARKERS.down.some((marker) => text.includes(marker))) return 'down'
    return MARKERS.up.some((marker) => text.includes(marker)) ? 'up' : undefined
  }
  if (typeof value !== 'object' || value === null || depth === 0) return undefined
  for (const part of Object.values(value)) {
    const direction = directionOf(part, depth - 1)
    if (direction !== undefined) return direction
  }
  return undefined
}
