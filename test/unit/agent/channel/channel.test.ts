import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BACKLOG_BYTES, HELD_MESSAGES, OPEN_ASKS, OUTBOX_PAUSE_BYTES } from '../../../../agent/limits.ts'
import { ANSWER_KEEP_MS, CHANNEL_WINDOW_BYTES, CHUNK_BYTES } from '../../../../protocol/limits.ts'
import { Bench } from '../fake-child.ts'
import { keyOf, spanAfter } from '../scripted-relay.ts'

function result(id: unknown, value: unknown = 'ok'): object {
  return { jsonrpc: '2.0', id, result: value }
}

function ids(bench: Bench): unknown[] {
  return bench.child.written.map((message) => message['id'])
}

describe('ids', () => {
  test('Channel with `keep` writes calls byte for byte, as one line each', () => {
    const bench = new Bench()
    const body = '{"jsonrpc":"2.0",\r\n"id":1.0,"method":"x","params":{"n":9007199254740993,"漢":"\\u6f22"}}\n'
    bench.relay(
      {
        type: 'call',
        ch: 'c',
        key: keyOf(1),
        method: 'x',
        id: spanAfter(Buffer.from(body), '"id":'),
        ra: 'r',
        tag: 't',
        size: Buffer.byteLength(body),
      },
      body,
    )
    expect(bench.child.lines).toEqual([`${body.replace('\r\n', '  ').replace('\n', ' ')}\n`])
    bench.child.says(result(1))
    expect(bench.of('answer')).toMatchObject([{ key: keyOf(1), ra: 'r', failed: false }])
  })

  test('Channel with `keep` tells 1 from "1", and takes "\\u0031" for "1"', () => {
    const bench = new Bench()
    bench.call(1, '1')
    bench.call(2, '"1"')
    bench.call(3, '"\\u0031"')
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(3), code: 'DUPLICATE_ID', executed: 'no' }])
    bench.child.says(result('1'))
    bench.child.says(result(1))
    expect(bench.of('answer').map(({ key }) => key)).toEqual([keyOf(2), keyOf(1)])
  })

  test('Channel with `assign` returns each answer and each progress to its call under any interleaving', () => {
    const call = fc.record({
      id: fc.constantFrom('0', '1', '"1"', '7', '"x"'),
      token: fc.option(fc.constantFrom('0', '1', '"1"'), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), fc.infiniteStream(fc.nat()), (calls, luck) => {
        const bench = new Bench({ ids: 'assign', asks: 'refuse' })
        const open: number[] = []
        const step = (limit: number): number => Number(luck.next().value) % limit
        const answerOne = (): void => {
          const label = open.splice(step(open.length), 1)[0] ?? 0
          const written = bench.child.written[label]
          const id = written?.['id']
          if (calls[label]?.token !== undefined)
            bench.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1 } })
          bench.child.says(result(id, label))
        }
        calls.forEach(({ id, token }, label) => {
          bench.call(label, id, token === undefined ? {} : { token })
          open.push(label)
          while (open.length > 0 && step(3) === 0) answerOne()
        })
        while (open.length > 0) answerOne()
        expect(bench.of('failed')).toEqual([])
        const answers = bench.sent.filter(({ frame }) => frame.type === 'answer')
        expect(answers).toHaveLength(calls.length)
        for (const { frame, text } of answers) {
          if (frame.type !== 'answer') continue
          const { id, result: label } = JSON.parse(text) as { id: number; result: number }
          expect(frame).toMatchObject({ key: keyOf(label), ra: `ra${label}` })
          expect(text.slice(...frame.id)).toBe(String(id))
          expect(id).toBe(label + 1)
        }
        const progress = bench.of('notification').map(({ ra, sure }) => [ra, sure])
        const expected = calls.flatMap(({ token }, label) => (token === undefined ? [] : [[`ra${label}`, true]]))
        expect(new Set(progress.map(String))).toEqual(new Set(expected.map(String)))
        expect(progress).toHaveLength(expected.length)
      }),
      { numRuns: 100 },
    )
  })

  test('Channel with `assign` writes the integer over id and token, and nothing else', () => {
    const bench = new Bench({ ids: 'assign' })
    bench.call(1, '"a long id of the client"', { token: '"a token"' })
    expect(bench.child.lines).toEqual(['{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":1}}}\n'])
  })

  test('Channel drops answers that are repeated, late or invented, and logs them', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(result(1))
    for (const id of [1, 2, '1', null])
      bench.child.says(id === null ? { jsonrpc: '2.0', id: null, error: { code: 1, message: '' } } : result(id))
    expect(bench.of('answer')).toHaveLength(1)
    expect(bench.logged.filter((line) => line.includes('unknown_answer'))).toHaveLength(4)
  })

  test('Channel takes a batch of the child apart', () => {
    const bench = new Bench()
    bench.call(1)
    bench.call(2)
    bench.child.says([result(2, 'two'), { jsonrpc: '2.0', method: 'notifications/x' }, result(1, 'one')])
    expect(bench.sent.map(({ text }) => text)).toEqual([
      JSON.stringify(result(2, 'two')),
      '{"jsonrpc":"2.0","method":"notifications/x"}',
      JSON.stringify(result(1, 'one')),
    ])
    expect(bench.of('answer').map(({ n, key }) => [n, key])).toEqual([
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
  ])('Channel drops %j from the child', (junk) => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(junk)
    expect(bench.sent).toEqual([])
    bench.child.says(result(1))
    expect(bench.of('answer')).toHaveLength(1)
  })
})

