/** Owns a Chromium without a window and one page in it, spoken to by the DevTools protocol over a WebSocket. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { until, within } from '../harness/deadline.ts'
import { Program } from '../harness/program.ts'
import { StateFolder } from '../harness/selfhost.ts'

/** Where Debian has it. */
export const CHROMIUM = '/usr/bin/chromium'

/** Why no browser can be started here, if none can. */
export function needsBrowser(): Promise<string | undefined> {
  return Promise.resolve(existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM}`)
}

/** A real program, a bundler behind it, a cold browser: all on a busy machine. */
const PAGE_MS = 90_000

interface Answer {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

export class Browser implements AsyncDisposable {
  /** What the page's console has said, and what it has thrown. */
  readonly said: string[] = []
  readonly #stack: AsyncDisposableStack
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>()
  #lastId = 0
  #session: string | undefined

  private constructor(stack: AsyncDisposableStack, socket: WebSocket) {
    this.#stack = stack
    this.#socket = socket
    socket.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString()) as Answer))
  }

  /** Starts a browser with a profile of its own, which goes with it, and opens an empty page. */
  static async start(): Promise<Browser> {
    const stack = new AsyncDisposableStack()
    try {
      const folder = stack.use(await StateFolder.create())
      const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${join(folder.path, 'profile')}`]
      const program = stack.use(new Program(CHROMIUM, [...flags, '--remote-debugging-port=0', 'about:blank']))
      const url = await program.stderr.find((line) => /^DevTools listening on (ws:\S+)/.exec(line)?.[1], 'the browser to listen', PAGE_MS)
      const socket = new WebSocket(url, { maxPayload: 256 * 1024 * 1024 })
      await once(socket, 'open')
      stack.defer(() => socket.terminate())
      const browser = new Browser(stack, socket)
      const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' })
      const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true })
      browser.#session = String(sessionId)
      for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await browser.#send(`${domain}.enable`)
      return browser
    } catch (error) {
      await stack.disposeAsync()
      throw error
    }
  }

  async open(url: string): Promise<void> {
    const { errorText } = await this.#send('Page.navigate', { url })
    if (typeof errorText === 'string') throw new Error(`${url}: ${errorText}`)
  }

  /** The value of an expression in the page; of a promise what it comes to. Throws what it throws. */
  async evaluate(expression: string): Promise<unknown> {
    const told = await this.#send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    const { exceptionDetails, result } = told as {
      exceptionDetails?: { exception?: { description?: string } }
      result?: { value?: unknown }
    }
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? 'the page has thrown')
    return result?.value
  }

  /** Waits until an expression in the page is true. While a page is replaced by another there is none to ask. */
  async until(expression: string, what: string): Promise<void> {
    try {
      await until(async () => (await this.evaluate(`!!(${expression})`).catch(() => false)) === true, what, PAGE_MS)
    } catch (error) {
      const page = await this.evaluate('document.documentElement.outerHTML.slice(0, 1500)').catch(() => 'no page')
      throw new Error(`${String(error)}\n${String(page)}\n${this.said.slice(-20).join('\n')}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send('Browser.close').catch(() => ({}))
    await this.#stack.disposeAsync()
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    this.#waiting.set(id, answer)
    this.#socket.send(JSON.stringify({ id, method, params, ...(this.#session === undefined ? {} : { sessionId: this.#session }) }))
    return within(answer.promise, `the browser's answer to ${method}`, PAGE_MS)
  }

  #receive({ id, method, params, result, error }: Answer): void {
    if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      this.said.push(JSON.stringify(params).slice(0, 500))
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (id === undefined || waiting === undefined) return
    this.#waiting.delete(id)
    if (error === undefined) waiting.resolve(result ?? {})
    else waiting.reject(new Error(error.message))
  }
}
