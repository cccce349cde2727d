/** A server process that is chosen when its first message has come: until then what is written to it waits. */
import type { Child, ChildHandlers } from './child.ts'

/** Does nothing while it is not known which process it is to be. */
export class LateChild implements Child {
  readonly handlers: ChildHandlers
  readonly #began: (late: LateChild, line: Uint8Array) => void
  #child: Child | undefined
  #waiting: { readonly line: Uint8Array; readonly done: (taken: boolean) => void; readonly authorization: string | undefined }[] = []
  #isStopped = false
  #authorization: string | undefined

  /** `began` is told once, of the first line. */
  constructor(handlers: ChildHandlers, began: (late: LateChild, line: Uint8Array) => void) {
    this.handlers = handlers
    this.#began = began
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isChosen(): boolean {
    return this.#child !== undefined
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** `knows`: this process has its first line already. */
  become(child: Child, knows: boolean): void {
    this.#child = child
    if (this.#authorization !== undefined) child.authorize?.(this.#authorization)
    const waiting = this.#waiting
    this.#waiting = []
    waiting.forEach(({ line, done, authorization }, index) => {
      if (index === 0 && knows) done(true)
      else child.write(line, done, authorization)
    })
  }

  unfinished(mostBytes: number): Uint8Array | undefined {
    return this.#child?.unfinished(mostBytes)
  }

  write(line: Uint8Array, done: (taken: boolean) => void, authorization?: string): void {
    if (this.#child !== undefined) return this.#child.write(line, done, authorization)
    if (this.#isStopped) return done(false)
    this.#waiting.push({ line, done, authorization })
    if (this.#waiting.length === 1) this.#began(this, line)
  }

  authorize(authorization: string): void {
    this.#authorization = authorization
    this.#child?.authorize?.(authorization)
  }

  pause(): void {
    this.#child?.pause()
  }

  resume(): void {
    this.#child?.resume()
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) return this.#child.stop()
    if (this.#isStopped) return
    this.#isStopped = true
    for (const { done } of this.#waiting.splice(0)) done(false)
    await Promise.resolve()
    this.handlers.gone({ exitCode: null, signal: null, stderr: '' })
  }

  kill(): void {
    if (this.#child === undefined) void this.stop()
    else this.#child.kill()
  }
}
