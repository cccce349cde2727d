/** The ids under which a child sees its calls. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../../requirements/verifies.ts'
import { keyOf, spanAfter } from '../scripted-relay.ts'
import { TestChannel } from '../test-channel.ts'

function result(id: unknown, value: unknown = 'ok'): object {
  return { jsonrpc: '2.0', id, result: value }
}

describe('ids', () => {
  test('Intake with `keep` writes calls byte for byte, as one line each', () => {
    verifies('promise.1.ids-kept', 'stdio.only-messages')
    const scene = new TestChannel()
    const body = '{"jsonrpc":"2.0",\r\n"id":1.0,"method":"x","params":{"n":9007199254740993,"漢":"\\u6f22"}}\n'
    scene.relay(
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
    expect(scene.child.lines).toEqual([`${body.replace('\r\n', '  ').replace('\n', ' ')}\n`])
    scene.child.says(result(1))
    expect(scene.of('answer')).toMatchObject([{ key: keyOf(1), ra: 'r', failed: false }])
  })

  test('Intake tells the child who calls where that is wanted: as the call says, else whose child it is', () => {
    verifies('promise.1.tells-principal')
    const told = (tellsPrincipal: boolean, owner?: string, principal?: string): unknown => {
      const scene = new TestChannel(owner === undefined ? {} : { owner }, undefined, false, tellsPrincipal)
      scene.call(1, '1', principal === undefined ? {} : { principal })
      const { params } = JSON.parse(scene.child.lines[0] ?? '') as { readonly params: { readonly _meta?: unknown } }
      return params._meta
    }
    expect(told(true, 'client:1', 'client:2')).toEqual({ 'mcp-edge/principal': 'client:2' })
    expect(told(true, 'client:1')).toEqual({ 'mcp-edge/principal': 'client:1' })
    expect(told(true)).toBeUndefined()
    expect(told(false, 'client:1', 'client:2')).toBeUndefined()
  })

  test('Intake with `keep` tells 1 from "1", and takes "\\u0031" for "1"', () => {
    verifies('promise.1.ids-distinct')
    const scene = new TestChannel()
    scene.call(1, '1')
    scene.call(2, '"1"')
    scene.call(3, '"\\u0031"')
    expect(scene.of('failed')).toMatchObject([{ key: keyOf(3), code: 'DUPLICATE_ID', executed: 'no' }])
    scene.child.says(result('1'))
    scene.child.says(result(1))
    expect(scene.of('answer').map(({ key }) => key)).toEqual([keyOf(2), keyOf(1)])
  })

  test('Intake with `assign` returns each answer and each progress to its call under any interleaving', () => {
    verifies('promise.1.ids-assigned', 'promise.1.same-ids')
    const call = fc.record({
      id: fc.constantFrom('0', '1', '"1"', '7', '"x"'),
      token: fc.option(fc.constantFrom('0', '1', '"1"'), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), fc.infiniteStream(fc.nat()), (calls, luck) => {
        const scene = new TestChannel({ ids: 'assign', asks: 'refuse' })
        const open: number[] = []
        const step = (limit: number): number => Number(luck.next().value) % limit
        const answerOne = (): void => {
          const label = open.splice(step(open.length), 1)[0] ?? 0
          const written = scene.child.written[label]
          const id = written?.['id']
          if (calls[label]?.token !== undefined)
            scene.child.says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1 } })
          scene.child.says(result(id, label))
        }
        calls.forEach(({ id, token }, label) => {
          scene.call(label, id, token === undefined ? {} : { token })
          open.push(label)
          while (open.length > 0 && step(3) === 0) answerOne()
        })
        while (open.length > 0) answerOne()
        expect(scene.of('failed')).toEqual([])
        const answers = scene.sent.filter(({ frame }) => frame.type === 'answer')
        expect(answers).toHaveLength(calls.length)
        for (const { frame, text } of answers) {
          if (frame.type !== 'answer') continue
          const { id, result: label } = JSON.parse(text) as { id: number; result: number }
          expect(frame).toMatchObject({ key: keyOf(label), ra: `ra${label}` })
          expect(text.slice(...frame.id)).toBe(String(id))
          expect(id).toBe(label + 1)
        }
        const progress = scene.of('notification').map(({ ra, sure }) => [ra, sure])
        const expected = calls.flatMap(({ token }, label) => (token === undefined ? [] : [[`ra${label}`, true]]))
        expect(new Set(progress.map(String))).toEqual(new Set(expected.map(String)))
        expect(progress).toHaveLength(expected.length)
      }),
      { numRuns: 100 },
    )
  })

  test('Intake with `assign` writes the integer over id and token, and nothing else', () => {
    verifies('promise.1.ids-assigned')
    const scene = new TestChannel({ ids: 'assign' })
    scene.call(1, '"a long id of the client"', { token: '"a token"' })
    expect(scene.child.lines).toEqual(['{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":1}}}\n'])
  })
})
