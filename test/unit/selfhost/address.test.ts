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

test('choosePort() takes the last port while it is free, and any other when it is not', async () => {
  const { port, free } = await occupy()
  expect(await choosePort('127.0.0.1', undefined, port)).toBe(0)
  await free()
  expect(await choosePort('127.0.0.1', undefined, port)).toBe(port)
})

test('choosePort() refuses a port in use that was asked for', async () => {
  const { port, free } = await occupy()
  await expect(choosePort('127.0.0.1', port, undefined)).rejects.toThrow(/choose another --port/)
  await free()
})

test('choosePort() waits for a port that becomes free, as long as it may', async () => {
  const { port, free } = await occupy()
  expect(await choosePort('127.0.0.1', undefined, port, 1)).toBe(0)
  const chosen = choosePort('127.0.0.1', undefined, port, 60_000)
  await free()
  expect(await chosen).toBe(port)
})

test('choosePort() leaves port 0 to workerd', async () => {
  expect(await choosePort('127.0.0.1', 0, 8787)).toBe(0)
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
