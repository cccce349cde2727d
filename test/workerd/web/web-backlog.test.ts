/** What a WebSocket's client sends and the app does not take, in the real runtime: it is bounded, however small the messages are. */
import { expect, test } from 'vitest'
import { bridgeSocket } from '../../../worker/web/web-socket.ts'
import type { WebExchange } from '../../../worker/web/web-exchange.ts'
import { MAX_WEB_BACKLOG_BYTES, WEB_BACKLOG_MESSAGE_BYTES } from '../../../worker/web-limits.ts'

test('empty messages that the app does not take end the WebSocket when they are too many', async () => {
  const never = { message: () => new Promise<boolean>(() => undefined), end: () => undefined, close: () => undefined }
  const client = bridgeSocket(never as unknown as WebExchange, () => undefined).response(undefined, []).webSocket
  const closed = Promise.withResolvers<number>()
  client?.addEventListener('close', ({ code }) => closed.resolve(code))
  client?.accept()
  const most = MAX_WEB_BACKLOG_BYTES / WEB_BACKLOG_MESSAGE_BYTES
  for (let sent = 0; sent <= most; sent++) client?.send('')
  expect(await closed.promise).toBe(1009)
})
