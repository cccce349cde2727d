/** A server that a share points at, in the place of the world: what the relay fetches comes to it, and nothing else is reached. The test restores the globals. */
import { vi } from 'vitest'
import { createShare, type TestShare } from './relay.ts'

export const UPSTREAM_URL = 'https://upstream.example/mcp'

export interface Fetched {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: string
  /** Aborts when the relay waits for it no more. */
  readonly signal: AbortSignal
}

type Answer = (fetched: Fetched) => Response | Promise<Response> | undefined

export class FakeUpstream {
  readonly fetched: Fetched[] = []
  /** Answers what is asked next, before what a server answers by itself. */
  answer: Answer = () => undefined
  /** Its tools, as it lists them. */
  tools: readonly object[] = [{ name: 'echo', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }]
  #sessions = 0

  /** From now on fetched from. */
  static start(): FakeUpstream {
    const upstream = new FakeUpstream()
    vi.stubGlobal('fetch', async (input: Request) => upstream.#take(input))
    return upstream
  }

  get last(): Fetched {
    const last = this.fetched.at(-1)
    if (last === undefined) throw new Error('nothing was fetched')
    return last
  }

  async #take(request: Request): Promise<Response> {
    const { url, method, headers, signal } = request
    const fetched = { url, method, headers, signal, body: await request.text() }
    this.fetched.push(fetched)
    const left = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))
    left.catch(() => undefined)
    const response = await Promise.race([left, Promise.resolve(this.answer(fetched) ?? this.#served(fetched))])
    const { status, body } = response
    if (body === null) return response
    const piped = body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), { signal })
    return new Response(piped, { status, headers: response.headers })
  }

  /** As a server does that keeps sessions. */
  #served({ method, body }: Fetched): Response {
    if (method !== 'POST') return new Response(null, { status: method === 'DELETE' ? 200 : 405 })
    const { id, method: asked, params } = JSON.parse(body) as { id?: unknown; method: string; params?: Record<string, unknown> }
    if (id === undefined) return new Response(null, { status: 202 })
    const headers = asked === 'initialize' ? { 'mcp-session-id': `upstream-session-${++this.#sessions}` } : {}
    return Response.json({ jsonrpc: '2.0', id, result: this.#resultOf(asked, params ?? {}) }, { headers })
  }

  #resultOf(method: string, params: Record<string, unknown>): object {
    switch (method) {
      case 'initialize':
        return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'upstream', version: '1' } }
      case 'server/discover':
        return { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
      case 'tools/list':
        return { tools: this.tools }
      default:
        return { content: [{ type: 'text', text: JSON.stringify(params['arguments'] ?? {}) }] }
    }
  }
}

export function createUpstreamShare(
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<TestShare> {
  return createShare({ pinning: 'off', upstream: { url: UPSTREAM_URL, headers }, ...members })
}

/** An event stream that a test writes. It is made and read where it was asked for, since I/O is bound to that. */
export function eventStream(headers: Readonly<Record<string, string>> = {}) {
  const written: string[] = []
  const state = { isOver: false }
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    while (written.length === 0 && !state.isOver) await new Promise((resolve) => setTimeout(resolve, 2))
    const text = written.shift()
    if (text === undefined) controller.close()
    else controller.enqueue(new TextEncoder().encode(text))
  }
  return {
    response: (): Response =>
      new Response(new ReadableStream<Uint8Array>({ pull, cancel: () => void (state.isOver = true) }), {
        headers: { 'content-type': 'text/event-stream', ...headers },
      }),
    write: (text: string): void => void written.push(text),
    end: (): void => void (state.isOver = true),
  }
}
