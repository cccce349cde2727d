/** Calls that are silent for 150 s: the client always knows that we live, and gets its answer. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { sseEvents } from '../../harness/sse-events.ts'

const SILENT_MS = 150_000
const BOUND_MS = 200_000
/** What an SDK gives a call by default; only a sign of life makes it wait longer. */
const SDK_TIMEOUT_MS = 60_000
/** Headers of a slow call must not wait longer than 5 s for it, and a busy machine gets as much again. */
const HEADERS_MS = 10_000

const stack = new AsyncDisposableStack()
let share: Share

beforeAll(async () => {
  const relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
})
afterAll(() => stack.disposeAsync())

function session(): Promise<RawClient> {
  return RawClient.connect(share)
}

const SLOW = { name: 'slow', arguments: { ms: SILENT_MS } }
const SLEPT = `slept ${SILENT_MS}`

describe.concurrent('a call that is silent for 150 s', () => {
  test(
    'succeeds for a client that takes JSON only',
    async () => {
      verifies('promise.8.comments')
      const client = await session()
      const answer = await client.callTool('slow', SLOW.arguments, { accept: 'application/json', boundMs: BOUND_MS })
      expect(toolText(answer.last['result'])).toBe(SLEPT)
    },
    BOUND_MS,
  )

  test(
    'opens SSE within 5 s, comments at least every 15 s, and succeeds',
    async () => {
      verifies('promise.8.headers-5s', 'promise.8.comments', 'modern.http.keep-alive')
      const client = await session()
      const started = performance.now()
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: SLOW })
      const response = await client.post(body, { boundMs: BOUND_MS })
      expect(performance.now() - started).toBeLessThan(HEADERS_MS)
      const comments: unknown[] = []
      const messages: unknown[] = []
      if (!response.body) throw new Error('no body')
      for await (const event of sseEvents(response.body)) {
        if (event.event === 'comment') comments.push(event)
        else if (event.data.length > 0) messages.push(JSON.parse(event.data.toString()))
      }
      expect(comments.length).toBeGreaterThanOrEqual(9)
      expect(messages).toHaveLength(1)
      expect(toolText(asObject(messages[0])['result'])).toBe(SLEPT)
    },
    BOUND_MS,
  )

  test(
    'shows rising heartbeat progress to a client that sent a token',
    async () => {
      verifies('promise.8.heartbeat-progress')
      const client = await session()
      const values: number[] = []
      const answer = await client.callTool('slow', SLOW.arguments, {
        meta: { progressToken: 'beat' },
        boundMs: BOUND_MS,
        onMessage: (message) => {
          if (message['method'] !== 'notifications/progress') return
          const params = asObject(message['params'])
          expect(params['progressToken']).toBe('beat')
          values.push(Number(params['progress']))
        },
      })
      expect(toolText(answer.last['result'])).toBe(SLEPT)
      expect(values.length).toBeGreaterThanOrEqual(3)
      expect(values).toEqual([...new Set(values)].toSorted((a, b) => a - b))
      expect(values.at(-1)).toBeLessThan(0.01)
    },
    BOUND_MS,
  )

  test(
    "outlasts the SDK's own timeout of 60 s",
    async () => {
      verifies('promise.8.outlasts-timeout')
      const client = new Client({ name: 'silent', version: '1.0.0' })
      await client.connect(new StreamableHTTPClientTransport(new URL(share.shareUrl)))
      const options = { timeout: SDK_TIMEOUT_MS, resetTimeoutOnProgress: true, onprogress: () => {} }
      expect(toolText(await client.callTool(SLOW, undefined, options))).toBe(SLEPT)
      await client.close()
    },
    BOUND_MS,
  )
})
