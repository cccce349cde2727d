import { expect, test } from 'vitest'
import { Flow } from '../../../../../agent/server/http/flow.ts'

function pieces(count: number): { readonly body: AsyncIterable<Buffer>; readonly given: () => number } {
  let given = 0
  async function* body(): AsyncGenerator<Buffer> {
    for (; given < count; given++) yield await Promise.resolve(Buffer.from('ab'))
  }
  return { body: body(), given: () => given }
}

test('Flow reads no further while it is paused', async () => {
  const flow = new Flow()
  const { body, given } = pieces(5)
  const first = Promise.withResolvers<void>()
  flow.pause()
  const reading = flow.read(body, () => first.resolve())
  await first.promise
  await new Promise(setImmediate)
  expect(given()).toBe(0)
  flow.resume()
  await reading
  expect(given()).toBe(5)
})

test('Flow stops when that is enough', async () => {
  const { body, given } = pieces(5)
  await new Flow().read(body, () => given() < 2)
  expect(given()).toBe(2)
})

test('Flow makes one of a whole body, and of one that is too long nothing', async () => {
  expect(Buffer.from((await new Flow().readWhole(pieces(3).body)) ?? []).toString()).toBe('ababab')
  expect(await new Flow().readWhole(pieces(3).body, 5)).toBeUndefined()
})
