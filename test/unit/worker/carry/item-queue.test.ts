import { expect, test } from 'vitest'
import { ItemQueue } from '../../../../worker/carry/item-queue.ts'

test('ItemQueue.next() gives what has come, in order, and what comes to a reader that waits', async () => {
  const queue = new ItemQueue<number>()
  queue.put(1)
  queue.put(2)
  expect(await queue.next()).toBe(1)
  expect(await queue.next()).toBe(2)
  const waiting = queue.next()
  queue.put(3)
  queue.put(4)
  expect(await waiting).toBe(3)
  expect(await queue.next()).toBe(4)
})

test('ItemQueue.end() ends the wait, but only once all that had come is taken', async () => {
  const queue = new ItemQueue<number>()
  queue.put(1)
  queue.end()
  expect(queue.isOver).toBe(true)
  expect(await queue.next()).toBe(1)
  expect(await queue.next()).toBeUndefined()
  const other = new ItemQueue<number>()
  const waiting = other.next()
  other.end()
  expect(await waiting).toBeUndefined()
})
