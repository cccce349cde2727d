import { describe, expect, test } from 'vitest'
import { JUNK_LINES, OUTBOX_PAUSE_BYTES } from '../../../../agent/limits.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { keyOf } from '../scripted-relay.ts'
import { TestChannel } from '../test-channel.ts'

function result(id: unknown, value: unknown = 'ok'): object {
  return { jsonrpc: '2.0', id, result: value }
}

describe('death', () => {
  test('Channel fails its calls at once when what its child prints can never be a message, and ends it', () => {
    verifies('promise.10.unreadable')
    const scene = new TestChannel()
    scene.call(1)
    for (let count = 0; count < JUNK_LINES; count++) scene.child.says('$ ')
    const detail = `the server has printed ${JUNK_LINES} lines on stdout, and none of them is a message`
    const failed = { type: 'failed', ch: 'c', key: keyOf(1), ra: 'ra1', code: 'CHILD_START_FAILED', executed: 'unknown', detail }
    expect(scene.sent.map(({ frame }) => frame)).toEqual([failed])
    expect([scene.child.stopped, scene.channel.isLive]).toEqual([true, false])
    scene.child.says(result(1))
    scene.child.ends()
    expect(scene.sent.slice(1).map(({ frame }) => frame)).toEqual([
      { type: 'died', ch: 'c', reason: 'start', exitCode: 0, signal: null, lastWords: detail },
    ])
  })

  test('Channel fails a call that its child has proved not to have taken as not executed, and the others as unknown', () => {
    verifies('promise.http.session-lost')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1))
    scene.call(2)
    scene.call(3)
    scene.child.ends({ exitCode: null, untaken: ['3'], startError: 'restarted' })
    expect(scene.sent.slice(1).map(({ frame }) => frame)).toMatchObject([
      { type: 'failed', key: keyOf(2), code: 'CHILD_DIED', executed: 'unknown' },
      { type: 'failed', key: keyOf(3), code: 'CHILD_DIED', executed: 'no' },
      { type: 'died', reason: 'exit', lastWords: 'restarted' },
    ])
  })

  test('Channel fails the first call of a child with what is known better than that it did not start', () => {
    verifies('promise.http.down')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.ends({ exitCode: null, code: 'SERVER_UNREACHABLE', startError: 'nothing listens' })
    expect(scene.sent.map(({ frame }) => frame)).toMatchObject([
      { type: 'failed', code: 'SERVER_UNREACHABLE' },
      { type: 'died', reason: 'start' },
    ])
  })

  test('Channel fails what a session that wants its client to sign in was to run so, and tells nobody of a dead server', () => {
    verifies('promise.http.pass-auth')
    const scene = new TestChannel()
    scene.call(1, '1', { method: 'initialize', gate: true })
    scene.call(2)
    const refusal = { code: 'SERVER_SIGN_IN', challenge: 'Bearer scope="a"' } as const
    scene.child.handlers.refused?.('1', { ...refusal, executed: 'no' })
    scene.child.ends({ exitCode: null, ...refusal, startError: 'it wants its client to sign in', untaken: ['2'] })
    expect(scene.sent.map(({ frame }) => frame)).toEqual([
      { type: 'failed', ch: 'c', key: keyOf(1), ra: 'ra1', executed: 'no', ...refusal },
      { type: 'failed', ch: 'c', key: keyOf(2), ra: 'ra2', executed: 'no', ...refusal },
      { type: 'died', ch: 'c', reason: 'closed', exitCode: null, signal: null },
    ])
    expect(scene.logged.some((line) => line.includes('"level":"warn"'))).toBe(false)
  })

  test('Channel fails its calls with what is known, then says that it died', () => {
    verifies('promise.3.died', 'promise.3.says-executed', 'stdio.shutdown.by-server')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1))
    scene.call(2)
    scene.child.reads = false
    scene.call(3)
    scene.child.ends({ exitCode: null, signal: 'SIGKILL', stderr: 'oh' })
    expect(scene.sent.slice(1).map(({ frame }) => frame)).toEqual([
      {
        type: 'failed',
        ch: 'c',
        key: keyOf(2),
        ra: 'ra2',
        code: 'CHILD_DIED',
        executed: 'unknown',
        exitCode: null,
        signal: 'SIGKILL',
      },
      {
        type: 'failed',
        ch: 'c',
        key: keyOf(3),
        ra: 'ra3',
        code: 'CHILD_DIED',
        executed: 'no',
        exitCode: null,
        signal: 'SIGKILL',
      },
      { type: 'died', ch: 'c', reason: 'exit', exitCode: null, signal: 'SIGKILL', lastWords: 'oh' },
    ])
  })

  test.each([
    ['what it wrote to stderr', { exitCode: 3, stderr: 'got SECRET' }],
    ['why it could not be started', { exitCode: null, startError: 'command not found: /home/me/x' }],
  ])('Channel tells of a child that fails %s only where its owner has that told, and the owner in any case', (_, end) => {
    verifies('promise.9.stderr')
    const told = [false, true].map((tellsStderr) => {
      const scene = new TestChannel({}, undefined, tellsStderr)
      scene.call(1)
      scene.child.ends(end)
      scene.call(2)
      expect(scene.of('died')[0]?.lastWords).toMatch(/SECRET|home/)
      // For the owner alone; all else that is sent may reach a client.
      return JSON.stringify(scene.sent.map(({ frame }) => ({ ...frame, lastWords: undefined })))
    })
    expect(told.map((text) => /SECRET|home/.test(text))).toEqual([false, true])
  })

  test('Channel that is closed fails its calls at once, and takes no word of the child any more', () => {
    const scene = new TestChannel()
    scene.call(1)
    void scene.channel.stop('closed')
    expect(scene.of('failed')).toMatchObject([{ code: 'CHANNEL_CLOSED', executed: 'unknown' }])
    expect(scene.child.stopped).toBe(true)
    scene.child.says(result(1))
    scene.child.ends()
    expect(scene.of('answer')).toEqual([])
    expect(scene.of('died')).toMatchObject([{ reason: 'closed' }])
  })
})

