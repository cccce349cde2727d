import { expect, test } from 'vitest'
import type { ServerFactory, ServerTransport } from '../../../../agent/library/agent-types.ts'
import { InProcessChild } from '../../../../agent/library/in-process-child.ts'
import { BACKLOG_BYTES } from '../../../../agent/limits.ts'
import type { ChildEnd } from '../../../../agent/server/child.ts'
import { LineMask } from '../../../../agent/server/masking/line-mask.ts'
import { verifies } from '../../../requirements/verifies.ts'

interface Stage {
  readonly child: InProcessChild
  readonly said: string[]
  readonly long: number[]
  readonly gone: Promise<ChildEnd>
  readonly says: (message: unknown) => boolean
}

function stage(create: ServerFactory, lineMask?: LineMask): Stage {
  const said: string[] = []
  const long: number[] = []
  const gone = Promise.withResolvers<ChildEnd>()
  const handlers = {
    line: (bytes: Uint8Array) => void said.push(Buffer.from(bytes).toString()),
    tooLong: (_head: Uint8Array, _tail: Uint8Array, size: number) => void long.push(size),
    stderr: () => {},
    gone: gone.resolve,
  }
  const child = new InProcessChild(create, handlers, lineMask)
  const says = (message: unknown): boolean => {
    let isTaken = false
    child.write(Buffer.from(`${JSON.stringify(message)}\n`), (taken) => void (isTaken = taken))
    return isTaken
  }
  return { child, said, long, gone: gone.promise, says }
}

/** A server that hands its transport to the test. */
function given(
  heard: unknown[] = [],
  begin: Promise<void> = Promise.resolve(),
): { create: ServerFactory; transport: Promise<ServerTransport> } {
  const transport = Promise.withResolvers<ServerTransport>()
  const connect = async (own: ServerTransport): Promise<void> => {
    await begin
    // As the SDKs do.
    Object.assign(own, { onmessage: (message: unknown) => void heard.push(message) })
    await own.start()
    transport.resolve(own)
  }
  return { create: () => ({ connect }), transport: transport.promise }
}

test('InProcessChild gives a server what was written before it listened, and all in order', async () => {
  verifies('promise.library.in-process')
  const heard: unknown[] = []
  const begin = Promise.withResolvers<void>()
  const { create, transport } = given(heard, begin.promise)
  const { says, child, said } = stage(create)
  expect([says(1), says(2)]).toEqual([true, true])
  begin.resolve()
  const own = await transport
  says(3)
  await new Promise(setImmediate)
  says(4)
  expect(heard).toEqual([1, 2, 3, 4])
  await own.send({ a: 'ü' })
  expect(said).toEqual(['{"a":"ü"}'])
  await child.stop()
})

test('InProcessChild passes on no more than is taken, and masks it', async () => {
  verifies('promise.library.in-process')
  const { create, transport } = given()
  const { child, said } = stage(create, new LineMask(['open-sesame'], () => {}))
  const own = await transport
  child.pause()
  const sending = own.send({ text: 'open-sesame' })
  await expect(own.send('x'.repeat(BACKLOG_BYTES))).rejects.toThrow(/takes nothing/)
  expect(said).toEqual([])
  child.resume()
  await sending
  expect(said).toEqual(['{"text":"[secret]"}'])
  await expect(own.send(undefined)).rejects.toThrow(/no message/)
  await child.stop()
})

test('InProcessChild ends with its server, and a server that cannot start says why', async () => {
  verifies('promise.library.in-process')
  const { create, transport } = given()
  const { gone, says } = stage(create)
  const own = await transport
  let isClosed = false
  Object.assign(own, { onclose: () => void (isClosed = true) })
  await own.close()
  expect(await gone).toMatchObject({ exitCode: null })
  expect([isClosed, says(1)]).toEqual([true, false])
  await expect(own.send(1)).rejects.toThrow(/over/)
  const failing = stage(() => Promise.reject(new Error('no database')))
  expect(await failing.gone).toMatchObject({ startError: 'the server did not start: no database' })
})

test('InProcessChild closes its server when it is stopped', async () => {
  let isClosed = false
  const { create, transport } = given()
  const { child, gone } = stage(async () => ({
    ...(await create()),
    close: () => {
      isClosed = true
      return Promise.resolve()
    },
  }))
  await transport
  await child.stop()
  expect(isClosed).toBe(true)
  await gone
})
