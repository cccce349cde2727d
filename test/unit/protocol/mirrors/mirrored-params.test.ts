import { describe, expect, test } from 'vitest'
import { readMirroredParams } from '../../../../protocol/mirrors/mirrored-params.ts'
import { verifies } from '../../../requirements/verifies.ts'

const annotated = (schema: object): object => ({ type: 'object', properties: schema })

describe('readMirroredParams()', () => {
  test('finds annotations through properties at any depth', () => {
    const schema = annotated({
      region: { type: 'string', 'x-mcp-header': 'Region' },
      deep: annotated({ count: { type: 'integer', 'x-mcp-header': 'Count' } }),
      // A property of that name is a property like any other.
      'x-mcp-header': { type: 'string' },
      noted: { type: 'string', default: { 'x-mcp-header': 'no annotation' }, enum: [{ 'x-mcp-header': 'nor this' }] },
    })
    const found = readMirroredParams(schema)
    expect(found.ok && found.value.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'Count', path: ['deep', 'count'] },
      { name: 'Region', path: ['region'] },
    ])
    expect(readMirroredParams(undefined)).toEqual({ ok: true, value: [] })
  })

  test.each([
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': '' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 'a b' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 'a\r\nb' } })],
    ['not_a_token', annotated({ a: { type: 'string', 'x-mcp-header': 7 } })],
    ['not_primitive', annotated({ a: { type: 'number', 'x-mcp-header': 'A' } })],
    ['not_primitive', annotated({ a: { type: 'object', 'x-mcp-header': 'A' } })],
    ['not_primitive', annotated({ a: { 'x-mcp-header': 'A' } })],
    ['duplicate', annotated({ a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } })],
    ['misplaced', { type: 'string', 'x-mcp-header': 'A' }],
    ['misplaced', annotated({ a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } } })],
    ['misplaced', annotated({ a: { type: 'array', items: annotated({ b: { type: 'string', 'x-mcp-header': 'A' } }) } })],
    ['misplaced', { oneOf: [annotated({ a: { type: 'string', 'x-mcp-header': 'A' } })] }],
    ['misplaced', { if: annotated({ a: { type: 'string', 'x-mcp-header': 'A' } }) }],
    ['misplaced', { $defs: { a: { type: 'string', 'x-mcp-header': 'A' } } }],
    ['misplaced', { additionalProperties: { type: 'string', 'x-mcp-header': 'A' } }],
  ])('refuses an annotation that is %s: %j', (error, schema) => {
    verifies('modern.param.annotations')
    expect(readMirroredParams(schema)).toEqual({ ok: false, error })
  })

  test('walks a schema nested 100,000 deep', () => {
    let schema: object = { type: 'string', 'x-mcp-header': 'A' }
    for (let depth = 0; depth < 100_000; depth++) schema = { not: schema }
    expect(readMirroredParams(schema)).toEqual({ ok: false, error: 'misplaced' })
  })
})