describe('flow', () => {
  test('Channel stops reading its child while the credit is used up, and goes on with more', () => {
    const scene = new TestChannel()
    const big = 'x'.repeat(CHUNK_BYTES - 100)
    for (let label = 0; label < 24; label++) {
      scene.call(label)
      scene.child.says(result(label, big))
    }
    expect(scene.child.paused).toBe(true)
    const at = scene.of('answer').at(-1)?.at ?? 0
    expect(at).toBeLessThanOrEqual(CHANNEL_WINDOW_BYTES)
    scene.relay({ type: 'credit', ch: 'c', upto: at + CHANNEL_WINDOW_BYTES })
    expect(scene.child.paused).toBe(false)
    expect(scene.of('answer')).toHaveLength(24)
  })

  test('Channel stops reading its child while there is no link, and sends all on the next', () => {
    const scene = new TestChannel()
    scene.call(1)
    scene.call(2)
    scene.link.writable = false
    scene.channel.linkLost()
    scene.child.says(result(1, 'x'.repeat(OUTBOX_PAUSE_BYTES)))
    expect(scene.child.paused).toBe(true)
    scene.child.says(result(2))
    scene.link.writable = true
    scene.channel.linkRestored()
    expect(scene.child.paused).toBe(false)
    expect(scene.of('answer').map(({ n, key }) => [n, key])).toEqual([
      [1, keyOf(1)],
      [2, keyOf(2)],
    ])
  })
})

describe('quiet', () => {
  const LISTEN = { method: 'subscriptions/listen' }

  test('Channel is quiet and idle while it is only listened to', () => {
    const scene = new TestChannel()
    scene.nowMs = 5
    scene.call(1, '1', LISTEN)
    expect([scene.channel.isQuiet, scene.channel.idleSinceMs, scene.channel.hasListener]).toEqual([true, 5, true])
    scene.call(2)
    expect([scene.channel.isQuiet, scene.channel.idleSinceMs]).toEqual([false, undefined])
    scene.child.says(result(2))
    scene.child.says(result(1))
    expect(scene.channel.hasListener).toBe(false)
  })
})

describe('what a client shows for the server', () => {
  test('goes to the child before what it comes with, from the open on; what comes again is overtaken by it', () => {
    verifies('promise.http.pass-auth')
    const scene = new TestChannel({ auth: 'Bearer a' })
    scene.call(1)
    scene.call(2, '2', { auth: 'Bearer b' })
    scene.relay({ type: 'notify', ch: 'c', key: keyOf(3), method: 'n', auth: 'Bearer c', size: 2 }, '{}')
    scene.call(2, '2', { auth: 'Bearer b' })
    expect(scene.child.shown).toEqual(['Bearer a', 'Bearer b', 'Bearer c'])
    expect(scene.logged.join()).not.toContain('Bearer')
  })

  test('goes with each message that waits, whatever is shown meanwhile', () => {
    verifies('promise.http.pass-auth')
    const scene = new TestChannel({ auth: 'Bearer a' })
    scene.call(1, '1', { method: 'initialize', gate: true, auth: 'Bearer a' })
    scene.call(2, '2', { auth: 'Bearer b' })
    scene.relay({ type: 'notify', ch: 'c', key: keyOf(3), method: 'n', auth: 'Bearer c', size: 2 }, '{}')
    scene.call(4, '4', { auth: 'Bearer a' })
    scene.child.says(result(1))
    expect(scene.child.shownWith).toEqual(['Bearer a', 'Bearer b', 'Bearer c', 'Bearer a'])
  })

  test('is refused for one call, and the others go on', () => {
    verifies('promise.http.pass-auth')
    const scene = new TestChannel({ ids: 'assign' })
    scene.call(1, '"x"')
    scene.call(2, '"x"')
    scene.child.handlers.refused?.('1', { code: 'SERVER_FORBIDDEN', executed: 'no' })
    scene.child.handlers.refused?.('9', { code: 'SERVER_FORBIDDEN', executed: 'no' })
    scene.child.says(result(2))
    expect(scene.sent.map(({ frame }) => frame)).toMatchObject([
      { type: 'failed', key: keyOf(1), code: 'SERVER_FORBIDDEN', executed: 'no' },
      { type: 'answer', key: keyOf(2) },
    ])
    expect(scene.channel.isLive).toBe(true)
  })
})
