/** What becomes of the lines of a child, through the channel that it runs in. */
import { describe, expect, test } from 'vitest'
import { HELD_MESSAGES, OPEN_ASKS } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { keyOf } from '../scripted-relay.ts'
import { TestChannel } from '../test-channel.ts'

function result(id: unknown, value: unknown = 'ok'): object {
  return { jsonrpc: '2.0', id, result: value }
}

describe('lines', () => {
  test('ChildMessages drops answers that are repeated, late or invented, and logs them', () => {
    verifies('promise.1.stray-answers')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1))
    for (const id of [1, 2, '1', null])
      scene.child.says(id === null ? { jsonrpc: '2.0', id: null, error: { code: 1, message: '' } } : result(id))
    expect(scene.of('answer')).toHaveLength(1)
    expect(scene.logged.filter((line) => line.includes('unknown_answer'))).toHaveLength(4)
  })

  test('ChildMessages has the log say why a server refuses initialize, and nothing of other errors', () => {
    verifies('promise.8.failing-start')
    const scene = new TestChannel()
    scene.call(1, '0', { method: 'initialize' })
    scene.child.says({ jsonrpc: '2.0', id: 0, error: { code: -32603, message: 'API_KEY is not set' } })
    scene.call(2, '5')
    scene.child.says({ jsonrpc: '2.0', id: 5, error: { code: -32603, message: 'private' } })
    expect(scene.logged.filter((line) => line.includes('initialize.refused'))).toEqual([expect.stringContaining('API_KEY is not set')])
    expect(scene.logged.join('')).not.toContain('private')
  })

  test('ChildMessages takes an id whose type the server has changed, where it can mean one call only', () => {
    verifies('promise.1.odd-servers', 'promise.1.ids-distinct')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result('1'))
    expect(scene.of('answer')).toMatchObject([{ key: keyOf(1) }])
    scene.call(2)
    scene.call(3, '"2"')
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(3), code: 'DUPLICATE_ID', executed: 'no' }])
    scene.child.says(result('2'))
    expect(scene.of('answer')).toMatchObject([{}, { key: keyOf(2) }])
  })

  test('ChildMessages takes members that are null out of a message, and passes on the rest', () => {
    verifies('promise.1.odd-servers')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says('{"jsonrpc":"2.0","id":null,"method":"notifications/x","params":{"big":1.0},"result":null,"error":null}')
    scene.child.says('{"jsonrpc":"2.0","id":1,"method":null,"params":null,"result":{"next":null},"error":null}')
    expect(scene.sent.map(({ text }) => text)).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/x","params":{"big":1.0}}',
      '{"jsonrpc":"2.0","id":1,"result":{"next":null}}',
    ])
    expect(scene.of('answer')).toMatchObject([{ key: keyOf(1), id: [22, 23] }])
  })

  test('ChildMessages takes an error without an id for the answer to a handshake that runs alone, and to nothing else', () => {
    verifies('promise.1.odd-servers')
    const unread = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(unread)
    expect(scene.of('answer')).toEqual([])
    scene.child.says(result(1))
    scene.call(2, '2', { method: 'initialize' })
    scene.child.says(unread)
    expect(scene.of('answer')).toMatchObject([{}, { key: keyOf(2), failed: true, id: [22, 26] }])
  })

  test('ChildMessages takes a batch of the child apart', () => {
    verifies('stdio.batch')
    const scene = new TestChannel()
    scene.call(1)
    scene.call(2)
    scene.child.says([result(2, 'two'), { jsonrpc: '2.0', method: 'notifications/x' }, result(1, 'one')])
    expect(scene.sent.map(({ text }) => text)).toEqual([
      JSON.stringify(result(2, 'two')),
      '{"jsonrpc":"2.0","method":"notifications/x"}',
      JSON.stringify(result(1, 'one')),
    ])
    expect(scene.of('answer').map(({ n, key }) => [n, key])).toEqual([
      [1, keyOf(2)],
      [3, keyOf(1)],
    ])
  })

  test.each([
    'not json',
    '{"a":1}',
    '42',
    '[1,',
    '',
    '   ',
    '{"jsonrpc":"2.0","id":1,"id":2,"result":1}',
    '[]',
    '{"jsonrpc":"2.0","id":{},"result":1}',
  ])('ChildMessages drops %j from the child', (junk) => {
    verifies('stdio.junk')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(junk)
    expect(scene.sent).toEqual([])
    scene.child.says(result(1))
    expect(scene.of('answer')).toHaveLength(1)
  })

  test('ChildMessages fails a call whose answer is over the limit as executed, and lives on', () => {
    const scene = new TestChannel()
    scene.call(1)
    scene.call(2)
    scene.child.handlers.tooLong(Buffer.from('{"jsonrpc":"2.0","id":2,"result":"xxx'), Buffer.from('xxx"}'), 1e8)
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(2), code: 'LINE_TOO_LONG', executed: 'yes' }])
    scene.child.says(result(1))
    expect(scene.of('answer')).toHaveLength(1)
  })
})

