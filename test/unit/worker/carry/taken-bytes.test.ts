import { expect, test } from 'vitest'
import { TAKEN_EVERY_BYTES } from '../../../../worker/limits.ts'
import { TakenBytes } from '../../../../worker/carry/taken-bytes.ts'

function socketOf(told: unknown[]) {
  return { send: (text: string | ArrayBuffer | ArrayBufferView) => void told.push(JSON.parse(String(text))) }
}

test('TakenBytes tells of what was taken once it is worth a message, and of every byte once', () => {
  const told: unknown[] = []
  const taken = new TakenBytes()
  taken.add(TAKEN_EVERY_BYTES - 1, socketOf(told))
  expect(told).toEqual([])
  taken.add(1, socketOf(told))
  taken.add(5, socketOf(told))
  expect(told).toEqual([{ type: 'taken', bytes: TAKEN_EVERY_BYTES }])
})

test('TakenBytes tells at once when the Share asks, and of everything from then on', () => {
  const told: unknown[] = []
  const taken = new TakenBytes()
  taken.add(5, socketOf(told))
  taken.sync(socketOf(told))
  taken.add(7, socketOf(told))
  expect(told).toEqual([
    { type: 'taken', bytes: 5 },
    { type: 'taken', bytes: 7 },
  ])
})

test('TakenBytes has nothing to tell when nothing was taken', () => {
  const told: unknown[] = []
  new TakenBytes().sync(socketOf(told))
  expect(told).toEqual([])
})
