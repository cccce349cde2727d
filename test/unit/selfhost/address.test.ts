import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { choosePort, isLoopbackHost, localOrigin, toAddress } from '../../../selfhost/address.ts'

async function occupy(): Promise<{ port: number; free: () => Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { port: isAddressInfo(address) ? address.port : 0, free: () => new Promise((resolve) => server.close(() => resolve())) }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}

const wish = { host: '127.0.0.1', asked: undefined, last: undefined, waitMs: 0 }

test('choosePort() takes the last port while it is free, and when it is not any other, naming it', async () => {
  const { port, free } = await occupy()
  expect(await choosePort({ ...wish, last: port })).toEqual({ port: 0, inPlaceOf: port })
  await free()
  expect(await choosePort({ ...wish, last: port })).toEqual({ port })
})

test('choosePort() takes the port that was asked for before the last one', async () => {
  const { port, free } = await occupy()
  expect(await choosePort({ ...wish, asked: port, last: 1 })).toEqual({ port: 0, inPlaceOf: port })
  await free()
  expect(await choosePort({ ...wish, asked: port, last: 1 })).toEqual({ port })
})

test('choosePort() waits for a port that becomes free, as long as it may', async () => {
  const { port, free } = await occupy()
  expect(await choosePort({ ...wish, last: port, waitMs: 1 })).toEqual({ port: 0, inPlaceOf: port })
  const chosen = choosePort({ ...wish, last: port, waitMs: 60_000 })
  await free()
  expect(await chosen).toEqual({ port })
})

test('choosePort() leaves port 0 to workerd', async () => {
  expect(await choosePort({ ...wish, asked: 0, last: 8787 })).toEqual({ port: 0 })
})

test('choosePort() refuses an address that is none of this machine, and takes no other port for it', async () => {
  await expect(choosePort({ ...wish, host: '203.0.113.1' })).rejects.toThrow(
    'cannot listen on 203.0.113.1:8787 (EADDRNOTAVAIL): choose another --port or --host',
  )
})

test.each([
  ['127.0.0.1', 'http://127.0.0.1:1'],
  ['::1', 'http://[::1]:1'],
  ['0.0.0.0', 'http://127.0.0.1:1'],
  ['::', 'http://127.0.0.1:1'],
  ['192.168.1.5', 'http://192.168.1.5:1'],
])('localOrigin() of %s is %s', (host, origin) => {
  expect(localOrigin(host, 1)).toBe(origin)
})

test('toAddress() puts IPv6 addresses in brackets', () => {
  expect([toAddress('::1', 1), toAddress('127.0.0.1', 1)]).toEqual(['[::1]:1', '127.0.0.1:1'])
})

test.each([
  ['127.0.0.1', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example', false],
])('isLoopbackHost() of %s is %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected)
})
