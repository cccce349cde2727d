import { WEB_CHUNK_BYTES } from '../../../../protocol/web/web-limits.ts'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChannelFrame } from '../../../../agent/channel/channel.ts'
import { DIAL_MS } from '../../../../agent/limits.ts'
import { connectOnce, type Link, type LinkEnd, type LinkOptions } from '../../../../agent/link/link.ts'
import { CLOSE, type Welcome } from '../../../../protocol/handshake.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { HELLO } from '../link-options.ts'
import { keyOf, ScriptedRelay, type RelayLink } from '../scripted-relay.ts'

const RECEIPT: ChannelFrame = { type: 'receipt', ch: 'c', n: 1 }

let relay: ScriptedRelay

beforeEach(async () => {
  relay = await ScriptedRelay.start()
})

afterEach(() => relay[Symbol.asyncDispose]())

/** One attempt, and what it has told. */
class Attempt implements Disposable {
  readonly ended: Promise<LinkEnd>
  readonly welcomed = Promise.withResolvers<Link>()
  readonly draining = Promise.withResolvers<void>()
  readonly frames: [string, string][] = []
  readonly welcomes: Welcome[] = []
  fault: string | undefined
  readonly #stop = new AbortController()

  constructor(options: Partial<LinkOptions> = {}) {
    this.ended = connectOnce(
      {
        url: new URL('/agent/share', relay.origin.replace('http', 'ws')),
        token: relay.token(),
        compress: false,
        dialMs: DIAL_MS,
        keepaliveMs: 60_000,
        userAgent: 'test/1',
        hello: () => HELLO,
        channels: {
          receive: (frame, body) => {
            this.frames.push([frame.type, Buffer.from(body).toString()])
            return this.fault
          },
          flush: () => {},
        },
        web: { size: 0, flush: () => {}, receive: (frame, body) => void this.frames.push([frame.type, Buffer.from(body).toString()]) },
        ready: Promise.resolve(),
        signal: this.#stop.signal,
        ...options,
      },
      {
        welcomed: (link, welcome) => {
          this.welcomes.push(welcome)
          this.welcomed.resolve(link)
        },
        unaccepted: () => {},
        metadataAsked: () => {},
        draining: () => this.draining.resolve(),
      },
    )
  }