describe('keys', () => {
  test('Channel gives a call that runs its new return address, and does not run it again', () => {
    const bench = new Bench()
    bench.call(1)
    bench.call(1, '1', { ra: 'newer' })
    expect(ids(bench)).toEqual([1])
    expect(bench.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(1)] }])
    bench.child.says(result(1))
    expect(bench.of('answer')).toMatchObject([{ ra: 'newer' }])
  })

  test('Channel answers a call that ended from memory, with a new number', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(result(1, 'kept'))
    bench.call(1, '1', { ra: 'again' })
    expect(ids(bench)).toEqual([1])
    expect(bench.of('answer')).toMatchObject([
      { n: 1, ra: 'ra1' },
      { n: 2, ra: 'again', key: keyOf(1) },
    ])
    expect(bench.sent.at(-1)?.text).toBe(JSON.stringify(result(1, 'kept')))
  })

  test('Channel answers from memory on another channel than the one where the call ran', () => {
    const first = new Bench()
    first.call(1)
    first.child.says(result(1, 'kept'))
    const second = new Bench({ ch: 'c' }, first.memory)
    second.call(1, '1', { ra: 'there' })
    expect(second.of('answer')).toMatchObject([{ n: 1, ra: 'there' }])
    expect(second.child.lines).toEqual([])
  })

  test('Channel fails a call whose answer is kept no more as executed', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(result(1))
    bench.nowMs = ANSWER_KEEP_MS + 1
    bench.memory.sweep(bench.nowMs)
    bench.call(1, '1', { ra: 'late' })
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'late', code: 'ALREADY_EXECUTED', executed: 'yes' }])
    expect(ids(bench)).toEqual([1])
  })

  test('Channel fails a call that failed in the same way again', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.ends({ exitCode: 3, stderr: 'last words' })
    bench.call(1, '1', { ra: 'again' })
    const [first, second] = bench.of('failed')
    expect(second).toEqual({ ...first, ra: 'again' })
    expect(second).toMatchObject({ code: 'CHILD_START_FAILED', exitCode: 3, executed: 'unknown', stderr: 'last words' })
  })

  test('Channel passes a notification once, and receipts it when the child has taken it', () => {
    const bench = new Bench()
    bench.child.reads = false
    const key = bench.notify(1, { method: 'notifications/x' })
    bench.notify(1, { method: 'notifications/x' })
    expect(bench.of('receipts')).toEqual([])
    bench.child.read()
    expect(bench.of('receipts')).toEqual([{ type: 'receipts', keys: [key] }])
    bench.notify(1, { method: 'notifications/x' })
    expect(bench.of('receipts')).toHaveLength(2)
    expect(bench.child.lines).toHaveLength(1)
  })
})

