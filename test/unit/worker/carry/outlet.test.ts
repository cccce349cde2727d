import { describe, expect, test } from 'vitest'
import { STREAM_HIGH_WATER_BYTES } from '../../../../worker/limits.ts'
import { bytesOf, RecordedBody } from '../mcp/response/recorded-body.ts'

const FULL = new Uint8Array(STREAM_HIGH_WATER_BYTES)

describe('Outlet.write()', () => {
  test('holds back what is beyond the high-water mark, and passes it on as the client takes', async () => {
    const body = new RecordedBody('json')
    const taken: number[] = []
    for (let n = 0; n < 3; n++) body.outlet.write(FULL, () => taken.push(n))
    expect(taken).toEqual([0])
    expect(body.outlet.isIdle).toBe(false)
    await body.take()
    expect(taken).toEqual([0, 1])
    await body.take()
    expect(taken).toEqual([0, 1, 2])
    expect(body.outlet.isIdle).toBe(true)
  })

  test('drops what comes for a client that has left, and tells of it once', () => {
    const body = new RecordedBody('json')
    const taken: string[] = []
    body.leave()
    body.outlet.write(bytesOf('late'), () => taken.push('late'))
    body.outlet.break('again')
    expect(body.outlet.isOpen).toBe(false)
    expect(taken).toEqual([])
    expect(body.gone).toBe(1)
  })
})

describe('Outlet.end()', () => {
  test('closes the body behind what still waits, and not before', async () => {
    const body = new RecordedBody('json')
    body.outlet.write(FULL)
    body.outlet.write(bytesOf('last'))
    body.outlet.end()
    expect(body.outlet.isOpen).toBe(false)
    expect((await body.take())?.length).toBe(FULL.length)
    expect(await body.take()).toEqual(bytesOf('last'))
    expect(await body.take()).toBeUndefined()
    expect(body.gone).toBe(0)
  })
})

describe('Outlet.break()', () => {
  test('makes the reader fail, and forgets what waits', async () => {
    const body = new RecordedBody('json')
    const taken: string[] = []
    body.outlet.write(FULL)
    body.outlet.write(FULL, () => taken.push('second'))
    body.outlet.break('the reason')
    await expect(body.take()).rejects.toThrow('the reason')
    expect(taken).toEqual([])
    expect(body.gone).toBe(1)
  })
})
