import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { concat, replacement, splice, type Replacement } from '../../../protocol/splice.ts'
import { verifies } from '../../requirements/verifies.ts'
import { request } from './message-arbitrary.ts'

const text = new TextDecoder()

interface Edit {
  readonly body: Uint8Array
  readonly replacements: readonly Replacement[]
}

/** A body with a few spans in any order, none empty and none overlapping, and bytes for each. */
const edit: fc.Arbitrary<Edit> = fc.uint8Array({ maxLength: 80 }).chain((body) => {
  const ends = fc.uniqueArray(fc.nat(body.length), { maxLength: 8 }).map((cuts) => cuts.toSorted((a, b) => a - b))
  return fc.tuple(ends, fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: 4, maxLength: 4 })).chain(([cuts, bytes]) => {
    const replacements: Replacement[] = []
    for (let at = 0; at + 1 < cuts.length; at += 2) {
      replacements.push({ span: [cuts[at] ?? 0, cuts[at + 1] ?? 0], bytes: bytes[at / 2] ?? new Uint8Array(0) })
    }
    return fc
      .shuffledSubarray(replacements, { minLength: replacements.length, maxLength: replacements.length })
      .map((shuffled) => ({ body, replacements: shuffled }))
  })
})

/** What splicing means, byte by byte. */
function spelledOut({ body, replacements }: Edit): number[] {
  return [...body].flatMap((byte, at) => {
    const hit = replacements.find(({ span }) => span[0] <= at && at < span[1])
    if (hit === undefined) return [byte]
    return hit.span[0] === at ? [...hit.bytes] : []
  })
}

function parts(body: Uint8Array, cuts: readonly number[]): { part: Uint8Array; offset: number }[] {
  const ends = [...cuts.map((cut) => cut % (body.length + 1)), body.length].toSorted((a, b) => a - b)
  return ends.map((end, at) => ({ part: body.subarray(ends[at - 1] ?? 0, end), offset: ends[at - 1] ?? 0 }))
}

describe('splice()', () => {
  test('replaces the spans and no other byte, whatever their order', () => {
    verifies('promise.1.bodies-untouched')
    fc.assert(
      fc.property(edit, (given) => {
        expect([...splice(given.body, given.replacements)]).toEqual(spelledOut(given))
      }),
      { numRuns: 500 },
    )
  })

  test('part by part, in any chunking (empty parts too), equals splicing the whole', () => {
    fc.assert(
      fc.property(edit, fc.array(fc.nat(), { maxLength: 12 }), ({ body, replacements }, cuts) => {
        const spliced = parts(body, cuts).map(({ part, offset }) => splice(part, replacements, offset))
        expect([...concat(spliced)]).toEqual([...splice(body, replacements)])
      }),
      { numRuns: 1000 },
    )
  })

  test('byte by byte equals splicing the whole', () => {
    fc.assert(
      fc.property(edit, ({ body, replacements }) => {
        const spliced = [...body].map((byte, offset) => splice(Uint8Array.of(byte), replacements, offset))
        expect([...concat(spliced)]).toEqual([...splice(body, replacements)])
      }),
    )
  })

  test('leaves the given bytes as they were', () => {
    fc.assert(
      fc.property(edit, ({ body, replacements }) => {
        const before = body.slice()
        splice(body, replacements)
        expect(body).toEqual(before)
      }),
    )
  })

  test('gives the part itself when no span touches it', () => {
    const part = Uint8Array.of(1, 2, 3)
    expect(splice(part, [])).toBe(part)
    expect(splice(part, [replacement([0, 5], 'x'), replacement([8, 9], 'y')], 5)).toBe(part)
  })

  test('undoes itself: ids written over a message, then put back, give the message', () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.nat(), fc.array(fc.nat(), { maxLength: 6 }), ({ bytes }, id, token, cuts) => {
        const facts = scanMessage(bytes)
        if (!facts.ok) throw new Error(facts.error)
        const edits = [
          { value: facts.value.id, to: id },
          { value: facts.value.requestToken, to: token },
        ].flatMap(({ value, to }) => (value === undefined ? [] : [replacement(value.span, String(to))]))
        const sent = concat(parts(bytes, cuts).map(({ part, offset }) => splice(part, edits, offset)))
        const arrived = scanMessage(sent)
        if (!arrived.ok) throw new Error(arrived.error)
        expect(arrived.value.id?.raw).toBe(String(id))
        expect(arrived.value.requestToken?.raw).toBe(facts.value.requestToken === undefined ? undefined : String(token))
        const undo = [
          [arrived.value.id, facts.value.id],
          [arrived.value.requestToken, facts.value.requestToken],
        ].flatMap(([now, then]) => (now && then ? [replacement(now.span, then.raw)] : []))
        expect(text.decode(splice(sent, undo))).toBe(text.decode(bytes))
      }),
    )
  })

  test.each([
    [
      'the one inside the other',
      [
        [2, 8],
        [4, 6],
      ],
    ],
    [
      'the same twice',
      [
        [2, 4],
        [2, 4],
      ],
    ],
    [
      'by one byte',
      [
        [2, 5],
        [4, 6],
      ],
    ],
    [
      'in the other order',
      [
        [4, 6],
        [2, 5],
      ],
    ],
  ] as const)('throws a RangeError for spans that overlap: %s', (_, spans) => {
    expect(() =>
      splice(
        new Uint8Array(10),
        spans.map((span) => replacement(span, 'x')),
      ),
    ).toThrow(RangeError)
  })

  test.each([[[3, 3]], [[5, 3]], [[0, 0]]] as const)('throws a RangeError for a span that holds no byte: %j', (span) => {
    expect(() => splice(new Uint8Array(10), [replacement(span, 'x')])).toThrow(RangeError)
  })
})

describe('replacement()', () => {
  test('writes text as UTF-8', () => {
    expect([...splice(Uint8Array.of(0x31), [replacement([0, 1], 'я😀')])]).toEqual([0xd1, 0x8f, 0xf0, 0x9f, 0x98, 0x80])
  })
})

describe('concat()', () => {
  test('is all bytes in order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (pieces) => {
        expect([...concat(pieces)]).toEqual(pieces.flatMap((piece) => [...piece]))
      }),
    )
  })
})