describe('gate', () => {
  test('Channel sends a handshake and the call behind it one after the other', () => {
    const bench = new Bench()
    bench.call(1, '0', { gate: true, method: 'initialize' })
    bench.notify(2, { method: 'notifications/initialized' })
    bench.call(3, '5')
    expect(ids(bench)).toEqual([0])
    bench.child.says(result(0))
    expect(bench.child.written.map(({ method }) => method)).toEqual(['initialize', 'notifications/initialized', 'm'])
  })

  test('Channel opens a gate when its call fails, and fails what the child never saw as not executed', () => {
    const bench = new Bench()
    bench.call(1, '0', { gate: true })
    bench.call(2, '5')
    bench.child.ends({ exitCode: 1 })
    expect(bench.of('failed')).toMatchObject([
      { key: keyOf(1), executed: 'unknown' },
      { key: keyOf(2), executed: 'no' },
    ])
    expect(bench.of('died')).toMatchObject([{ reason: 'start', exitCode: 1 }])
  })

  test('Channel lets a cancellation overtake what waits behind a gate', () => {
    const bench = new Bench()
    bench.call(1, '0', { gate: true })
    bench.call(2, '5')
    bench.cancel(3, 2, '5')
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(2), code: 'CANCELLED', executed: 'no' }])
    bench.cancel(4, 1, '0')
    expect(bench.of('failed')[1]).toMatchObject({ key: keyOf(1), code: 'CANCELLED', executed: 'unknown' })
    expect(bench.child.written.map(({ method }) => method)).toEqual(['m', 'notifications/cancelled'])
    bench.call(5, '6')
    expect(ids(bench).at(-1)).toBe(6)
  })
})

describe('cancellation', () => {
  test.each(['keep', 'assign'] as const)(
    'Channel with `%s` names the call as the child knows it, ends it, and drops the late answer',
    (mode) => {
      const bench = new Bench({ ids: mode })
      bench.call(1, '41')
      bench.cancel(2, 1, '41')
      expect(bench.child.written[1]).toMatchObject({ params: { requestId: mode === 'keep' ? 41 : 1 } })
      expect(bench.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(2)] }])
      expect(bench.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'ra1', code: 'CANCELLED' }])
      bench.child.says(result(mode === 'keep' ? 41 : 1))
      expect(bench.of('answer')).toEqual([])
    },
  )

  test('Channel passes an unknown cancellation on with `keep`, and drops it with `assign`', () => {
    const own = new Bench()
    own.cancel(1, 9)
    expect(own.child.lines).toHaveLength(1)
    const shared = new Bench({ ids: 'assign' })
    shared.cancel(1, 9)
    expect(shared.child.lines).toEqual([])
    expect(shared.of('receipts')).toHaveLength(1)
  })
})

describe('asks', () => {
  test('Channel answers the ping of the child itself, with the id as it was', () => {
    const bench = new Bench({ asks: 'refuse' })
    bench.child.says('{"jsonrpc":"2.0","id":1.50,"method":"ping"}')
    expect(bench.child.lines).toEqual(['{"jsonrpc":"2.0","id":1.50,"result":{}}\n'])
    expect(bench.sent).toEqual([])
  })

  test('Channel with `refuse` answers every other request with -32601', () => {
    const bench = new Bench({ ids: 'assign', asks: 'refuse' })
    bench.child.says({ jsonrpc: '2.0', id: 'a', method: 'roots/list' })
    expect(bench.child.written).toMatchObject([{ id: 'a', error: { code: -32601 } }])
    expect(bench.sent).toEqual([])
  })

  test('Channel passes an ask on, and the first answer back to it, once', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says('{"jsonrpc":"2.0","id":"\\u0061","method":"roots/list"}')
    expect(bench.of('ask')).toMatchObject([{ n: 1, method: 'roots/list', rawId: '"\\u0061"', ra: 'ra1', sure: true }])
    const respond = (label: number, rawId: string): void => {
      const body = `{"jsonrpc":"2.0","id":${rawId},"result":{}}`
      bench.relay({ type: 'respond', ch: 'c', key: keyOf(label), rawId, size: body.length }, body)
    }
    respond(10, '"b"')
    respond(11, '"a"')
    respond(12, '"a"')
    expect(bench.child.lines.slice(1)).toEqual(['{"jsonrpc":"2.0","id":"a","result":{}}\n'])
    expect(bench.of('receipts')).toHaveLength(3)
  })

  test("Channel sends the child's cancellation of an ask where the ask went", () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says({ jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage' })
    bench.call(2)
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } })
    expect(bench.of('notification')).toMatchObject([{ method: 'notifications/cancelled', ra: 'ra1', sure: true }])
  })

  test('Channel answers the child when too many asks are open, and when a held one gives way', () => {
    const many = new Bench()
    for (let id = 0; id <= OPEN_ASKS; id++) many.child.says({ jsonrpc: '2.0', id, method: 'roots/list' })
    expect(many.child.written).toMatchObject([{ id: OPEN_ASKS, error: { code: -32015 } }])
    const held = new Bench()
    for (let id = 0; id <= HELD_MESSAGES; id++) {
      held.child.says({ jsonrpc: '2.0', id, method: 'roots/list' })
      held.relay({ type: 'hold', ch: 'c', n: id + 1 })
    }
    expect(held.child.written).toMatchObject([{ id: 0, error: { code: -32015, data: { code: 'CLIENT_UNREACHABLE' } } }])
  })
})