  stop(): void {
    this.#stop.abort()
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

/** A link that the relay has welcomed. */
async function up(attempt: Attempt): Promise<{ readonly link: Link; readonly far: RelayLink }> {
  const far = await relay.link(0)
  await far.welcome()
  return { link: await attempt.welcomed.promise, far }
}

test('connectOnce() dials with token and user agent, and says hello before anything else', async () => {
  using attempt = new Attempt()
  const { far } = await up(attempt)
  expect(far.request.headers).toMatchObject({ authorization: `Bearer ${relay.token()}`, 'user-agent': 'test/1' })
  expect(far.got.map(({ header }) => header)).toEqual([HELLO])
  expect(attempt.welcomes).toMatchObject([{ type: 'welcome', unwanted: [] }])
})

test('connectOnce() lets the hello wait until it is ready, not the dialling', async () => {
  const ready = Promise.withResolvers<void>()
  using attempt = new Attempt({ ready: ready.promise })
  const far = await relay.link(0)
  expect(far.got).toEqual([])
  ready.resolve()
  await up(attempt)
})

test('connectOnce() gives up on an upgrade that is not answered within its time', async () => {
  await using silent = createServer((socket) => void socket.on('error', () => {}).resume())
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const url = new URL(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  using attempt = new Attempt({ url, dialMs: 1 })
  expect(await attempt.ended).toEqual({ kind: 'unreachable', reason: 'Opening handshake has timed out' })
})

test('connectOnce() reports a refusal of the relay', async () => {
  const body = '{"code":"UNAUTHORIZED","detail":"the reason"}'
  relay.refuse = { status: 401, headers: { 'content-type': 'application/problem+json; charset=utf-8' }, body }
  using attempt = new Attempt()
  expect(await attempt.ended).toMatchObject({ kind: 'refused', status: 401, code: 'UNAUTHORIZED', detail: 'the reason' })
})

test('connectOnce() reports that nobody answers', async () => {
  const gone = await ScriptedRelay.start()
  const url = new URL(gone.origin.replace('http', 'ws'))
  await gone[Symbol.asyncDispose]()
  using attempt = new Attempt({ url })
  expect(await attempt.ended).toMatchObject({ kind: 'unreachable', reason: expect.stringContaining('ECONNREFUSED') as string })
})

test('connectOnce() ends with its signal, before and after the link is up', async () => {
  const stopped = AbortSignal.abort()
  using never = new Attempt({ signal: stopped })
  expect(await never.ended).toEqual({ kind: 'unreachable', reason: 'stopped' })
  expect(relay.attempts).toBe(0)
  using attempt = new Attempt()
  await up(attempt)
  attempt.stop()
  expect(await attempt.ended).toMatchObject({ kind: 'closed' })
})

test('Link hands frames to the channels, and a drain to its owner', async () => {
  using attempt = new Attempt()
  const { far } = await up(attempt)
  far.send({ type: 'upload', ch: 'c', key: keyOf(1), offset: 0 }, 'body')
  far.send({ type: 'drain' })
  await attempt.draining.promise
  expect(attempt.frames).toEqual([['upload', 'body']])
})

test('Link.send() puts all frames of one turn into one message', async () => {
  using attempt = new Attempt()
  const { link, far } = await up(attempt)
  for (const label of [1, 2, 3]) link.send({ type: 'receipts', keys: [keyOf(label)] })
  for (const label of [1, 2, 3]) expect((await far.next('receipts')).header.keys).toEqual([keyOf(label)])
  expect(far.sizes).toEqual([1, 3])
})

test('Link.close() sends first what was given to it in the same turn', async () => {
  using attempt = new Attempt()
  const { link, far } = await up(attempt)
  link.send({ type: 'receipts', keys: [keyOf(1)] })
  await link.close(CLOSE.GOING_AWAY, 'done')
  expect(await far.closed).toEqual({ code: CLOSE.GOING_AWAY, reason: 'done' })
  expect(far.got.at(-1)?.header.type).toBe('receipts')
  expect(await attempt.ended).toMatchObject({ kind: 'closed', code: CLOSE.GOING_AWAY, livedMs: expect.any(Number) as number })
  link.send({ type: 'drain' })
  expect(link.writable).toBe(false)
})

test.each<[string, (far: RelayLink, attempt: Attempt) => void, string]>([
  ['an unknown frame', (far) => far.socket.send(Buffer.from('{"type":"surprise"}\n')), 'unknown_type'],
  ['a text that is no pong', (far) => far.socket.send('hello'), 'a text message that is no pong'],
  ['a second welcome', (far) => far.send({ type: 'welcome', share: 's', unwanted: [] }), 'a second welcome'],
  [
    'a frame that the channels refuse',
    (far, attempt) => {
      attempt.fault = 'wrong'
      far.send(RECEIPT)
    },
    'wrong',
  ],
])('Link closes with 4004 after %s', async (_, break_, reason) => {
  using attempt = new Attempt()
  const { far } = await up(attempt)
  break_(far, attempt)
  expect(await far.closed).toEqual({ code: CLOSE.PROTOCOL_ERROR, reason })
})

test('Link closes with 4004 after a frame that comes before the welcome', async () => {
  using attempt = new Attempt()
  const far = await relay.link(0)
  await far.next('hello')
  far.send(RECEIPT)
  expect(await far.closed).toEqual({ code: CLOSE.PROTOCOL_ERROR, reason: 'no welcome first' })
  expect(await attempt.ended).toMatchObject({ kind: 'closed', livedMs: 0 })
  expect(attempt.frames).toEqual([])
})

test('Link notices by silence that it is dead, however open the socket looks', async () => {
  verifies('promise.3.half-open')
  relay.answersPings = false
  using attempt = new Attempt({ keepaliveMs: 50 })
  const { far } = await up(attempt)
  expect(await attempt.ended).toMatchObject({ kind: 'closed', code: 1006 })
  expect(far.pings).toBe(1)
})

test('Link does not end while its pings are answered', async () => {
  using attempt = new Attempt({ keepaliveMs: 50 })
  const { link, far } = await up(attempt)
  while (far.pings < 5) await far.changed()
  expect(link.writable).toBe(true)
})

test('Link paces web exchanges once a call has come, as marks come back from the relay', async () => {
  verifies('promise.14.flow')
  const called = Promise.withResolvers<void>()
  let flushed = Promise.withResolvers<void>()
  const flush = (): void => {
    flushed.resolve()
    flushed = Promise.withResolvers()
  }
  const receive = (): undefined => called.resolve() as undefined
  using attempt = new Attempt({ web: { size: 1, flush, receive: () => {} }, channels: { receive, flush: () => {} } })
  const { link, far } = await up(attempt)
  const send = (): void => {
    for (let count = 0; count < 2; count++) link.sendWeb({ type: 'web_data', x: '0'.repeat(32), at: 0 }, new Uint8Array(WEB_CHUNK_BYTES))
  }
  send()
  expect(link.hasRoomForWeb).toBe(true)
  far.call('c1', 1, '{"jsonrpc":"2.0","id":1,"method":"x"}')
  await called.promise
  send()
  expect(link.hasRoomForWeb).toBe(false)
  while (!link.hasRoomForWeb) await flushed.promise
  // Marks may come back before the other end has read all that was sent.
  while (far.got.filter(({ header }) => header.type === 'web_data').length < 4) await far.changed()
})
