import { afterEach, beforeEach, expect, test } from 'vitest'
import { readHttpTarget } from '../../../../../agent/config/http-target.ts'
import type { EraChoice } from '../../../../../agent/config/settings.ts'
import type { EraFinding } from '../../../../../agent/server/era.ts'
import { findHttpEra } from '../../../../../agent/server/http/http-era.ts'
import { HttpServer } from '../../../../../agent/server/http/http-server.ts'
import { httpStart } from '../../../../../agent/server/http/http-start.ts'
import { answersHtml, answerJson, type Behaviour } from '../../../../fixtures/http-vices.ts'
import { LoopbackServer } from './loopback-server.ts'
import { SILENT_LOG } from '../../silent-log.ts'
import { verifies } from '../../../../requirements/verifies.ts'

let stack: AsyncDisposableStack
beforeEach(() => void (stack = new AsyncDisposableStack()))
afterEach(() => stack.disposeAsync())

function find(
  url: string,
  { choice = 'auto', probeMs, passAuth = false }: { choice?: EraChoice; probeMs?: number; passAuth?: boolean } = {},
): { finding: EraFinding; errors: string[] } {
  const errors: string[] = []
  const server = new HttpServer(readHttpTarget({ url, sse: false, header: [], headerFile: undefined, passAuth }))
  const finding = findHttpEra(choice, {
    server,
    startChild: httpStart(server, undefined),
    version: '1',
    log: { ...SILENT_LOG, error: (_event, fields) => void errors.push(String(fields?.['meaning'])) },
    ...(probeMs !== undefined && { probeMs }),
  })
  stack.defer(() => finding.stop())
  return { finding, errors }
}

const refuses: Behaviour = ({ response }) =>
  void response
    .writeHead(400, { 'content-type': 'application/json' })
    .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Server not initialized"}}')
const discovers: Behaviour = (asked) => answerJson(asked, { supportedVersions: ['2026-07-28'] })
const greets: Behaviour = (asked) => answerJson(asked, { protocolVersion: '2025-11-25', capabilities: {} })

test.each<[string, Behaviour, Behaviour]>([
  ['legacy', refuses, greets],
  ['legacy', answersHtml, greets],
  ['modern', discovers, refuses],
  ['both', discovers, (asked) => answerJson(asked, { protocolVersion: '2025-11-25', capabilities: {} }, { 'mcp-session-id': 'S' })],
  // It could ask clients of older revisions nothing.
  ['modern', discovers, greets],
])('findHttpEra() finds %s', async (era, discover, initialize) => {
  verifies('promise.http.era')
  const server = stack.use(
    await LoopbackServer.start((asked) => (asked.message.method === 'server/discover' ? discover(asked) : initialize(asked))),
  )
  const { finding, errors } = find(server.url)
  expect([await finding.initial, await finding.final]).toEqual([era, era])
  expect(errors.length).toBe(discover === answersHtml ? 1 : 0)
})

test('findHttpEra() says that a server is not there, does not keep the agent waiting, and finds it when it is', async () => {
  verifies('promise.http.era')
  const gone = await LoopbackServer.start(() => {})
  const { port, url } = gone
  await gone.stop()
  const { finding, errors } = find(url, { probeMs: 10 })
  expect(await finding.initial).toBe('legacy')
  stack.use(await LoopbackServer.start((asked) => (asked.message.method === 'server/discover' ? discovers(asked) : refuses(asked)), port))
  expect(await finding.final).toBe('modern')
  expect(errors).toEqual([expect.stringContaining('start the server')])
})

test('findHttpEra() takes what it is told, and still says when nothing is there', async () => {
  const gone = await LoopbackServer.start(() => {})
  const { url } = gone
  await gone.stop()
  const { finding } = find(url, { choice: 'modern' })
  expect(await finding.initial).toBe('modern')
  await finding.stop()
})

test.each(['auto', 'modern'] as const)(
  'findHttpEra(%s) does not ask again where clients sign in at the server itself, and finds no fault in that',
  async (choice) => {
    verifies('promise.http.pass-auth')
    const server = stack.use(
      await LoopbackServer.start(({ response }) => void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()),
    )
    const { finding, errors } = find(server.url, { choice, passAuth: true })
    expect(await finding.final).toBe(choice === 'auto' ? 'legacy' : 'modern')
    await server.next(() => true)
    await finding.stop()
    expect([errors, server.asked.length]).toEqual([[], 1])
  },
)