describe('notifications', () => {
  test('Channel reports where token, progress, uri and subscription id stand', () => {
    const bench = new Bench()
    bench.call(1, '1', { token: '"tok"' })
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'tok', progress: 0.5 } })
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///é' } })
    const [progress, updated] = bench.of('notification')
    const text = bench.sent[0]?.text ?? ''
    expect([progress?.token, progress?.progress].map((span) => text.slice(...(span ?? [0, 0])))).toEqual(['"tok"', '0.5'])
    expect(updated).toMatchObject({ uri: 'file:///é', ra: 'ra1', sure: true })
  })

  test('Channel drops progress for a token that no running call has', () => {
    const bench = new Bench()
    bench.call(1, '1', { token: '5' })
    bench.child.says(result(1))
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 5, progress: 1 } })
    expect(bench.of('notification')).toEqual([])
  })
})

describe('listens', () => {
  const LISTEN = { method: 'subscriptions/listen' }
  const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

  function changed(subscriptionId: unknown): object {
    return { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta: { [SUBSCRIPTION]: subscriptionId } } }
  }

  test('Channel with `assign` gives each listen what speaks of it, with the span of the id to put back', () => {
    const bench = new Bench({ ids: 'assign' })
    for (const label of [1, 2]) bench.call(label, '"listen:0"', LISTEN)
    bench.call(3)
    bench.child.says(changed(2))
    bench.child.says(changed(1))
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info' } })
    expect(bench.of('notification')).toMatchObject([
      { ra: 'ra2', sure: true },
      { ra: 'ra1', sure: true },
      { ra: 'ra3', sure: true },
    ])
    const [second, first] = bench.sent.filter(({ frame }) => frame.type === 'notification')
    for (const [sent, id] of [[second, '2'] as const, [first, '1'] as const]) {
      const span = sent?.frame.type === 'notification' ? sent.frame.subscriptionId : undefined
      expect(sent?.text.slice(...(span ?? [0, 0]))).toBe(id)
    }
  })

  test('Channel drops what speaks of a listen that was cancelled, and gives it to no other call', () => {
    const bench = new Bench()
    bench.call(1, '"listen:0"', LISTEN)
    bench.call(2, '7')
    bench.cancel(3, 1, '"listen:0"')
    bench.child.says(changed('listen:0'))
    expect(bench.of('notification')).toEqual([])
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(1), code: 'CANCELLED' }])
    expect(bench.child.written.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: 'listen:0' } })
  })

  test.each<[string, string]>([
    ['{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":1}}}', '1'],
    [' {"result":{"_meta":{"x":{"_meta":2},"io.modelcontextprotocol\\u002fsubscriptionId":"1"}},"jsonrpc":"2.0","id":1}', '"1"'],
  ])('Channel says where the answer to a listen repeats its id: %s', (line, id) => {
    const bench = new Bench({ ids: 'assign' })
    const key = bench.call(1, '"listen:0"', LISTEN)
    bench.child.says(line)
    // Asked once more, the kept answer says the same.
    bench.call(1, '"listen:0"', { ...LISTEN, key })
    const answers = bench.of('answer')
    expect(answers).toHaveLength(2)
    for (const { subscriptionId } of answers) expect(line.slice(...(subscriptionId ?? [0, 0]))).toBe(id)
  })

  test.each([
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":[]}',
    '{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":{}}}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":""}}',
  ])('Channel passes an answer to a listen on that names no subscription: %s', (line) => {
    const bench = new Bench()
    bench.call(1, '1', LISTEN)
    bench.child.says(line)
    expect(bench.of('answer').map((answer) => 'subscriptionId' in answer)).toEqual([false])
  })

  test('Channel looks for a subscription in no other answer', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(result(1, { _meta: { [SUBSCRIPTION]: 1 } }))
    expect(bench.of('answer').map((answer) => 'subscriptionId' in answer)).toEqual([false])
  })

  test('Channel ends a listen that the child takes back, and no other call', () => {
    const bench = new Bench({ ids: 'assign' })
    bench.call(1, '"listen:0"', LISTEN)
    bench.call(2)
    for (const requestId of [1, 2]) bench.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(1), ra: 'ra1', code: 'CANCELLED', executed: 'yes' }])
    bench.child.says(result(2))
    expect(bench.of('answer')).toMatchObject([{ key: keyOf(2) }])
  })

  test("Channel takes the child's cancellation of an ask for that, also when a listen has the same id", () => {
    const bench = new Bench()
    bench.call(1, '1', LISTEN)
    bench.child.says({ jsonrpc: '2.0', id: 1, method: 'roots/list' })
    bench.child.says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    expect(bench.of('failed')).toEqual([])
    expect(bench.of('notification')).toHaveLength(1)
  })

  test('Channel passes an answer that asks for input on like any other', () => {
    const bench = new Bench({ ids: 'assign' })
    bench.call(1, '"a"')
    bench.child.says(result(1, { resultType: 'input_required', requestState: 's' }))
    expect(bench.of('answer')).toMatchObject([{ key: keyOf(1), failed: false }])
    expect(bench.channel.isQuiet).toBe(true)
  })

  test('Channel is quiet and idle while it is only listened to', () => {
    const bench = new Bench()
    bench.nowMs = 5
    bench.call(1, '1', LISTEN)
    expect([bench.channel.isQuiet, bench.channel.idleSinceMs, bench.channel.hasListener]).toEqual([true, 5, true])
    bench.call(2)
    expect([bench.channel.isQuiet, bench.channel.idleSinceMs]).toEqual([false, undefined])
    bench.child.says(result(2))
    bench.child.says(result(1))
    expect(bench.channel.hasListener).toBe(false)
  })
})

