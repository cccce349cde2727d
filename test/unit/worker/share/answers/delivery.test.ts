import { expect, test } from 'vitest'
import type { Chunk, Notification } from '../../../../../protocol/frame.ts'
import { Delivery } from '../../../../../worker/share/answers/delivery.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'

const LINK = { socket: {} } as unknown as AgentLink
const FIRST: Notification = { type: 'notification', ch: 's.1', n: 1, at: 1, size: 9, method: 'notifications/tools/list_changed' }
const REST: Chunk = { type: 'chunk', ch: 's.1', n: 1, at: 2, offset: 1 }
const BYTE = new Uint8Array(1)

/** A session `s` whose listening stream is found by its name only: where a chunk goes of which nothing is remembered there is nobody. */
function stage(): { delivery: Delivery; sent: () => number } {
  let sent = 0
  const listener = {} as WebSocket
  const parts = {
    streams: { listener: () => listener, listeners: () => [], call: () => undefined, attachmentOf: () => undefined },
    waiters: new Waiters(() => {}),
    clientFrames: { toSockets: (sockets: readonly unknown[]) => void (sent += sockets.length) },
    creditGrants: { acknowledge: () => {} },
    untaken: { sent: () => {} },
  }
  const delivery = new Delivery(parts as unknown as ConstructorParameters<typeof Delivery>[0])
  return { delivery, sent: () => sent }
}

test.each([
  ['', 2, () => {}],
  [', though not when its child is gone', 1, (delivery: Delivery) => delivery.childGone('s.1')],
  [', though not when its link is gone', 1, (delivery: Delivery) => delivery.linkGone(LINK)],
  [', whatever becomes of others', 2, (delivery: Delivery) => delivery.childGone('s.11')],
])('Delivery remembers where the rest of a message goes%s', (_, count, happens) => {
  verifies('promise.10.rows')
  const { delivery, sent } = stage()
  delivery.message(LINK, FIRST, BYTE, BYTE)
  happens(delivery)
  delivery.chunk(LINK, REST, BYTE, BYTE)
  expect(sent()).toBe(count)
})
