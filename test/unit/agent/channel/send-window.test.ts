import { expect, test } from 'vitest'
import { SendWindow } from '../../../../agent/channel/send-window.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES, RECEIPT_EVERY_MESSAGES } from '../../../../protocol/limits.ts'

test('SendWindow.spend() counts up to the credit and no byte further', () => {
  const window = new SendWindow()
  expect(window.spend(CHANNEL_WINDOW_BYTES)).toBe(true)
  expect([window.spend(1), window.at]).toEqual([false, CHANNEL_WINDOW_BYTES])
  window.credit(1)
  expect(window.spend(1)).toBe(false)
  window.credit(CHANNEL_WINDOW_BYTES + 1)
  expect([window.spend(1), window.at]).toEqual([true, CHANNEL_WINDOW_BYTES + 1])
})

test('SendWindow.ack() asks with every RECEIPT_EVERY_MESSAGES-th whole message', () => {
  const window = new SendWindow()
  window.spend(1)
  const asked = Array.from({ length: 2 * RECEIPT_EVERY_MESSAGES }, () => window.ack(true).ack === true)
  expect(asked.flatMap((ack, index) => (ack ? [index + 1] : []))).toEqual([RECEIPT_EVERY_MESSAGES, 2 * RECEIPT_EVERY_MESSAGES])
  expect(window.ack(false)).toEqual({})
})

test('SendWindow.ack() asks after half of the window, and when the next frame may not fit', () => {
  const window = new SendWindow()
  window.spend(CHANNEL_WINDOW_BYTES / 2 - 1)
  expect(window.ack(false)).toEqual({})
  window.spend(1)
  expect(window.ack(false)).toEqual({ ack: true })
  expect(window.ack(false)).toEqual({})
  window.spend(CHANNEL_WINDOW_BYTES / 2 - CHUNK_BYTES)
  expect(window.ack(false)).toEqual({})
  window.spend(1)
  expect(window.ack(false)).toEqual({ ack: true })
})

test('SendWindow.restart() frees the whole window and goes on with the total', () => {
  const window = new SendWindow()
  window.spend(CHANNEL_WINDOW_BYTES)
  window.restart()
  expect(window.spend(CHANNEL_WINDOW_BYTES)).toBe(true)
  expect([window.spend(1), window.at]).toEqual([false, 2 * CHANNEL_WINDOW_BYTES])
})
