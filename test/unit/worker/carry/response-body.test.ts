import { describe, expect, test } from 'vitest'
import { STREAM_HIGH_WATER_BYTES } from '../../../../worker/limits.ts'
import { bytesOf, RecordedBody } from '../mcp/response/recorded-body.ts'

const FULL = new Uint8Array(STREAM_HIGH_WATER_BYTES)

describe('ResponseBody.write()', () => {
  test('holds back what is beyond the high-water mark, and passes it on as the client takes', async () => {
    const body = new RecordedBody('json')
    const taken: number[] = []
    for (let n = 0; n < 3; n++) body.response.write(FULL, () => taken.push(n))
    expect(taken).toEqual([0])
    expect(body.response.isIdle).toBe(false)
    await body.take()
    expect(taken).toEqual([0, 1])
    await body.take()
    expect(taken).toEqual([0, 1, 2])
    expect(body.response.isIdle).toBe(true)
  })

  test('drops what comes for a client that has left, and tells of it once', () => {
    const body = new RecordedBody('json')
    const taken: string[] = []
    body.leave()
    body.response.write(bytesOf('late'), () => taken.push('late'))
    body.response.abort('again')
    expect(body.response.isOpen).toBe(false)
    expect(taken).toEqual([])
    expect(body.gone).toBe(1)
  })
})

describe('ResponseBody.end()', () => {
  test('closes the body behind what still waits, and not before', async () => {
    const body = new RecordedBody('json')
    body.response.write(FULL)
    body.response.write(bytesOf('last'))
    body.response.end()
    expect(body.response.isOpen).toBe(false)
    expect((await body.take())?.length).toBe(FULL.length)
    expect(await body.take()).toEqual(bytesOf('last'))
    expect(await body.take()).toBeUndefined()
    expect(body.gone).toBe(0)
  })
})

describe('ResponseBody.abort()', () => {
  test('makes the reader fail, and forgets what waits', async () => {
    const body = new RecordedBody('json')
    const taken: string[] = []
    body.response.write(FULL)
    body.response.write(FULL, () => taken.push('second'))
    body.response.abort('the reason')
    await expect(body.take()).rejects.toThrow('the reason')
    expect(taken).toEqual([])
    expect(body.gone).toBe(1)
  })
})