describe('asks', () => {
  test('ChildMessages answers the ping of the child itself, with the id as it was', () => {
    const scene = new TestChannel({ asks: 'refuse' })
    scene.child.says('{"jsonrpc":"2.0","id":1.50,"method":"ping"}')
    expect(scene.child.lines).toEqual(['{"jsonrpc":"2.0","id":1.50,"result":{}}\n'])
    expect(scene.sent).toEqual([])
  })

  test('ChildMessages with `refuse` answers every other request with -32601', () => {
    const scene = new TestChannel({ ids: 'assign', asks: 'refuse' })
    scene.child.says({ jsonrpc: '2.0', id: 'a', method: 'roots/list' })
    expect(scene.child.written).toMatchObject([{ id: 'a', error: { code: -32601 } }])
    expect(scene.sent).toEqual([])
  })

  test('ChildMessages passes an ask on, and the first answer back to it, once', () => {
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says('{"jsonrpc":"2.0","id":"\\u0061","method":"roots/list"}')
    expect(scene.of('ask')).toMatchObject([{ n: 1, method: 'roots/list', rawId: '"\\u0061"', ra: 'ra1', sure: true }])
    const respond = (label: number, rawId: string): void => {
      const body = `{"jsonrpc":"2.0","id":${rawId},"result":{}}`
      scene.relay({ type: 'respond', ch: 'c', key: keyOf(label), rawId, size: body.length }, body)
    }
    respond(10, '"b"')
    respond(11, '"a"')
    respond(12, '"a"')
    expect(scene.child.lines.slice(1)).toEqual(['{"jsonrpc":"2.0","id":"a","result":{}}\n'])
    expect(scene.of('receipts')).toHaveLength(3)
  })

  test('ChildMessages does not send an ask again that was answered', () => {
    const scene = new TestChannel()
    for (const id of ['q', 'r']) scene.child.says({ jsonrpc: '2.0', id, method: 'roots/list' })
    const body = '{"jsonrpc":"2.0","id":"q","result":{}}'
    scene.relay({ type: 'respond', ch: 'c', key: keyOf(10), rawId: '"q"', size: body.length }, body)
    scene.relay({ type: 'replay', ch: 'c', after: 0, to: 's' })
    expect(scene.of('ask').map(({ n, to }) => [n, to])).toEqual([
      [1, undefined],
      [2, undefined],
      [2, 's'],
    ])
  })

  test("ChildMessages sends the child's cancellation of an ask where the ask went", () => {
    verifies('cancel.of-asks')
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says({ jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage' })
    scene.call(2)
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } })
    expect(scene.of('notification')).toMatchObject([{ method: 'notifications/cancelled', ra: 'ra1', sure: true }])
    scene.relay({ type: 'replay', ch: 'c', after: 0, to: 's' })
    expect(scene.of('ask')).toHaveLength(1)
  })

  test('ChildMessages answers the child when too many asks are open, and when a held one gives way', () => {
    verifies('promise.10.asks')
    const many = new TestChannel()
    for (let id = 0; id <= OPEN_ASKS; id++) many.child.says({ jsonrpc: '2.0', id, method: 'roots/list' })
    expect(many.child.written).toMatchObject([{ id: OPEN_ASKS, error: { code: -32015 } }])
    const held = new TestChannel()
    for (let id = 0; id <= HELD_MESSAGES; id++) {
      held.child.says({ jsonrpc: '2.0', id, method: 'roots/list' })
      held.relay({ type: 'hold', ch: 'c', n: id + 1 })
    }
    expect(held.child.written).toMatchObject([{ id: 0, error: { code: -32015, data: { code: 'CLIENT_UNREACHABLE' } } }])
  })
})

describe('notifications', () => {
  test('ChildMessages reports where token, progress, uri and subscription id stand', () => {
    const scene = new TestChannel()
    scene.call(1, '1', { token: '"tok"' })
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'tok', progress: 0.5 } })
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///é' } })
    const [progress, updated] = scene.of('notification')
    const text = scene.sent[0]?.text ?? ''
    expect([progress?.token, progress?.progress].map((span) => text.slice(...(span ?? [0, 0])))).toEqual(['"tok"', '0.5'])
    expect(updated).toMatchObject({ uri: 'file:///é', ra: 'ra1', sure: true })
  })

  test('ChildMessages drops progress for a token that no running call has', () => {
    const scene = new TestChannel()
    scene.call(1, '1', { token: '5' })
    scene.child.says(result(1))
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 5, progress: 1 } })
    expect(scene.of('notification')).toEqual([])
  })
})

test('ChildMessages passes on progress of a task whose call is answered, as of no call, until the task has ended', () => {
  verifies('promise.13.told')
  const scene = new TestChannel()
  scene.call(1, '1', { token: '5', method: 'tools/call', mayBeginTask: true })
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 5, progress: 1 } }
  const status = (word: string) => ({ taskId: 't', status: word, ttl: 60_000 })
  scene.child.says(result(1, { task: status('working') }))
  scene.child.says(progress)
  const [told] = scene.of('notification')
  expect(told).toMatchObject({ method: 'notifications/progress' })
  expect([told?.ra, told?.sure]).toEqual([undefined, undefined])
  scene.child.says({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: status('completed') })
  scene.child.says(progress)
  expect(scene.of('notification').map(({ method, task }) => [method, task])).toEqual([
    ['notifications/progress', undefined],
    ['notifications/tasks/status', 't'],
  ])
})

