/** An outbox that a test fills and empties. */
import { Outbox, type Outgoing } from '../../../agent/channel/outbox.ts'
import type { ChildMessage } from '../../../agent/channel/kept-frame.ts'

export const NOTE: ChildMessage = { type: 'notification', method: 'notifications/message' }

export const ASK = { type: 'ask', method: 'roots/list', id: [0, 1], rawId: '"q"' } as const satisfies ChildMessage

export const FOR_CALL: ChildMessage = { ...NOTE, ra: 'ra1', sure: true }

export function outbox(dropped: ChildMessage[] = []): Outbox {
  return new Outbox('c', (message) => dropped.push(message))
}

export function drain(box: Outbox): Outgoing[] {
  const sent: Outgoing[] = []
  for (let next = box.next(); next !== undefined; next = box.next()) sent.push(next)
  return sent
}

/** What was sent, in short: number and offset, or the type of a failure. */
export function short(sent: readonly Outgoing[]): (string | number)[] {
  return sent.map(({ header }) => (header.type === 'chunk' ? `${header.n}+${header.offset}` : 'n' in header ? header.n : header.type))
}

export function add(box: Outbox, count: number, bytes = 1, message = FOR_CALL, nowMs = 0): void {
  for (let index = 0; index < count; index++) box.add(message, new Uint8Array(bytes), nowMs)
}