describe('death', () => {
  test('Channel fails its calls with what is known, then says that it died', () => {
    const bench = new Bench()
    bench.call(1)
    bench.child.says(result(1))
    bench.call(2)
    bench.child.reads = false
    bench.call(3)
    bench.child.ends({ exitCode: null, signal: 'SIGKILL', stderr: 'oh' })
    expect(bench.sent.slice(1).map(({ frame }) => frame)).toEqual([
      {
        type: 'failed',
        ch: 'c',
        key: keyOf(2),
        ra: 'ra2',
        code: 'CHILD_DIED',
        executed: 'unknown',
        exitCode: null,
        signal: 'SIGKILL',
        stderr: 'oh',
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
        stderr: 'oh',
      },
      { type: 'died', ch: 'c', reason: 'exit', exitCode: null, signal: 'SIGKILL', stderr: 'oh' },
    ])
  })

  test('Channel fails calls that come after its death, and receipts notifications', () => {
    const bench = new Bench()
    bench.child.ends({ exitCode: null, startError: 'command not found: x' })
    bench.call(1)
    bench.notify(2, { method: 'notifications/x' })
    expect(bench.of('failed')).toMatchObject([{ code: 'CHILD_START_FAILED', executed: 'no', detail: 'command not found: x' }])
    expect(bench.of('receipts')).toHaveLength(1)
  })

  test('Channel that is closed fails its calls at once, and takes no word of the child any more', () => {
    const bench = new Bench()
    bench.call(1)
    void bench.channel.stop('closed')
    expect(bench.of('failed')).toMatchObject([{ code: 'CHANNEL_CLOSED', executed: 'unknown' }])
    expect(bench.child.stopped).toBe(true)
    bench.child.says(result(1))
    bench.child.ends()
    expect(bench.of('answer')).toEqual([])
    expect(bench.of('died')).toMatchObject([{ reason: 'closed' }])
  })

  test('Channel fails a call whose answer is over the limit as executed, and lives on', () => {
    const bench = new Bench()
    bench.call(1)
    bench.call(2)
    bench.child.handlers.tooLong(Buffer.from('{"jsonrpc":"2.0","id":2,"result":"xxx'), Buffer.from('xxx"}'), 1e8)
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(2), code: 'LINE_TOO_LONG', executed: 'yes' }])
    bench.child.says(result(1))
    expect(bench.of('answer')).toHaveLength(1)
  })
})