describe('listens', () => {
  const LISTEN = { method: 'subscriptions/listen' }
  const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

  function changed(subscriptionId: unknown): object {
    return { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta: { [SUBSCRIPTION]: subscriptionId } } }
  }

  test('ChildMessages with `assign` gives each listen what speaks of it, with the span of the id to put back', () => {
    verifies('stdio.modern.by-subscription', 'modern.listen.several')
    const scene = new TestChannel({ ids: 'assign' })
    for (const label of [1, 2]) scene.call(label, '"listen:0"', LISTEN)
    scene.call(3)
    scene.child.says(changed(2))
    scene.child.says(changed(1))
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info' } })
    expect(scene.of('notification')).toMatchObject([
      { ra: 'ra2', sure: true },
      { ra: 'ra1', sure: true },
      { ra: 'ra3', sure: true },
    ])
    const [second, first] = scene.sent.filter(({ frame }) => frame.type === 'notification')
    for (const [sent, id] of [[second, '2'] as const, [first, '1'] as const]) {
      const span = sent?.frame.type === 'notification' ? sent.frame.subscriptionId : undefined
      expect(sent?.text.slice(...(span ?? [0, 0]))).toBe(id)
    }
  })

  test('ChildMessages drops what speaks of a listen that was cancelled, and gives it to no other call', () => {
    verifies('cancel.late-response')
    const scene = new TestChannel()
    scene.call(1, '"listen:0"', LISTEN)
    scene.call(2, '7')
    scene.cancel(3, 1, '"listen:0"')
    scene.child.says(changed('listen:0'))
    expect(scene.of('notification')).toEqual([])
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(1), code: 'CANCELLED' }])
    expect(scene.child.written.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: 'listen:0' } })
  })

  test.each<[string, string]>([
    ['{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":1}}}', '1'],
    [' {"result":{"_meta":{"x":{"_meta":2},"io.modelcontextprotocol\\u002fsubscriptionId":"1"}},"jsonrpc":"2.0","id":1}', '"1"'],
  ])('ChildMessages says where the answer to a listen repeats its id: %s', (line, id) => {
    const scene = new TestChannel({ ids: 'assign' })
    const key = scene.call(1, '"listen:0"', LISTEN)
    scene.child.says(line)
    // Asked once more, the kept answer says the same.
    scene.call(1, '"listen:0"', { ...LISTEN, key })
    const answers = scene.of('answer')
    expect(answers).toHaveLength(2)
    for (const { subscriptionId } of answers) expect(line.slice(...(subscriptionId ?? [0, 0]))).toBe(id)
  })

  test.each([
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":[]}',
    '{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":{}}}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":""}}',
  ])('ChildMessages passes an answer to a listen on that names no subscription: %s', (line) => {
    const scene = new TestChannel()
    scene.call(1, '1', LISTEN)
    scene.child.says(line)
    expect(scene.of('answer').map((answer) => 'subscriptionId' in answer)).toEqual([false])
  })

  test('ChildMessages looks for a subscription in no other answer', () => {
    const scene = new TestChannel()
    scene.call(1)
    scene.child.says(result(1, { _meta: { [SUBSCRIPTION]: 1 } }))
    expect(scene.of('answer').map((answer) => 'subscriptionId' in answer)).toEqual([false])
  })

  test('ChildMessages ends a listen that the child takes back, and no other call', () => {
    verifies('cancel.modern.listen-ended')
    const scene = new TestChannel({ ids: 'assign' })
    scene.call(1, '"listen:0"', LISTEN)
    scene.call(2)
    for (const requestId of [1, 2]) scene.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'ra1', code: 'CANCELLED', executed: 'yes' }])
    scene.child.says(result(2))
    expect(scene.of('answer')).toMatchObject([{ key: keyOf(2) }])
  })

  test("ChildMessages takes the child's cancellation of an ask for that, also when a listen has the same id", () => {
    const scene = new TestChannel()
    scene.call(1, '1', LISTEN)
    scene.child.says({ jsonrpc: '2.0', id: 1, method: 'roots/list' })
    scene.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    expect(scene.of('failed')).toEqual([])
    expect(scene.of('notification')).toHaveLength(1)
  })

  test('ChildMessages passes an answer that asks for input on like any other', () => {
    const scene = new TestChannel({ ids: 'assign' })
    scene.call(1, '"a"')
    scene.child.says(result(1, { resultType: 'input_required', requestState: 's' }))
    expect(scene.of('answer')).toMatchObject([{ key: keyOf(1), failed: false }])
    expect(scene.channel.isQuiet).toBe(true)
  })
})
