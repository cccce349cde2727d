/** Keys, gates, cancellation and bounds of what the relay sends to a child. */
import { describe, expect, test } from 'vitest'
import { BACKLOG_BYTES } from '../../../../agent/limits.ts'
import { ANSWER_KEEP_MS, CHUNK_BYTES } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { keyOf } from '../scripted-relay.ts'
import { TestChannel } from '../test-channel.ts'

function result(id: unknown, value: unknown = 'ok'): object {
  return { jsonrpc: '2.0', id, result: value }
}

function ids(scene: TestChannel): unknown[] {
  return scene.child.written.map((message) => message['id'])
}

describe('keys', () => {
  test('Intake gives a call that runs its new return address, and does not run it again', () => {
    verifies('promise.2.never-twice')
    const scene = new TestChannel()
    scene.call(1)
    scene.call(1, '1', { ra: 'newer' })
    expect(ids(scene)).toEqual([1])
    expect(scene.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(1)] }])
    scene.child.says(result(1))
    expect(scene.of('answer')).toMatchObject([{ ra: 'newer' }])
  })

  test('Intake answers a call that ended from memory, with a new number', () => {
    verifies('promise.2.answered-from-memory')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1, 'kept'))
    scene.call(1, '1', { ra: 'again' })
    expect(ids(scene)).toEqual([1])
    expect(scene.of('answer')).toMatchObject([
      { n: 1, ra: 'ra1' },
      { n: 2, ra: 'again', key: keyOf(1) },
    ])
    expect(scene.sent.at(-1)?.text).toBe(JSON.stringify(result(1, 'kept')))
  })

  test('Intake answers from memory on another channel than the one where the call ran', () => {
    verifies('promise.2.answered-from-memory')
    const first = new TestChannel()
    first.call(1)
    first.child.says(result(1, 'kept'))
    const second = new TestChannel({ ch: 'c' }, first.memory)
    second.call(1, '1', { ra: 'there' })
    expect(second.of('answer')).toMatchObject([{ n: 1, ra: 'there' }])
    expect(second.child.lines).toEqual([])
  })

  test('Intake fails a call whose answer is kept no more as executed', () => {
    verifies('promise.2.forgotten-answer')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1))
    scene.nowMs = ANSWER_KEEP_MS + 1
    scene.memory.sweep(scene.nowMs)
    scene.call(1, '1', { ra: 'late' })
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'late', code: 'ALREADY_EXECUTED', executed: 'yes' }])
    expect(ids(scene)).toEqual([1])
  })

  test('Intake runs a call again whose child died under it, if it may run twice, and no other that it knows', () => {
    verifies('promise.2.repeated-after-death')
    const first = new TestChannel()
    first.call(1)
    first.child.says(result(1, 'kept'))
    first.call(2)
    first.child.ends({ exitCode: 1 })
    const second = new TestChannel({ ch: 'c' }, first.memory)
    second.call(2, '2')
    expect(second.of('failed')).toMatchObject([{ key: keyOf(2), code: 'CHILD_DIED', executed: 'unknown' }])
    for (const label of [1, 2]) second.call(label, String(label), { repeats: true })
    expect(ids(second)).toEqual([2])
    second.child.says(result(2, 'again'))
    expect(second.of('answer').map(({ key }) => key)).toEqual([keyOf(1), keyOf(2)])
    second.call(2, '2', { repeats: true })
    expect(ids(second)).toEqual([2])
    expect(second.of('answer')).toHaveLength(3)
  })

  test('Intake fails a call that failed in the same way again', () => {
    const scene = new TestChannel({}, undefined, true)
    scene.call(1)
    scene.child.ends({ exitCode: 3, stderr: 'last words' })
    scene.call(1, '1', { ra: 'again' })
    const [first, second] = scene.of('failed')
    expect(second).toEqual({ ...first, ra: 'again' })
    expect(second).toMatchObject({ code: 'CHILD_START_FAILED', exitCode: 3, executed: 'unknown', stderr: 'last words' })
  })

  test('Intake passes a notification once, and receipts it when the child has taken it', () => {
    verifies('promise.2.notifications-once')
    const scene = new TestChannel()
    scene.child.reads = false
    const key = scene.notify(1, { method: 'notifications/x' })
    scene.notify(1, { method: 'notifications/x' })
    expect(scene.of('receipts')).toEqual([])
    scene.child.read()
    expect(scene.of('receipts')).toEqual([{ type: 'receipts', keys: [key] }])
    scene.notify(1, { method: 'notifications/x' })
    expect(scene.of('receipts')).toHaveLength(2)
    expect(scene.child.lines).toHaveLength(1)
  })
})