describe('flow', () => {
  test('Channel stops reading its child while the credit is used up, and goes on with more', () => {
    const bench = new Bench()
    const big = 'x'.repeat(CHUNK_BYTES - 100)
    for (let label = 0; label < 24; label++) {
      bench.call(label)
      bench.child.says(result(label, big))
    }
    expect(bench.child.paused).toBe(true)
    const at = bench.of('answer').at(-1)?.at ?? 0
    expect(at).toBeLessThanOrEqual(CHANNEL_WINDOW_BYTES)
    bench.relay({ type: 'credit', ch: 'c', upto: at + CHANNEL_WINDOW_BYTES })
    expect(bench.child.paused).toBe(false)
    expect(bench.of('answer')).toHaveLength(24)
  })

  test('Channel stops reading its child while there is no link, and sends all on the next', () => {
    const bench = new Bench()
    bench.call(1)
    bench.call(2)
    bench.link.writable = false
    bench.channel.linkLost()
    bench.child.says(result(1, 'x'.repeat(OUTBOX_PAUSE_BYTES)))
    expect(bench.child.paused).toBe(true)
    bench.child.says(result(2))
    bench.link.writable = true
    bench.channel.linkRestored()
    expect(bench.child.paused).toBe(false)
    expect(bench.of('answer').map(({ n, key }) => [n, key])).toEqual([
      [1, keyOf(1)],
      [2, keyOf(2)],
    ])
  })

  test('Channel fails calls with BACKLOG_FULL while the child leaves 16 MiB unread', () => {
    const bench = new Bench({ ids: 'assign' })
    bench.child.reads = false
    const body = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"m","params":"${'x'.repeat(CHUNK_BYTES)}"}`)
    let label = 0
    while (bench.of('failed').length === 0)
      bench.relay(
        { type: 'call', ch: 'c', key: keyOf(++label), method: 'm', id: [22, 23], ra: '', tag: `t${label}`, size: body.length },
        body,
      )
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(label), code: 'BACKLOG_FULL', executed: 'no' }])
    expect(bench.child.lines).toHaveLength(Math.floor(BACKLOG_BYTES / body.length))
    bench.child.read()
    bench.call(9999)
    expect(ids(bench)).toHaveLength(label)
  })

  test('Channel fails an upload with a gap, and forgets one that a broken link left', () => {
    const bench = new Bench()
    const header = { type: 'call', ch: 'c', method: 'm', id: [6, 7], ra: '', tag: '', size: 100 } as const
    bench.relay({ ...header, key: keyOf(1), tag: 'a' }, '{"id":1')
    bench.relay({ type: 'upload', ch: 'c', key: keyOf(1), offset: 9 }, 'x')
    expect(bench.of('failed')).toMatchObject([{ key: keyOf(1), code: 'UPLOAD_BROKEN', executed: 'no' }])
    bench.relay({ ...header, key: keyOf(2), tag: 'b' }, '{"id":1')
    expect(bench.memory.held(0)).toContain(keyOf(2))
    bench.channel.linkLost()
    expect(bench.memory.held(0)).not.toContain(keyOf(2))
    expect(bench.channel.isQuiet).toBe(true)
  })
})
