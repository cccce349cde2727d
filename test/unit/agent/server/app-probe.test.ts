import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { whyUnreachable } from '../../../../agent/server/app-probe.ts'

test('whyUnreachable() says why nobody can be reached, and nothing where somebody listens, who is not sent anything', async () => {
  const server = createServer()
  let sent = 0
  server.on('connection', (socket) => socket.on('data', () => sent++))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connected = once(server, 'connection')
  expect(await whyUnreachable(new URL(`http://127.0.0.1:${port}`))).toBeUndefined()
  await connected
  server.close()
  await once(server, 'close')
  expect(sent).toBe(0)
  expect(await whyUnreachable(new URL(`http://127.0.0.1:${port}`))).toBe('ECONNREFUSED')
})