describe('gate', () => {
  test('Intake sends a handshake and the call behind it one after the other', () => {
    verifies('link.lifecycle-kept', 'lifecycle.initialize.first', 'lifecycle.initialized.sent')
    const scene = new TestChannel()
    scene.call(1, '0', { gate: true, method: 'initialize' })
    scene.notify(2, { method: 'notifications/initialized' })
    scene.call(3, '5')
    expect(ids(scene)).toEqual([0])
    scene.child.says(result(0))
    expect(scene.child.written.map(({ method }) => method)).toEqual(['initialize', 'notifications/initialized', 'm'])
  })

  test('Intake opens a gate when its call fails, and fails what the child never saw as not executed', () => {
    verifies('promise.3.says-executed')
    const scene = new TestChannel()
    scene.call(1, '0', { gate: true })
    scene.call(2, '5')
    scene.child.ends({ exitCode: 1 })
    expect(scene.of('failed')).toMatchObject([
      { key: keyOf(1), executed: 'unknown' },
      { key: keyOf(2), executed: 'no' },
    ])
    expect(scene.of('died')).toMatchObject([{ reason: 'start', exitCode: 1 }])
  })

  test('Intake lets a cancellation overtake what waits behind a gate', () => {
    verifies('cancel.races')
    const scene = new TestChannel()
    scene.call(1, '0', { gate: true })
    scene.call(2, '5')
    scene.cancel(3, 2, '5')
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(2), code: 'CANCELLED', executed: 'no' }])
    scene.cancel(4, 1, '0')
    expect(scene.of('failed')[1]).toMatchObject({ key: keyOf(1), code: 'CANCELLED', executed: 'unknown' })
    expect(scene.child.written.map(({ method }) => method)).toEqual(['m', 'notifications/cancelled'])
    scene.call(5, '6')
    expect(ids(scene).at(-1)).toBe(6)
  })
})

describe('cancellation', () => {
  test.each(['keep', 'assign'] as const)(
    'Intake with `%s` names the call as the child knows it, ends it, and drops the late answer',
    (mode) => {
      verifies('cancel.own-requests', 'cancel.no-response', 'cancel.late-response')
      const scene = new TestChannel({ ids: mode })
      scene.call(1, '41')
      scene.cancel(2, 1, '41')
      expect(scene.child.written[1]).toMatchObject({ params: { requestId: mode === 'keep' ? 41 : 1 } })
      expect(scene.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(2)] }])
      expect(scene.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'ra1', code: 'CANCELLED' }])
      scene.child.says(result(mode === 'keep' ? 41 : 1))
      expect(scene.of('answer')).toEqual([])
    },
  )

  test('Intake passes an unknown cancellation on with `keep`, and drops it with `assign`', () => {
    verifies('cancel.in-progress', 'cancel.races')
    const own = new TestChannel()
    own.cancel(1, 9)
    expect(own.child.lines).toHaveLength(1)
    const shared = new TestChannel({ ids: 'assign' })
    shared.cancel(1, 9)
    expect(shared.child.lines).toEqual([])
    expect(shared.of('receipts')).toHaveLength(1)
  })

  test('Intake has a cancellation of a call that never came wait behind no gate where clients share the child', () => {
    verifies('cancel.races')
    const shared = new TestChannel({ ids: 'assign' })
    shared.call(1, '0', { gate: true })
    shared.cancel(2, 9)
    expect(shared.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(2)] }])
    const own = new TestChannel()
    own.call(1, '0', { gate: true })
    own.cancel(2, 9)
    expect(own.of('receipts')).toEqual([])
  })
})

describe('bounds', () => {
  test('Intake fails calls with BACKLOG_FULL while the child leaves 16 MiB unread', () => {
    verifies('promise.10.unread')
    const scene = new TestChannel({ ids: 'assign' })
    scene.child.reads = false
    const body = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"m","params":"${'x'.repeat(CHUNK_BYTES)}"}`)
    let label = 0
    while (scene.of('failed').length === 0)
      scene.relay(
        { type: 'call', ch: 'c', key: keyOf(++label), method: 'm', id: [22, 23], ra: '', tag: `t${label}`, size: body.length },
        body,
      )
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(label), code: 'BACKLOG_FULL', executed: 'no' }])
    expect(scene.child.lines).toHaveLength(Math.floor(BACKLOG_BYTES / body.length))
    scene.child.read()
    scene.call(9999)
    expect(ids(scene)).toHaveLength(label)
  })

  test('Intake fails an upload with a gap, and forgets one that a broken link left', () => {
    const scene = new TestChannel()
    const header = { type: 'call', ch: 'c', method: 'm', id: [6, 7], ra: '', tag: '', size: 100 } as const
    scene.relay({ ...header, key: keyOf(1), tag: 'a' }, '{"id":1')
    scene.relay({ type: 'upload', ch: 'c', key: keyOf(1), offset: 9 }, 'x')
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(1), code: 'UPLOAD_BROKEN', executed: 'no' }])
    scene.relay({ ...header, key: keyOf(2), tag: 'b' }, '{"id":1')
    expect(scene.memory.held(0)).toContain(keyOf(2))
    scene.channel.linkLost()
    expect(scene.memory.held(0)).not.toContain(keyOf(2))
    expect(scene.channel.isQuiet).toBe(true)
  })
})

describe('after the end of the child', () => {
  test('Intake fails calls that come after its death, and receipts notifications', () => {
    const scene = new TestChannel({}, undefined, true)
    scene.child.ends({ exitCode: null, startError: 'command not found: x' })
    scene.call(1)
    scene.notify(2, { method: 'notifications/x' })
    expect(scene.of('failed')).toMatchObject([{ code: 'CHILD_START_FAILED', executed: 'no', detail: 'command not found: x' }])
    expect(scene.of('receipts')).toHaveLength(1)
  })
})
